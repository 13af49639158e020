"""A strict observer counts the sends of a session in every window."""

import contextlib

import httpx
import hypothesis.strategies as st
import pytest
import trio
from hypothesis import given

from tests.simulator.running import HELLO, running
from trio_wa.simulator import Attempt, Faults, Ghost, PaceLimit, SimulatorOptions
from trio_wa.simulator.observer import most_within, observe

EPOCH = 1_795_500_000.0
GROUP = "120363025@g.us"


def attempts(*times: float, new: bool = False) -> list[Attempt]:
    return [
        Attempt(n, EPOCH + at, "sendText", "a", "1@c.us", {}, {}, taken=True, new_contact=new)
        for n, at in enumerate(times)
    ]


def test_sends_are_counted_in_each_window():
    pace = observe(attempts(0, 1, 4.9, 5, 59, 61, 3599, 3600, 3601, 86_399, 86_400, 90_000))
    assert (pace.sends, pace.per_5s, pace.per_minute) == (12, 3, 5)
    assert (pace.per_hour, pace.per_day) == (7, 10)
    assert pace.gap == pytest.approx(0.1)
    assert pace.new_contacts_per_hour == 0


def test_new_contacts_are_counted_by_the_hour():
    known, new = attempts(0, 1, 2), attempts(0, 1800, 3599.9, 3600.1, 9000, new=True)
    assert observe([*known, *new]).new_contacts_per_hour == 3


def test_what_lies_a_window_apart_is_never_in_one():
    for gap in (0.1, 0.3, 0.5, 1.0, 2.5):
        pace = observe(attempts(*(n * gap for n in range(2000))))
        assert pace.per_5s == round(5 / gap)
        assert pace.violations(PaceLimit(gap=gap, per_5s=round(5 / gap))) == []


@pytest.mark.parametrize("times", [(), (7,)])
def test_one_send_has_no_gap_and_none_no_pace(times):
    pace = observe(attempts(*times))
    assert (pace.gap, pace.sends, pace.per_5s, pace.per_day) == (None, *[len(times)] * 3)
    assert pace.violations(PaceLimit(per_minute=1, gap=5)) == []


@given(st.lists(st.integers(0, 100), max_size=40), st.integers(1, 50))
def test_two_pointers_find_what_every_window_shows(times, seconds):
    times.sort()
    windows = [sum(begin <= at < begin + seconds for at in times) for begin in times]
    assert most_within(times, seconds) == max(windows, default=0)


def test_violations_say_what_was_too_fast():
    pace = observe(attempts(0, 1, 2, 3, new=True))
    limit = PaceLimit(per_5s=4, per_minute=3, new_contacts_per_hour=2, gap=2)
    assert pace.violations(limit) == [
        "per_minute: 4, and 3 are allowed",
        "new_contacts_per_hour: 4, and 2 are allowed",
        "gap: 1.000 s, and 2 s are asked for",
    ]
    assert pace.violations(PaceLimit()) == []
    assert pace.violations(PaceLimit(per_day=0)) == ["per_day: 4, and 0 are allowed"]


@pytest.mark.parametrize(
    ("faults", "taken"),
    [
        ({}, True),
        ({"lose": 1}, True),
        ({"cut_after": 1}, True),
        ({"error_after": 1}, True),
        ({"gateway_timeout_after": 1}, True),
        ({"deliver_after_hang": 1, "hang_seconds": 5}, True),
        ({"cut_before": 1}, False),
        ({"hang": 1, "hang_seconds": 5}, False),
        ({"engine_error": 1}, False),
        ({"time_lock": 1}, False),
        ({"proxy_503": 1}, False),
        ({"flip_session": 1}, False),
    ],
)
async def test_what_waha_took_counts_whatever_its_client_learned(faults, taken, autojump_clock):
    async with running(SimulatorOptions(faults=Faults(**faults))) as waha:
        with contextlib.suppress(httpx.RemoteProtocolError, httpx.ReadError):
            await waha.text()
        assert waha.simulator.pace("default").sends == int(taken)


async def test_a_contact_is_new_once_for_each_session(autojump_clock):
    async with running(SimulatorOptions(sessions=("a", "b"))) as waha:
        waha.simulator.receive("2@c.us", "Hi", session="a")
        for session in "ab":
            for chat_id in (HELLO["chatId"], HELLO["chatId"], "2@c.us", GROUP):
                await waha.text(session=session, chatId=chat_id)
        assert waha.simulator.pace("a").new_contacts_per_hour == 1
        assert waha.simulator.pace("b").new_contacts_per_hour == 2
        assert waha.simulator.pace("a").sends == 4


async def test_a_ghost_is_paced_as_any_other(autojump_clock):
    async with running(SimulatorOptions(troubles=(Ghost("default"),))) as waha:
        for _ in range(3):
            await waha.text()
            await trio.sleep(2)
        pace = waha.simulator.pace("default")
    assert (pace.sends, pace.per_5s, pace.new_contacts_per_hour) == (3, 3, 1)
    assert pace.gap == pytest.approx(2, abs=0.01)


async def test_only_a_session_that_exists_has_a_pace():
    async with running() as waha:
        assert waha.simulator.pace("default").sends == 0
        with pytest.raises(KeyError):
            waha.simulator.pace("x")
