"""Until when a session is time-locked, as WAHA may say it."""

import json
import math
from typing import Any

import hypothesis.strategies as st
import pytest
import trio
import trio.testing
from hypothesis import given

from tests.core.messages import message
from tests.simulator.running import running
from tests.waha_server import waha
from trio_wa.adapters.waha.answer import Answer
from trio_wa.adapters.waha.timelock import LONGEST_SECONDS, timelock_of
from trio_wa.core.outcome import Sent, Unavailable
from trio_wa.core.session import Session
from trio_wa.simulator import SimulatorOptions

NOW = 1_795_500_000.0  # 2026-11-24T06:00:00Z
HOUR = 3600.0
ENDS = NOW + HOUR


def read(answer: object, status: int = 200) -> float | None:
    return timelock_of(Answer(status, {}, json.dumps(answer).encode(), NOW))


def lock(ends: object) -> dict[str, Any]:
    return {"isActive": True, "timeEnforcementEnds": ends}


@pytest.mark.parametrize(
    "ends",
    [
        ENDS,
        int(ENDS),
        int(ENDS * 1000),
        str(int(ENDS)),
        str(int(ENDS * 1000)),
        "2026-11-24T07:00:00Z",
        "2026-11-24T07:00:00.000Z",
        "2026-11-24T07:00:00",
        "2026-11-24T14:00:00+07:00",
    ],
)
def test_an_end_is_read_in_every_notation(ends: object) -> None:
    assert read(lock(ends)) == ENDS
    assert read({"is_active": True, "time_enforcement_ends": ends}) == ENDS
    assert read({"timeEnforcementEnds": ends}) == ENDS


@pytest.mark.parametrize("name", ["reachout", "timelock", "data"])
def test_the_state_may_lie_one_level_down(name: str) -> None:
    assert read({name: lock(ENDS)}) == ENDS
    assert read({"session": "default", name: {"isActive": False}}) == 0.0
    assert read({"name": {"further": lock(ENDS)}}) is None
    assert read({name: {name: lock(ENDS)}}) is None


@pytest.mark.parametrize(
    "state",
    [
        {"isActive": False},
        {"is_active": False},
        {"isActive": False, "timeEnforcementEnds": None},
        {"isActive": False, "timeEnforcementEnds": ENDS},
        lock(NOW),
        lock(NOW - 1),
        lock("2026-11-24T05:59:59Z"),
        lock("2026-11-24"),
        {"timeEnforcementEnds": NOW - 1},
    ],
)
def test_no_lock_is_in_force(state: object) -> None:
    assert read(state) == 0.0


@pytest.mark.parametrize(
    "state",
    [
        {"isActive": True},
        lock(None),
        lock(0),
        lock(-1),
        lock("0001-01-01T00:00:00Z"),
        lock("0001-01-01T00:00:00+14:00"),
        lock("soon"),
        lock(""),
        lock("9" * 5000),
        lock(True),
        lock([ENDS]),
        lock(math.nan),
        lock(math.inf),
        lock(10**400),
        {"isActive": "false"},
        {"isActive": 0},
        {},
        [],
        None,
        "locked",
        [lock(ENDS)],
        {"data": [lock(ENDS)]},
    ],
)
def test_what_tells_no_end_is_none(state: object) -> None:
    assert read(state) is None


@pytest.mark.parametrize("ends", [NOW + 31 * 86_400, 1e300, "9999-12-31T23:59:59Z", ENDS * 1e6])
def test_an_end_far_ahead_is_cut_to_30_days(ends: object) -> None:
    assert read(lock(ends)) == NOW + LONGEST_SECONDS == NOW + 30 * 86_400


@pytest.mark.parametrize("status", [301, 400, 401, 404, 422, 500, 503])
def test_a_waha_that_refuses_tells_nothing(status: int) -> None:
    assert read(lock(ENDS), status) is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[" * 100_000, b'{"isActive":'])
def test_what_is_no_json_tells_nothing(body: bytes) -> None:
    assert timelock_of(Answer(200, {}, body, NOW)) is None


NAMES = [
    *("isActive", "is_active", "timeEnforcementEnds", "time_enforcement_ends"),
    *("reachout", "timelock", "data"),
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=12,
)


@given(st.integers(100, 599), json_values)
def test_no_answer_raises_and_each_end_lies_ahead(status: int, answer: object) -> None:
    until = read(answer, status)
    assert until is None or until == 0.0 or NOW < until <= NOW + LONGEST_SECONDS


@given(st.integers(100, 599), st.binary(max_size=200))
def test_no_garbage_raises(status: int, body: bytes) -> None:
    assert timelock_of(Answer(status, {}, body, NOW)) in (None, 0.0)


async def test_the_simulated_waha_tells_the_end(autojump_clock: trio.testing.MockClock) -> None:
    async with running() as server:
        session = Session("default", server.url)
        async with waha().connect() as sender, waha().observe() as observer:
            assert await observer.timelock(session) == 0.0
            server.simulator.timelock("default", HOUR)
            began = server.simulator.now()
            refused = await sender.send(message(1), session)
            assert isinstance(refused, Unavailable)
            assert (refused.code, refused.fault) == ("timelock", "contact")
            assert await observer.timelock(session) == pytest.approx(began + HOUR, abs=0.01)
            await trio.sleep(HOUR + 1)
            assert isinstance(await sender.send(message(1), session), Sent)
            assert await observer.timelock(session) == 0.0
            assert await observer.timelock(Session("nobody", server.url)) is None


async def test_an_older_waha_does_not_tell_the_end() -> None:
    async with running(SimulatorOptions(tells_timelocks=False)) as server:
        server.simulator.timelock("default", HOUR)
        async with waha().observe() as observer:
            assert await observer.timelock(Session("default", server.url)) is None
