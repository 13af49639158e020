"""What the pool knows of sessions, from whichever side it hears of them first."""

import itertools
from collections.abc import Awaitable, Callable
from functools import partial
from math import inf
from typing import Any

import pytest
import trio
import trio.testing

from tests.fakes import FailingStore, FakeAlarm, FakeObserver, FakeRules, cancelled_at
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.clock import Clock
from trio_wa.core.session import Session
from trio_wa.core.slot import MISSING
from trio_wa.ports import Refusal, SessionMemory, StoreUnavailable, WahaInfo
from trio_wa.sessions import HURRY_SECONDS, SECOND_SECONDS, UNASKED, SessionPool

POLL = 5.0


class SlowObserver(FakeObserver):
    """A WAHA that says after `seconds` how it was when it was asked."""

    seconds = 0.0

    async def statuses(self, url: str) -> WahaInfo:
        said = await super().statuses(url)
        await trio.sleep(self.seconds)
        return said


class Pool:
    """A pool over the sessions a and b of one WAHA, and c of another."""

    def __init__(
        self,
        *,
        poll: float = POLL,
        memories: dict[str, SessionMemory] | None = None,
        **failures: int,
    ) -> None:
        self.clock = Clock()
        self.rules = FakeRules()
        self.observer = SlowObserver({"a": "WORKING", "b": "WORKING", "c": "WORKING"})
        self.store = MemoryStore(lambda _message: None)
        self.started: list[str] = []
        self.again: list[str] = []
        self.alarm = FakeAlarm()
        sessions = [Session("a", "http://one"), Session("b", "http://one")]
        sessions.append(Session("c", "http://two"))
        known = {each.name: SessionMemory() for each in sessions} | (memories or {})
        failing: Any = FailingStore(self.store, **failures)
        self.pool = SessionPool(
            sessions,
            known,
            failing,
            self.observer,
            self.rules,
            self.alarm,
            self.clock,
            poll=poll,
            on_start=self._begins,
        )

    def _begins(self, session: str, again: bool) -> None:
        self.started.append(session)
        if again:
            self.again.append(session)

    async def remembered(self, session: str) -> SessionMemory:
        return (await self.store.session_memories()).get(session, SessionMemory())


async def test_before_the_first_answer_nothing_is_known_to_work() -> None:
    bench = Pool()
    assert bench.rules.status == dict.fromkeys("abc", UNASKED)
    assert not bench.pool.works("a")


