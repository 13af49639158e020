"""A standstill is worth an alarm, and what passes by itself is not."""

import itertools
from functools import partial
from typing import Any

import pytest
import structlog
import trio
import trio.testing

from tests.fakes import FakeAlarm, cancelled_at
from trio_wa.clock import Clock
from trio_wa.core.dispatch import Dispatch
from trio_wa.core.session import Session
from trio_wa.dispatcher import Dispatcher
from trio_wa.standstill import PAUSED_SECONDS, watch_dispatch, watch_store
from trio_wa.window import Window


class Bench:
    """A dispatcher over the sessions a and b, and who watches it."""

    def __init__(self) -> None:
        self.alarm = FakeAlarm()
        sessions = [Session("a", "http://a"), Session("b", "http://b")]
        dispatch = Dispatch(sessions, workers=2, retry_base=1.0)
        self.dispatcher = Dispatcher(
            dispatch, Window(capacity=10, max_backlog=10, max_scheduled=1_000), Clock()
        )

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch_dispatch, self.dispatcher, self.alarm)
            await trio.testing.wait_all_tasks_blocked()  # as in the service, it is there first
            nursery.start_soon(self.dispatcher.run)

    def pause(self, names: str = "ab") -> None:
        for name in names:
            self.dispatcher.set_paused(name, paused=True)

    def resume(self, names: str = "ab") -> None:
        for name in names:
            self.dispatcher.set_paused(name, paused=False)


ALARM = ("dispatch.paused", None, {"reasons": "a: paused, b: session_not_working"})


@pytest.mark.parametrize("moves_first", [False, True])
async def test_a_standstill_raises_one_alarm_and_the_next_another(
    moves_first: bool, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.run)
    if moves_first:
        await trio.sleep(60)
    bench.dispatcher.set_status("b", "FAILED")
    for times in (1, 2):
        bench.pause("a")
        await trio.sleep(PAUSED_SECONDS - 1)
        assert len(bench.alarm.raised) == times - 1
        await trio.sleep(2)
        assert bench.alarm.raised == [ALARM] * times
        await trio.sleep(3_600)
        assert bench.alarm.raised == [ALARM] * times
        with structlog.testing.capture_logs() as logs:
            bench.resume("a")
            await trio.testing.wait_all_tasks_blocked()
        assert [each["event"] for each in logs] == ["dispatch.resumed"]


async def test_the_alarm_names_what_stands_in_the_way_by_then(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.run)
    bench.pause()
    await trio.sleep(5)
    bench.dispatcher.set_status("b", "FAILED")
    bench.dispatcher.set_paused("b", paused=False)
    await trio.sleep(10)
    assert bench.alarm.raised == [ALARM]


async def test_one_session_that_can_send_is_no_standstill(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.run)
    bench.pause("a")
    await trio.sleep(3_600)
    assert bench.alarm.raised == []


async def test_short_pauses_add_up_to_none(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.run)
    for _ in range(10):
        bench.pause()
        await trio.sleep(PAUSED_SECONDS - 1)
        bench.resume("a")
        await trio.sleep(0.001)
    assert bench.alarm.raised == []


async def test_a_moment_in_between_begins_the_wait_anew(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.run)
    bench.pause()
    await trio.sleep(PAUSED_SECONDS - 1)
    bench.resume()
    await trio.testing.wait_all_tasks_blocked()
    bench.pause()
    await trio.sleep(PAUSED_SECONDS - 1)
    assert bench.alarm.raised == []
    await trio.sleep(2)
    assert bench.alarm.names() == ["dispatch.paused"]


class Problems:
    """A store that says what is wrong with it."""

    def __init__(self, problem: str | None = None) -> None:
        self._problem = problem
        self._changed = trio.Event()

    def problem(self) -> str | None:
        return self._problem

    async def problem_changed(self) -> str | None:
        await self._changed.wait()
        return self._problem

    def say(self, problem: str | None) -> None:
        self._problem = problem
        self._changed.set()
        self._changed = trio.Event()


async def watched(nursery: trio.Nursery, store: Any) -> FakeAlarm:
    """Who is told of the store's problems."""
    alarm = FakeAlarm()
    nursery.start_soon(watch_store, store, alarm)
    await trio.testing.wait_all_tasks_blocked()
    return alarm


def reasons(alarm: FakeAlarm) -> list[Any]:
    assert set(alarm.names()) <= {"store.unavailable"}
    return [facts["reason"] for _, _, facts in alarm.raised]


async def test_each_time_the_store_fails_it_raises_one_alarm_and_its_end_is_logged(
    nursery: trio.Nursery,
) -> None:
    store = Problems()
    with structlog.testing.capture_logs() as logs:
        alarm = await watched(nursery, store)
        assert (logs, alarm.raised) == ([], [])
        for problem in ("it is locked", None, "only 9 MB are free", "only 8 MB are free", None):
            store.say(problem)
            await trio.testing.wait_all_tasks_blocked()
    assert reasons(alarm) == ["it is locked", "only 9 MB are free"]
    assert [each["event"] for each in logs] == ["store.available"] * 2


async def test_a_problem_of_before_the_start_raises_an_alarm_too(nursery: trio.Nursery) -> None:
    alarm = await watched(nursery, Problems("the disk is full"))
    assert reasons(alarm) == ["the disk is full"]


async def test_wherever_it_is_cut_no_alarm_is_raised_before_its_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def life(bench: Bench) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.run)
            bench.pause()
            await trio.sleep(60)
            bench.resume()
            await trio.sleep(1)
            nursery.cancel_scope.cancel()

    seen = set()
    for step in itertools.count(1):
        bench, began = Bench(), trio.current_time()
        cut = await cancelled_at(step, partial(life, bench), children=True, grouped=True)
        assert len(bench.alarm.raised) == (trio.current_time() - began >= PAUSED_SECONDS)
        seen.add(len(bench.alarm.raised))
        if not cut:
            break
    assert seen == {0, 1}
