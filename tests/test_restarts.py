"""Restarts are asked for one by one, and not more often than they may be."""

import itertools

import pytest
import structlog
import trio
import trio.testing

from tests.fakes import cancelled_at
from trio_wa.ports import Refusal
from trio_wa.restarts import PAUSE_SECONDS, WAITING, Restarts

REFUSAL = Refusal("waha_unavailable", "it is away")


class Bench:
    """A WAHA that restarts a session after `seconds`, or refuses to."""

    def __init__(self, *, limit: int = 3, seconds: float = 0.0) -> None:
        self.asked: list[str] = []
        self.restarted: list[str] = []
        self.refusal: Refusal | None = None
        self._seconds = seconds
        self.restarts = Restarts(self, limit=limit, on_restart=self.restarted.append)

    async def restart(self, session: str) -> Refusal | None:
        self.asked.append(session)
        await trio.sleep(self._seconds)
        return self.refusal


async def test_a_restart_is_asked_for_and_told(nursery: trio.Nursery) -> None:
    bench = Bench()
    nursery.start_soon(bench.restarts.run)
    bench.restarts.want("a", "breaker")
    assert bench.asked == []  # whoever wants it does not wait
    await trio.testing.wait_all_tasks_blocked()
    assert (bench.asked, bench.restarted) == (["a"], ["a"])


async def test_what_is_wanted_before_the_start_is_not_lost(nursery: trio.Nursery) -> None:
    bench = Bench()
    bench.restarts.want("a", "ghost")
    nursery.start_soon(bench.restarts.run)
    await trio.testing.wait_all_tasks_blocked()
    assert bench.asked == ["a"]


async def test_each_session_has_its_own_number_of_restarts(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(limit=2)
    nursery.start_soon(bench.restarts.run)
    with structlog.testing.capture_logs() as logs:
        for _ in range(5):
            bench.restarts.want("a", "breaker")
            await trio.sleep(PAUSE_SECONDS)
        bench.restarts.want("b", "breaker")
        await trio.sleep(PAUSE_SECONDS)
    assert bench.asked == ["a", "a", "b"]
    told = [each["session"] for each in logs if each["event"] == "session.restarts_exhausted"]
    assert told == ["a"] * 3


async def test_a_success_begins_a_new_row(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(limit=2)
    nursery.start_soon(bench.restarts.run)
    for times in (2, 4):
        for _ in range(5):
            bench.restarts.want("a", "breaker")
            await trio.sleep(PAUSE_SECONDS)
        assert bench.asked == ["a"] * times
        bench.restarts.recovered("b")  # another's changes nothing
        bench.restarts.want("a", "breaker")
        await trio.sleep(PAUSE_SECONDS)
        assert bench.asked == ["a"] * times
        bench.restarts.recovered("a")


async def test_a_refusal_counts_and_is_not_told_as_a_restart(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(limit=2)
    bench.refusal = REFUSAL
    nursery.start_soon(bench.restarts.run)
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            bench.restarts.want("a", "ghost")
            await trio.sleep(PAUSE_SECONDS)
    assert (bench.asked, bench.restarted) == (["a", "a"], [])
    refused = [each for each in logs if each["event"] == "session.not_restarted"]
    assert [each["code"] for each in refused] == ["waha_unavailable"] * 2
    assert [each["reason"] for each in refused] == ["ghost"] * 2


async def test_a_restart_is_followed_by_none_before_it_had_time_to_help(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(limit=2, seconds=10.0)
    nursery.start_soon(bench.restarts.run)
    with structlog.testing.capture_logs() as logs:
        for _ in range(7):  # a probe that fails every ten seconds
            bench.restarts.want("a", "breaker")
            await trio.sleep(10)
        assert bench.asked == ["a"]
        bench.restarts.want("b", "breaker")  # another's is no reason to wait
        await trio.sleep(1)
        bench.restarts.want("a", "breaker")
        await trio.sleep(10)
    assert bench.asked == ["a", "b", "a"]
    assert [each for each in logs if each["event"] == "session.restarts_exhausted"] == []


async def test_where_it_is_off_nothing_is_asked_and_nothing_said(nursery: trio.Nursery) -> None:
    bench = Bench(limit=0)
    nursery.start_soon(bench.restarts.run)
    with structlog.testing.capture_logs() as logs:
        bench.restarts.want("a", "breaker")
        await trio.testing.wait_all_tasks_blocked()
    assert (bench.asked, logs) == ([], [])


async def test_one_restart_waits_for_the_other(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(seconds=10.0)
    nursery.start_soon(bench.restarts.run)
    for session in "abc":
        bench.restarts.want(session, "breaker")
    await trio.sleep(15)
    assert (bench.asked, bench.restarted) == (["a", "b"], ["a"])
    await trio.sleep(16)
    assert bench.restarted == ["a", "b", "c"]


async def test_what_finds_no_room_to_wait_is_left_out_and_does_not_count(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(limit=1, seconds=1.0)
    for number in range(WAITING):
        bench.restarts.want(f"number-{number}", "breaker")
    bench.restarts.want("a", "breaker")
    nursery.start_soon(bench.restarts.run)
    await trio.sleep(WAITING + 1)
    assert len(bench.restarted) == WAITING
    bench.restarts.want("a", "breaker")
    await trio.sleep(2)
    assert bench.restarted[WAITING:] == ["a"]


@pytest.mark.parametrize("refusal", [None, REFUSAL])
async def test_wherever_it_is_cut_none_is_told_that_was_not_asked_for(
    refusal: Refusal | None, autojump_clock: trio.testing.MockClock
) -> None:
    for step in itertools.count(1):
        bench = Bench(seconds=1.0)
        bench.refusal = refusal
        for session in "ab":
            bench.restarts.want(session, "breaker")
        assert await cancelled_at(step, bench.restarts.run)
        assert bench.restarted == ([] if refusal else list("ab")[: len(bench.restarted)])
        assert len(bench.restarted) <= len(bench.asked) <= len(bench.restarted) + 2
        if len(bench.asked) == 2 and (refusal or len(bench.restarted) == 2):
            break
