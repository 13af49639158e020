"""How long a time-lock lasts, as WAHA tells it, and that it outlives a restart."""

import itertools
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from tests.fakes import FailingStore, FakeAlarm, FakeObserver, FakeRules, cancelled_at
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.clock import Clock
from trio_wa.core.session import Session
from trio_wa.ports import SessionMemory
from trio_wa.sessions import SessionPool
from trio_wa.telemetry import timestamp
from trio_wa.timelocks import MARGIN_SECONDS, Timelocks

HOUR = 3_600.0


class Bench:
    """The sessions a and b, and what is believed of their time-locks."""

    def __init__(self, *, store: MemoryStore | None = None, **failures: int) -> None:
        self.clock = Clock()
        self.store = store or MemoryStore(lambda _message: None)
        self.failing: Any = FailingStore(self.store, **failures)
        self.rules = FakeRules()
        self.observer = FakeObserver()
        self.alarm = FakeAlarm()
        sessions = [Session("a", "http://waha"), Session("b", "http://waha")]
        self.pool = SessionPool(
            sessions,
            {each.name: SessionMemory() for each in sessions},
            self.failing,
            self.observer,
            self.rules,
            FakeAlarm(),
            self.clock,
            poll=5.0,
            on_start=lambda _session, _again: None,
        )
        named = {each.name: each for each in sessions}
        self.timelocks = Timelocks(
            named, self.pool, self.rules, self.observer, self.alarm, self.clock
        )

    def refuse(self, session: str = "a", hold: float = 6 * HOUR) -> float:
        """WhatsApp refuses a new contact, and the rules hold the others; until when."""
        until = self.clock.now() + hold
        self.rules.set_locked(session, until)
        self.timelocks.began(session, until)
        return until

    async def resume(self) -> None:
        """An operator wants session a to be used, as `overview` has it."""
        await self.pool.resume("a")
        self.timelocks.resumed("a")

    async def remembered(self, session: str = "a") -> float | None:
        memories = await self.store.session_memories()
        return memories.get(session, SessionMemory()).locked_until


async def test_the_end_that_waha_tells_stands_in_place_of_the_hold(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.timelocks.run)
    for hours in (2, 48):
        bench.observer.locked_until = end = bench.clock.now() + hours * HOUR
        bench.refuse()
        await trio.testing.wait_all_tasks_blocked()
        until = end + MARGIN_SECONDS
        assert bench.rules.locked == {"a": until}
        assert await bench.remembered() == until
        facts = {"until": timestamp(until), "told_by_waha": True}
        assert bench.alarm.raised.pop() == ("session.timelock", "a", facts)
        await trio.sleep(hours * HOUR)
    assert bench.alarm.raised == []
    assert bench.observer.asked == [("timelock", "a")] * 2


@pytest.mark.parametrize("told", [None, 0.0, 1.0])
async def test_where_waha_tells_no_end_that_is_to_come_the_hold_stands(
    told: float | None, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    bench.observer.locked_until = told
    nursery.start_soon(bench.timelocks.run)
    until = bench.refuse()
    await trio.testing.wait_all_tasks_blocked()
    assert bench.rules.locked == {"a": until}
    assert await bench.remembered() == until
    facts = {"until": timestamp(until), "told_by_waha": False}
    assert bench.alarm.raised == [("session.timelock", "a", facts)]


async def test_the_sessions_are_locked_each_for_itself(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.timelocks.run)
    first, second = bench.refuse("a"), bench.refuse("b", hold=HOUR)
    await trio.testing.wait_all_tasks_blocked()
    assert (await bench.remembered("a"), await bench.remembered("b")) == (first, second)
    assert bench.alarm.names("a") == bench.alarm.names("b") == ["session.timelock"]


async def test_a_store_that_fails_has_it_once_it_works_again(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(remember_session=30)
    nursery.start_soon(bench.timelocks.run)
    until = bench.refuse()
    await trio.sleep(20)
    assert await bench.remembered() is None
    assert bench.alarm.names("a") == ["session.timelock"]  # that does not wait for the store
    await trio.sleep(20)
    assert await bench.remembered() == until
    assert bench.alarm.names("a") == ["session.timelock"]


async def test_a_lock_that_comes_while_the_last_is_recorded_is_recorded_too(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(remember_session=30)
    nursery.start_soon(bench.timelocks.run)
    bench.refuse(hold=10.0)
    await trio.sleep(20)
    until = bench.refuse()
    await trio.sleep(40)
    assert await bench.remembered() == until


async def test_what_an_operator_ends_while_waha_is_asked_is_not_held_again(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()

    async def slow(_session: Session) -> float:
        await trio.sleep(5)
        return bench.clock.now() + HOUR

    bench.observer.timelock = slow  # type: ignore[method-assign]  # it takes its time
    nursery.start_soon(bench.timelocks.run)
    bench.refuse()
    await trio.sleep(1)
    await bench.resume()
    await trio.sleep(60)
    assert bench.rules.locked == {"a": 0.0}
    assert await bench.remembered() is None
    assert bench.alarm.raised == []
    bench.refuse()
    await trio.sleep(60)
    assert bench.alarm.names("a") == ["session.timelock"]


async def test_what_an_operator_ends_before_it_was_recorded_is_not_recorded_later(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(remember_session=1_000)
    nursery.start_soon(bench.timelocks.run)
    bench.refuse()
    await trio.sleep(10.5)
    bench.failing.failures["remember_session"] = 0
    await bench.resume()
    await trio.sleep(60)
    assert bench.rules.locked == {"a": 0.0}
    assert await bench.remembered() is None


async def test_an_operator_who_ends_it_while_its_record_waits_has_the_last_word(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    class SlowStore(MemoryStore):
        async def remember_session(self, session: str, memory: SessionMemory) -> None:
            await trio.sleep(10)
            await super().remember_session(session, memory)

    bench = Bench(store=SlowStore(lambda _message: None))
    nursery.start_soon(bench.timelocks.run)
    nursery.start_soon(bench.pool.pause, "a")
    await trio.sleep(1)
    nursery.start_soon(bench.resume)  # it waits for the pause, and the lock's record for both
    await trio.sleep(1)
    bench.refuse()
    await trio.sleep(60)
    assert bench.rules.locked == {"a": 0.0}
    assert await bench.remembered() is None


async def test_wherever_it_is_cut_the_rules_hold_what_was_recorded(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def life(bench: Bench) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.timelocks.run)
            await trio.sleep(60)
            nursery.cancel_scope.cancel()

    seen = set()
    for step in itertools.count(1):
        bench = Bench(remember_session=2)
        hold = bench.refuse()
        bench.observer.locked_until = bench.clock.now() + HOUR
        end = bench.observer.locked_until + MARGIN_SECONDS
        cut = await cancelled_at(step, partial(life, bench), children=True, grouped=True)
        remembered = await bench.remembered()
        assert bench.rules.locked["a"] in (hold, end)
        assert remembered in (None, end)
        if remembered is not None:
            assert bench.rules.locked["a"] == remembered
        assert len(bench.alarm.raised) == (bench.rules.locked["a"] == end)
        seen.add((bench.rules.locked["a"] == end, remembered == end))
        if not cut:
            break
    assert seen == {(False, False), (True, False), (True, True)}