async def test_each_waha_is_polled_at_once_again_soon_and_then_every_so_often(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Pool()
    nursery.start_soon(bench.pool.run)
    await trio.testing.wait_all_tasks_blocked()
    assert trio.current_time() == 0
    assert bench.rules.status == dict.fromkeys("abc", "WORKING")
    assert sorted(bench.started) == ["a", "b", "c"]
    await trio.sleep(SECOND_SECONDS + 0.1)  # what fell before webhooks could be heard shows
    assert bench.observer.count("statuses") == 2 * 2
    await trio.sleep(POLL * 10)
    assert bench.observer.count("statuses") == 2 * 12
    assert len(bench.started) == 3


@pytest.mark.parametrize("poll", [0.1, 0.5, 1.0])
async def test_a_poll_may_be_faster_than_its_hurry(
    poll: float, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Pool(poll=poll)
    nursery.start_soon(bench.pool.run)
    await trio.sleep(poll * 10.5)
    assert bench.observer.count("statuses") == 2 * 11


async def test_what_waha_does_not_list_is_missing(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Pool()
    bench.observer.statuses_ = {"a": "SCAN_QR_CODE"}
    nursery.start_soon(bench.pool.run)
    await trio.testing.wait_all_tasks_blocked()
    assert bench.rules.status == {"a": "SCAN_QR_CODE", "b": MISSING, "c": MISSING}
    assert bench.started == []
    assert bench.alarm.raised == []  # they have not gone down: they were never seen to work


async def test_a_waha_that_cannot_tell_has_its_sessions_used_as_they_are(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Pool()
    bench.observer.statuses_ = None
    nursery.start_soon(bench.pool.run)
    await trio.testing.wait_all_tasks_blocked()
    assert bench.rules.status == dict.fromkeys("abc", None)
    assert bench.pool.works("a")
    assert sorted(bench.started) == ["a", "b", "c"]
    assert bench.again == []
    assert bench.alarm.raised == []  # nobody said that they work


async def test_a_waha_that_is_away_at_the_start_leaves_it_to_the_gates(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Pool()
    bench.observer.problem, bench.observer.statuses_ = "refused", None
    nursery.start_soon(bench.pool.run)
    await trio.testing.wait_all_tasks_blocked()
    assert bench.rules.status["a"] is None


async def test_a_waha_that_goes_away_changes_nothing_that_was_known(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Pool()
    bench.observer.statuses_ = {"a": "WORKING", "b": "FAILED", "c": "WORKING"}
    nursery.start_soon(bench.pool.run)
    await trio.testing.wait_all_tasks_blocked()
    bench.observer.problem, bench.observer.statuses_ = "refused", None
    await trio.sleep(3 * POLL)
    assert bench.rules.status == {"a": "WORKING", "b": "FAILED", "c": "WORKING"}


async def test_what_a_webhook_tells_counts_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Pool()
    at = bench.clock.now() - 3
    bench.pool.told("a", "WORKING", at)
    assert bench.rules.status["a"] == "WORKING"
    assert bench.pool.known["a"].since == at
    assert bench.started == ["a"]
    bench.pool.told("a", "FAILED", at + 1)
    assert not bench.pool.works("a")
    bench.pool.told("a", "WORKING", at + 2)
    assert bench.started == ["a", "a"]
    assert bench.again == ["a"]  # the first time says only that it was asked


async def test_a_session_that_goes_down_and_comes_up_raises_an_alarm_each_time() -> None:
    bench = Pool()
    for status in ("WORKING", "FAILED", "FAILED", "STARTING", "WORKING", "WORKING"):
        bench.pool.told("a", status, bench.clock.now())
    assert bench.alarm.raised == [  # that it works at the start is no news
        ("session.down", "a", {"status": "FAILED"}),
        ("session.up", "a", {}),
    ]


async def test_a_session_that_is_seen_to_work_only_after_a_while_begins_again() -> None:
    bench = Pool()
    bench.pool.told("a", "STARTING", bench.clock.now())
    bench.pool.told("a", "WORKING", bench.clock.now())
    assert (bench.started, bench.again) == (["a"], ["a"])


async def test_an_answer_that_a_webhook_crossed_is_old(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Pool()
    bench.observer.seconds = 2.0
    nursery.start_soon(bench.pool.run)
    await trio.sleep(1)
    bench.pool.told("a", "SCAN_QR_CODE", bench.clock.now())
    await trio.sleep(2)  # the answer from before the webhook has come
    assert bench.rules.status == {"a": "SCAN_QR_CODE", "b": "WORKING", "c": "WORKING"}
    await trio.sleep(2 + POLL)
    assert bench.rules.status["a"] == "WORKING"


async def test_a_refused_send_asks_its_own_waha_within_a_second(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Pool(poll=3600.0)
    nursery.start_soon(bench.pool.run)
    await trio.sleep(100)
    bench.observer.statuses_ = {"a": "STOPPED", "b": "WORKING", "c": "WORKING"}
    bench.observer.asked.clear()
    for _ in range(50):
        bench.pool.doubt("a")
    await trio.testing.wait_all_tasks_blocked()
    assert bench.observer.asked == [("statuses", "http://one")]
    assert bench.rules.status["a"] == "STOPPED"
    bench.pool.doubt("a")  # while it must not be asked again yet
    await trio.testing.wait_all_tasks_blocked()
    assert bench.observer.count("statuses") == 1
    await trio.sleep(HURRY_SECONDS + 0.1)
    assert bench.observer.count("statuses") == 2


async def test_what_a_refused_send_made_of_a_session_is_set_right_by_the_next_poll(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Pool()
    nursery.start_soon(bench.pool.run)
    await trio.testing.wait_all_tasks_blocked()
    bench.rules.status["a"] = "STOPPED"  # the rotation's own conclusion
    bench.pool.doubt("a")
    await trio.sleep(HURRY_SECONDS + 0.1)
    assert bench.rules.status["a"] == "WORKING"
    assert bench.started.count("a") == 1


async def test_a_waha_that_hangs_holds_up_no_other(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Pool()

    async def statuses(url: str) -> WahaInfo:
        if url == "http://one":
            await trio.sleep_forever()
        return WahaInfo(url, statuses={"c": "WORKING"})

    bench.observer.statuses = statuses  # type: ignore[method-assign]  # one of the two hangs
    nursery.start_soon(bench.pool.run)
    await trio.testing.wait_all_tasks_blocked()
    assert bench.rules.status == {"a": UNASKED, "b": UNASKED, "c": "WORKING"}
    bench.pool.told("a", "WORKING", bench.clock.now())
    assert bench.rules.status["a"] == "WORKING"


async def test_a_pause_is_recorded_before_it_counts() -> None:
    bench = Pool(remember_session=1)
    with pytest.raises(StoreUnavailable):
        await bench.pool.pause("a")
    assert not bench.rules.paused["a"]
    assert not bench.pool.known["a"].memory.paused
    await bench.pool.pause("a")
    assert bench.rules.paused == {"a": True, "b": False, "c": False}
    assert (await bench.remembered("a")).paused
    await bench.pool.resume("a")
    assert not bench.rules.paused["a"]
    assert not (await bench.remembered("a")).paused


TROUBLED = SessionMemory(paused=True, acked_at=3.0, proven=True, ghost=True, locked_until=9e9)


async def test_a_resume_ends_whatever_was_held_against_a_session() -> None:
    bench = Pool(memories={"a": TROUBLED})
    await bench.pool.resume("a")
    expected = SessionMemory(acked_at=3.0, proven=True)
    assert await bench.remembered("a") == bench.pool.known["a"].memory == expected
    assert not bench.rules.paused["a"]
    assert (bench.rules.ghost, bench.rules.locked) == ({"a": None}, {"a": 0.0})


async def test_a_resume_that_is_not_recorded_changes_nothing() -> None:
    bench = Pool(memories={"a": TROUBLED}, remember_session=1)
    with pytest.raises(StoreUnavailable):
        await bench.pool.resume("a")
    assert bench.pool.known["a"].memory == TROUBLED
    assert bench.rules.paused["a"]
    assert (bench.rules.ghost, bench.rules.locked) == ({}, {})


async def test_a_resume_that_is_cut_anywhere_is_either_whole_or_not_at_all() -> None:
    seen = set()
    for step in itertools.count(1):
        bench = Pool(memories={"a": TROUBLED})
        cut = await cancelled_at(step, lambda bench=bench: bench.pool.resume("a"))
        resumed = not bench.rules.paused["a"]
        assert (bench.rules.ghost == {"a": None}) == resumed
        assert (bench.rules.locked == {"a": 0.0}) == resumed
        assert (await bench.remembered("a") == SessionMemory(acked_at=3.0, proven=True)) == resumed
        seen.add(resumed)
        if not cut:
            break
    assert seen == {False, True}


async def test_a_ghost_and_a_time_lock_are_remembered_beside_what_else_is() -> None:
    bench = Pool(memories={"a": SessionMemory(acked_at=3.0)})
    await bench.pool.remember_ghost("a", ghost=True)
    await bench.pool.remember_lock("a", 7.0)
    expected = SessionMemory(acked_at=3.0, ghost=True, locked_until=7.0)
    assert await bench.remembered("a") == bench.pool.known["a"].memory == expected
    await bench.pool.remember_ghost("a", ghost=False)
    assert not (await bench.remembered("a")).ghost
    assert bench.pool.has_acked("a")
    assert not bench.pool.has_acked("b")


async def test_a_ghost_or_a_time_lock_that_cannot_be_recorded_is_said_so() -> None:
    bench = Pool(remember_session=2)
    with pytest.raises(StoreUnavailable):
        await bench.pool.remember_ghost("a", ghost=True)
    with pytest.raises(StoreUnavailable):
        await bench.pool.remember_lock("a", 7.0)
    assert bench.pool.known["a"].memory == SessionMemory()


async def test_what_was_paused_before_the_start_still_is() -> None:
    assert Pool(memories={"b": SessionMemory(paused=True)}).rules.paused["b"]


async def test_a_pause_that_is_cut_anywhere_is_either_whole_or_not_at_all() -> None:
    seen = set()
    for step in itertools.count(1):
        bench = Pool()
        cut = await cancelled_at(step, lambda bench=bench: bench.pool.pause("a"))
        known, stored = bench.pool.known["a"].memory, await bench.remembered("a")
        assert bench.rules.paused["a"] == known.paused == stored.paused
        seen.add(known.paused)
        if not cut:
            break
    assert seen == {False, True}


async def test_a_change_that_fails_takes_no_other_back(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Pool(remember_session=1)
    refused = []

    async def make(change: Callable[[], Awaitable[None]], name: str) -> None:
        try:
            await change()
        except StoreUnavailable:
            refused.append(name)

    async with trio.open_nursery() as both:
        both.start_soon(make, partial(bench.pool.pause, "a"), "pause")
        both.start_soon(make, partial(bench.pool.acked, "a", 5.0), "ack")
    [first] = refused
    known = bench.pool.known["a"].memory
    assert known == await bench.remembered("a")
    assert bench.rules.paused["a"] == known.paused
    assert known == SessionMemory(paused=first != "pause", acked_at=None if first == "ack" else 5.0)


async def test_the_first_ack_is_remembered(autojump_clock: trio.testing.MockClock) -> None:
    bench = Pool()
    await bench.pool.acked("b", 1.0)
    assert bench.pool.acked_since("a") == inf
    for at in (7.0, 8.0):
        await bench.pool.acked("a", at)
    assert bench.pool.acked_since("a") == 7.0
    assert (await bench.remembered("a")).acked_at == 7.0


@pytest.mark.parametrize("ack", [False, True])
async def test_the_first_event_or_ack_is_remembered_and_told_to_whoever_waits(
    ack: bool, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Pool()
    firsts: list[float] = []

    async def wait() -> None:
        firsts.append(await bench.pool.first_heard("a"))

    async with trio.open_nursery() as waiting:
        waiting.start_soon(wait)
        bench.pool.heard("b")
        await trio.testing.wait_all_tasks_blocked()
        assert firsts == []
        if ack:
            await bench.pool.acked("a", 7.0)
        else:
            bench.pool.heard("a")
        now = bench.clock.now()
    await trio.sleep(10)
    bench.pool.heard("a")
    assert await bench.pool.first_heard("a") == now
    assert firsts == [now]
    assert (await bench.remembered("a")).heard_at == now


async def test_of_first_acks_at_once_one_is_remembered(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Pool()
    async with trio.open_nursery() as acks:
        for at in range(1, 20):
            acks.start_soon(bench.pool.acked, "a", float(at))
    first = bench.pool.known["a"].memory.acked_at
    assert first in range(1, 20)
    assert (await bench.remembered("a")).acked_at == first


async def test_an_ack_that_cannot_be_recorded_leaves_the_next_to_be_the_first() -> None:
    bench = Pool(remember_session=1)
    with pytest.raises(StoreUnavailable):
        await bench.pool.acked("a", 1.0)
    await bench.pool.acked("a", 2.0)
    assert (await bench.remembered("a")).acked_at == 2.0


async def test_what_was_heard_and_cannot_be_recorded_is_recorded_with_the_next_call() -> None:
    bench = Pool(remember_session=1)
    bench.pool.heard("a")
    with pytest.raises(StoreUnavailable):
        await bench.pool.first_heard("a")
    first = await bench.pool.first_heard("a")
    assert (await bench.remembered("a")).heard_at == first


async def test_what_was_heard_before_the_start_counts() -> None:
    bench = Pool(memories={"a": SessionMemory(acked_at=4.0, heard_at=3.0)})
    assert await bench.pool.first_heard("a") == 3.0


async def test_a_proof_is_remembered_beside_what_else_is() -> None:
    bench = Pool(memories={"a": SessionMemory(paused=True, acked_at=3.0)})
    await bench.pool.proven("a")
    expected = SessionMemory(paused=True, acked_at=3.0, proven=True)
    assert await bench.remembered("a") == expected
    assert bench.pool.known["a"].memory == expected


async def test_a_restart_asks_soon_whether_it_worked(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Pool(poll=3600.0)
    nursery.start_soon(bench.pool.run)
    await trio.sleep(100)
    before = bench.observer.count("statuses")
    bench.observer.refusal = Refusal("waha_refused", "no")
    assert await bench.pool.restart("a") == bench.observer.refusal
    await trio.testing.wait_all_tasks_blocked()
    assert bench.observer.count("statuses") == before + 1
