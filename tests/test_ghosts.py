"""Who delivers nothing is found out, and nobody else is."""

import itertools
from collections.abc import Iterable
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from tests.fakes import FailingStore, FakeAlarm, FakeObserver, FakeRules, cancelled_at
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.clock import Clock
from trio_wa.core.ghost import MATURE_SECONDS, SAMPLE_SECONDS, SENDS, SENDS_MAX
from trio_wa.core.session import Session
from trio_wa.ghosts import HEARD_SECONDS, Ghosts
from trio_wa.ports import SessionMemory
from trio_wa.sessions import SessionPool
from trio_wa.silence import Silence

NAMES = ("a", "b")
LINK = {"unconfirmed": "/messages?session=a&unconfirmed=true"}
UNCONFIRMED = {"probe": "unconfirmed"}


class SlowStore(MemoryStore):
    """Takes so many seconds to record what is remembered of a session."""

    seconds = 0.0

    async def remember_session(self, session: str, memory: SessionMemory) -> None:
        await trio.sleep(self.seconds)
        await super().remember_session(session, memory)


class Bench:
    """The sessions a and b, which work, and who watches them."""

    def __init__(
        self,
        *,
        share: float = 0.2,
        store: MemoryStore | None = None,
        memories: dict[str, SessionMemory] | None = None,
        **failures: int,
    ) -> None:
        self.store = store or MemoryStore(lambda _message: None)
        self.rules = FakeRules()
        self.alarm = FakeAlarm()
        self.found: list[str] = []
        self.returned: list[str] = []
        self.failing: Any = FailingStore(self.store, **failures)
        self.clock = Clock()
        self._ids = itertools.count()
        known = {name: SessionMemory() for name in NAMES} | (memories or {})
        self.pool = SessionPool(
            [Session(name, "http://waha") for name in NAMES],
            known,
            self.failing,
            FakeObserver(),
            self.rules,
            FakeAlarm(),
            self.clock,
            poll=5.0,
            on_start=lambda _session, _again: None,
        )
        self.silence = Silence(dict.fromkeys(NAMES, False), FakeAlarm())
        self.ghosts = Ghosts(
            [(name, memory.ghost) for name, memory in known.items()],
            self.pool,
            self.rules,
            self.silence,
            self.alarm,
            self.clock,
            share=share,
            on_ghost=self.found.append,
            on_return=self.returned.append,
        )
        for name in NAMES:
            self.pool.told(name, "WORKING", self.clock.now())

    async def life(self) -> None:
        """Watch, while session b tells of itself every now and then."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.ghosts.run)
            while True:
                self.silence.heard("b")
                await trio.sleep(HEARD_SECONDS / 2)

    def send(self) -> str:
        """WAHA takes a message over session a; the id that it names."""
        waha_id = f"3EB0{next(self._ids)}"
        self.ghosts.sent("a", waha_id)
        return waha_id

    async def ack(self, waha_id: str) -> None:
        """WhatsApp acknowledges a message, as the receipts tell."""
        self.silence.heard("a")
        self.ghosts.acked("a", waha_id)
        await self.pool.acked("a", self.clock.now())

    async def send_and_ack(self, number: int, after: float = 2.0) -> None:
        """Send messages that are acknowledged one by one."""
        for _ in range(number):
            waha_id = self.send()
            await trio.sleep(after)
            await self.ack(waha_id)

    async def send_in_vain(self, number: int = SENDS, every: float = 3.0) -> None:
        """Send messages that are never acknowledged; on return the last has just gone out."""
        for sent in range(number):
            if sent:
                await trio.sleep(every)
            self.send()

    async def become_a_ghost(self) -> None:
        await self.send_and_ack(3)
        await self.send_in_vain()
        await trio.sleep(120)
        assert self.rules.ghost == {"a": "out"}

    async def remembered(self) -> SessionMemory:
        return (await self.store.session_memories()).get("a", SessionMemory())

    @property
    def alarms(self) -> list[Any]:
        assert {each[:2] for each in self.alarm.raised} <= {("session.ghost", "a")}
        return [facts for _, _, facts in self.alarm.raised]


@pytest.mark.parametrize("acked", [3, 10, 100])
async def test_a_ghost_is_out_within_two_minutes_of_its_tenth_unconfirmed_send(
    acked: int, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.life)
    await bench.send_and_ack(acked)
    await bench.send_in_vain(SENDS - 1)
    await trio.sleep(120)
    assert bench.rules.ghost == {}
    bench.send()
    await trio.sleep(120)
    assert bench.rules.ghost == {"a": "out"}
    assert (await bench.remembered()).ghost
    assert (bench.alarms, bench.found) == ([LINK], ["a"])
    await trio.sleep(86_400)  # once
    assert (bench.alarms, bench.found, bench.returned) == ([LINK], ["a"], [])


@pytest.mark.parametrize("every", [0.0, 0.1, 30.0, 300.0])
async def test_a_ghost_is_found_however_fast_or_slowly_it_sends(
    every: float, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.life)
    await bench.send_and_ack(1)
    await bench.send_in_vain(every=every)
    await trio.sleep(120)
    assert bench.rules.ghost == {"a": "out"}


@pytest.mark.parametrize(
    "delays", [(5.0,), (85.0,), (300.0,), (3_000.0,), (5.0, 80.0, 150.0, 280.0)]
)
async def test_a_session_with_merely_slow_acks_is_none(
    delays: Iterable[float], autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.life)

    async def acknowledge_later(waha_id: str, delay: float) -> None:
        await trio.sleep(delay)
        await bench.ack(waha_id)

    for delay in delays:
        for _ in range(200):
            nursery.start_soon(acknowledge_later, bench.send(), delay)
            await trio.sleep(5)
    await trio.sleep(max(delays))
    assert (bench.rules.ghost, bench.alarms) == ({}, [])


async def test_an_ack_that_was_slow_long_ago_does_not_hold_up_the_search(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.life)
    await bench.send_and_ack(1, after=3_000.0)
    bench.send()  # without an ack it counts after 6,000 seconds, as it is now
    await bench.send_and_ack(SENDS_MAX, after=1.0)
    await bench.send_in_vain()
    await trio.sleep(120)
    assert bench.rules.ghost == {"a": "out"}


@pytest.mark.parametrize(("one_in", "ghost"), [(10, True), (6, True), (4, False), (1, False)])
async def test_too_small_a_share_of_acks_makes_a_ghost_and_a_fifth_is_enough(
    one_in: int, ghost: bool, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.life)
    await bench.send_and_ack(1)
    for number in range(60):
        waha_id = bench.send()
        await trio.sleep(10)
        if number % one_in == 0:
            await bench.ack(waha_id)
    await trio.sleep(120)
    assert bench.rules.ghost == ({"a": "out"} if ghost else {})


async def test_where_no_other_session_tells_of_itself_the_webhooks_may_be_at_fault(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.ghosts.run)
    await bench.send_and_ack(3)
    bench.silence.heard("b")
    await trio.sleep(HEARD_SECONDS)
    await bench.send_in_vain(20)
    await trio.sleep(3_600)
    bench.silence.heard("a")  # its own events tell nothing of the others'
    await bench.send_in_vain(20)
    await trio.sleep(3_600)
    assert (bench.rules.ghost, bench.alarms) == ({}, [])
    bench.silence.heard("b")
    bench.send()
    await trio.testing.wait_all_tasks_blocked()
    assert bench.rules.ghost == {"a": "out"}


async def test_a_session_whose_acks_were_never_seen_is_none(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.life)
    await bench.send_in_vain(100, every=30.0)
    await trio.sleep(3_600)
    assert (bench.rules.ghost, bench.alarms) == ({}, [])


async def test_acks_of_before_the_start_are_enough_to_find_a_ghost_in_ten_minutes(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """How long acks take is not known yet."""
    bench = Bench(memories={"a": SessionMemory(acked_at=1.0)})
    nursery.start_soon(bench.life)
    await bench.send_in_vain()
    await trio.sleep(SAMPLE_SECONDS - 1)
    assert bench.rules.ghost == {}
    await trio.sleep(2)
    assert bench.rules.ghost == {"a": "out"}


async def test_a_session_that_is_known_not_to_work_is_no_ghost(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.life)
    await bench.send_and_ack(3)
    await bench.send_in_vain()
    bench.pool.told("a", "FAILED", bench.clock.now())
    await trio.sleep(600)
    assert (bench.rules.ghost, bench.alarms) == ({}, [])


async def test_without_a_share_there_are_no_ghosts(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(share=0.0)
    nursery.start_soon(bench.life)
    await bench.send_and_ack(3)
    await bench.send_in_vain(100)
    await trio.sleep(3_600)
    assert (bench.rules.ghost, bench.alarms) == ({}, [])


async def test_a_ghost_that_cannot_be_recorded_is_out_once_it_can(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """Until then the store lets no message begin either."""
    bench = Bench()
    nursery.start_soon(bench.life)
    await bench.send_and_ack(3)
    bench.failing.failures["remember_session"] = 1_000
    await bench.send_in_vain()
    await trio.sleep(200)
    assert (bench.rules.ghost, bench.alarms) == ({}, [])
    bench.failing.failures["remember_session"] = 0
    await trio.sleep(2)
    assert bench.rules.ghost == {"a": "out"}
    assert (await bench.remembered()).ghost
    assert (bench.alarms, bench.found) == ([LINK], ["a"])


@pytest.mark.parametrize("mended_by", ["acks", "restart", "resume"])
async def test_what_delivers_again_before_it_was_recorded_is_no_ghost(
    mended_by: str, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.life)
    await bench.send_and_ack(3)
    bench.failing.failures["remember_session"] = 1_000
    late = [bench.send() for _ in range(SENDS)]
    await trio.sleep(200.5)  # the store is asked each second
    match mended_by:
        case "acks":
            for waha_id in late:
                await bench.ack(waha_id)
        case "restart":
            bench.ghosts.restarted("a")
        case "resume":
            bench.failing.failures["remember_session"] = 0
            await bench.pool.resume("a")
            bench.ghosts.resumed("a")
    bench.failing.failures["remember_session"] = 0
    await trio.sleep(3_600)
    assert bench.rules.ghost.get("a") is None
    assert not (await bench.remembered()).ghost
    assert (bench.alarms, bench.found) == ([], [])


async def test_an_operator_who_resumes_it_while_its_record_waits_has_the_last_word(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    store = SlowStore(lambda _message: None)
    bench = Bench(store=store)

    async def resume() -> None:
        await bench.pool.resume("a")
        bench.ghosts.resumed("a")

    nursery.start_soon(bench.life)
    await bench.send_and_ack(3)
    store.seconds = 200
    await bench.send_in_vain()
    nursery.start_soon(bench.pool.pause, "a")
    await trio.sleep(1)
    nursery.start_soon(resume)  # it waits for the pause, and the ghost's record for both
    await trio.sleep(3_600)
    assert bench.rules.ghost == {"a": None}
    assert await bench.remembered() == SessionMemory(acked_at=bench.pool.known["a"].memory.acked_at)
    assert bench.alarms == []


async def test_over_a_restart_of_the_service_it_stays_out(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    async with trio.open_nursery() as first_life:
        first_life.start_soon(bench.life)
        await bench.become_a_ghost()
        first_life.cancel_scope.cancel()
    again = Bench(store=bench.store, memories={"a": await bench.remembered()})
    nursery.start_soon(again.life)
    await trio.sleep(86_400)
    assert again.rules.ghost == {"a": "out"}
    assert (again.alarms, again.returned) == ([], [])
    again.ghosts.restarted("a")
    await again.send_and_ack(1)
    await trio.testing.wait_all_tasks_blocked()
    assert again.rules.ghost == {"a": None}


async def test_an_operator_ends_it_by_hand_until_ten_more_are_unconfirmed(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.life)
    await bench.become_a_ghost()
    await bench.pool.resume("a")
    bench.ghosts.resumed("a")
    assert bench.rules.ghost == {"a": None}
    assert not (await bench.remembered()).ghost
    await bench.send_in_vain(SENDS - 1)
    await trio.sleep(3_600)
    assert (bench.rules.ghost, bench.alarms) == ({"a": None}, [LINK])
    bench.send()
    await trio.sleep(120)
    assert (bench.rules.ghost, bench.alarms) == ({"a": "out"}, [LINK, LINK])


@pytest.mark.parametrize("ack_first", [False, True])
async def test_after_a_restart_of_the_session_the_ack_of_a_probe_returns_it(
    ack_first: bool, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.life)
    await bench.become_a_ghost()
    bench.ghosts.restarted("a")
    assert bench.rules.ghost == {"a": "probe"}
    if ack_first:  # before WAHA's answer
        await bench.ack("3EB0PROBE")
    await trio.sleep(30)
    assert bench.rules.ghost == {"a": "probe"}
    bench.ghosts.sent("a", "3EB0PROBE")
    await trio.sleep(30)
    if not ack_first:
        assert bench.rules.ghost == {"a": "probe"}
        assert (await bench.remembered()).ghost
        await bench.ack("3EB0PROBE")
        await trio.testing.wait_all_tasks_blocked()
    assert bench.rules.ghost == {"a": None}
    assert not (await bench.remembered()).ghost
    assert (bench.alarms, bench.returned) == ([LINK], ["a"])


async def test_a_probe_without_ack_leaves_it_out_and_tells_again_each_time(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.life)
    await bench.become_a_ghost()
    for times in (1, 2):
        bench.ghosts.restarted("a")
        bench.send()
        await trio.sleep(MATURE_SECONDS - 1)
        assert bench.rules.ghost == {"a": "probe"}
        await trio.sleep(30)
        assert bench.rules.ghost == {"a": "out"}
        assert bench.alarms == [LINK, *[UNCONFIRMED] * times]
        assert bench.found == ["a"] * (1 + times)
    assert (await bench.remembered()).ghost
    assert bench.returned == []


async def test_an_ack_that_comes_after_the_probe_was_given_up_does_not_return_it(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.life)
    await bench.become_a_ghost()
    bench.ghosts.restarted("a")
    late = bench.send()
    await trio.sleep(600)
    await bench.ack(late)
    await trio.sleep(600)
    assert bench.rules.ghost == {"a": "out"}


async def test_a_probe_of_which_no_ack_can_tell_leaves_it_out_and_tells_again(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.life)
    await bench.become_a_ghost()
    bench.ghosts.restarted("a")
    bench.ghosts.unproven("a")
    assert bench.rules.ghost == {"a": "out"}
    await trio.sleep(3_600)
    assert (bench.alarms, bench.found) == ([LINK, {"probe": "unknown"}], ["a", "a"])


async def test_what_a_session_sent_before_it_was_restarted_says_nothing_of_it(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.life)
    await bench.send_and_ack(3)
    await bench.send_in_vain()
    bench.ghosts.restarted("a")
    await bench.send_in_vain(SENDS - 1)
    await trio.sleep(3_600)
    assert (bench.rules.ghost, bench.alarms) == ({}, [])


async def test_a_return_that_cannot_be_recorded_is_made_up_for(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.life)
    await bench.become_a_ghost()
    bench.ghosts.restarted("a")
    bench.failing.failures["remember_session"] = 30
    await bench.send_and_ack(1)
    await trio.sleep(20)
    assert (bench.rules.ghost, bench.returned) == ({"a": "probe"}, [])
    await trio.sleep(20)
    assert (bench.rules.ghost, bench.returned) == ({"a": None}, ["a"])
    assert not (await bench.remembered()).ghost


async def test_wherever_it_is_cut_rules_record_and_alarm_tell_the_same(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def all_of_it(bench: Bench) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.life)
            await bench.send_and_ack(1)
            await bench.send_in_vain(every=0.0)
            await trio.sleep(120)
            bench.ghosts.restarted("a")
            await bench.send_and_ack(1)
            await trio.sleep(1)
            nursery.cancel_scope.cancel()

    seen = set()
    for step in itertools.count(1):
        bench = Bench(memories={"a": SessionMemory(acked_at=1.0)})
        cut = await cancelled_at(step, partial(all_of_it, bench), children=True)
        state = bench.rules.ghost.get("a")
        assert (await bench.remembered()).ghost == (state is not None)
        assert len(bench.alarms) == len(bench.found) == ("a" in bench.rules.ghost)
        seen.add((state, *bench.returned))
        if not cut:
            break
    assert seen == {(None,), ("out",), ("probe",), (None, "a")}
