"""The dispatcher between window and workers, in virtual time."""

from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any

import pytest
import trio
import trio.testing

from tests.core.messages import message
from tests.fakes import FakeAddressing, FakeGateway, FakeInquiries, FakeStore
from trio_wa.clock import Clock
from trio_wa.core.dispatch import Dispatch
from trio_wa.core.message import Message, Priority
from trio_wa.core.notice import Notice
from trio_wa.core.outcome import Outcome, Sent, Unavailable, Unknown
from trio_wa.core.retry import Final, Requeue, RetryPolicy
from trio_wa.core.session import Session
from trio_wa.core.status import Status
from trio_wa.dispatcher import STORE_SECONDS, Dispatcher
from trio_wa.ports import StoreUnavailable
from trio_wa.settling import Settling
from trio_wa.window import Window
from trio_wa.worker import Worker

DAY = 86_400.0
MINUTE = 60.0


class Line:
    """A window, a dispatcher and workers, on a fake store and a fake WAHA."""

    def __init__(
        self,
        *,
        names: str = "a",
        workers: int = 3,
        capacity: int = 1_000,
        store: FakeStore | None = None,
        **rules: Any,
    ) -> None:
        self.clock = Clock()
        self.store = store or FakeStore()
        self.gateway = FakeGateway()
        self.window = Window(capacity=capacity, max_backlog=1_000, max_scheduled=1_000)
        sessions = [Session(name, f"http://{name}") for name in names]
        dispatch = Dispatch(sessions, workers=workers, retry_base=1.0, **rules)
        self.dispatcher = Dispatcher(dispatch, self.window, self.clock)
        self._workers = workers
        self.noticed: list[tuple[str, Notice]] = []
        self.addressing = FakeAddressing()
        self.inquiries = FakeInquiries()
        settling = Settling(
            self.store,
            self.dispatcher,
            self.inquiries,
            lambda _message, _session, _outcome: None,
            lambda session, notice: self.noticed.append((session, notice)),
            RetryPolicy(),
            self.clock,
        )
        self._worker = Worker(
            self.store, self.gateway, self.dispatcher, self.addressing, settling, self.clock
        )

    async def run(self) -> None:
        """Work until the window is closed and everything has left."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.dispatcher.run)
            for _ in range(self._workers):
                nursery.start_soon(self._worker.run, self.dispatcher.claims.clone())
            self.dispatcher.claims.close()

    def accept(
        self,
        seq: int,
        *,
        to: str | None = None,
        sessions: tuple[str, ...] = (),
        priority: Priority = "normal",
        **others: float,
    ) -> None:
        """Let a message in; `due_in` and `ttl` are in seconds from now."""
        now = self.clock.now()
        assert self.window.reserve(priority)
        due_in = others.get("due_in")
        arrival = message(
            seq,
            to=to or f"{seq}@c.us",
            sessions=sessions,
            expires_at=now + others.get("ttl", DAY),
            due_at=0.0 if due_in is None else now + due_in,
            priority=priority,
        )
        self.window.publish(arrival)

    @property
    def free_permits(self) -> int:
        return self.window.lanes["normal"]._permits.value

    @property
    def settled(self) -> list[str]:
        return [name for name, _, _ in self.store.settles]


async def test_a_closed_window_drains_what_was_accepted(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Line()
    under_test.gateway.seconds = 1.0
    for seq in range(1, 10):
        under_test.accept(seq)
    under_test.window.close()
    began = trio.current_time()
    await under_test.run()
    assert sorted(under_test.settled) == sorted(f"m{seq}" for seq in range(1, 10))
    assert under_test.window.backlog == 0
    assert trio.current_time() - began == 3.0  # not for as long as messages live


async def test_a_closed_empty_window_ends_everything_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Line()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(under_test.run)
        under_test.accept(1)
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        under_test.window.close()
    assert trio.current_time() == began


async def test_an_unlimited_drain_waits_for_retries(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Line()
    tries = 0

    def answer(_message: Message, _session: Session) -> Outcome:
        nonlocal tries
        tries += 1
        return Unavailable("throttled", "", "message", 20.0) if tries < 4 else Sent()

    under_test.gateway.answer = answer
    under_test.accept(1)
    under_test.window.close()
    began = trio.current_time()
    await under_test.run()
    assert tries == 4
    assert under_test.window.backlog == 0
    assert trio.current_time() - began >= 60.0


async def test_a_drain_ends_at_once_when_nothing_can_leave_before_its_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Line()
    under_test.gateway.seconds = 0.5
    under_test.accept(1, due_in=MINUTE)
    under_test.accept(2)
    under_test.dispatcher.drain_until = under_test.clock.now() + 6.0
    under_test.window.close()
    began = trio.current_time()
    await under_test.run()
    assert under_test.settled == ["m2"]
    assert trio.current_time() - began == 0.5
    assert under_test.window.backlog == 1


async def test_a_drain_waits_for_what_can_leave_before_its_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Line()
    under_test.accept(1, due_in=5.0)
    under_test.dispatcher.drain_until = under_test.clock.now() + 6.0
    under_test.window.close()
    await under_test.run()
    assert under_test.settled == ["m1"]


async def test_a_drain_that_begins_while_a_retry_is_awaited_ends_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Line()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(under_test.run)
        under_test.accept(1, due_in=MINUTE)
        await trio.sleep(1)
        began = trio.current_time()
        under_test.window.close()
        under_test.dispatcher.drain_until = under_test.clock.now() + 6.0
    assert trio.current_time() == began
    assert under_test.settled == []


async def test_a_waiting_dispatcher_hears_of_an_arrival_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Line()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(under_test.run)
        under_test.accept(1, due_in=MINUTE)
        await trio.sleep(1)
        began = trio.current_time()
        under_test.accept(2)
        await trio.testing.wait_all_tasks_blocked()
        assert trio.current_time() == began
        assert under_test.settled == ["m2"]
        under_test.window.close()
    assert under_test.settled == ["m2", "m1"]


async def test_a_message_goes_when_the_one_before_it_was_discarded(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Line()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(under_test.run)
        under_test.accept(1, to="1@c.us", due_in=MINUTE)
        under_test.accept(2, to="1@c.us")
        await trio.sleep(1)
        under_test.dispatcher.discard("m1", "normal")
        await trio.testing.wait_all_tasks_blocked()
        assert under_test.settled == ["m2"]
        under_test.window.close()


async def test_a_discard_after_the_close_ends_the_drain(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Line()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(under_test.run)
        under_test.accept(1, due_in=MINUTE)
        under_test.window.close()
        await trio.sleep(1)
        began = trio.current_time()
        under_test.dispatcher.discard("m1", "normal")
    assert trio.current_time() == began


async def test_an_expired_message_is_settled_and_gives_its_place_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Line()
    began = trio.current_time()
    under_test.accept(1, ttl=30.0, due_in=MINUTE)
    under_test.window.close()
    await under_test.run()
    assert under_test.store.expiries == ["m1"]
    assert under_test.settled == []
    assert under_test.window.backlog == 0
    assert trio.current_time() - began == 30.0


async def test_a_recipients_messages_stay_in_order_over_retries(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Line(names="abc", workers=8)
    under_test.gateway.seconds = 0.1
    tries = 0

    def answer(_message: Message, _session: Session) -> Outcome:
        nonlocal tries
        tries += 1
        fault = ("message", "session", "origin")[tries % 3]
        return Unavailable("away", "", fault) if tries % 4 else Sent()  # type: ignore[arg-type]  # one of three

    under_test.gateway.answer = answer
    for seq in range(1, 61):
        under_test.accept(seq, to=f"{seq % 3}@c.us")
    under_test.window.close()
    await under_test.run()
    arrived = [int(name[1:]) for name, outcome, _ in under_test.store.settles if outcome == Sent()]
    assert sorted(arrived) == list(range(1, 61))
    for recipient in range(3):
        order = [seq for seq in arrived if seq % 3 == recipient]
        assert order == sorted(order)


async def test_a_hanging_session_leaves_the_others_their_workers(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Line(names="abc", workers=50)

    async def run_for(seconds: float) -> None:
        with trio.move_on_after(seconds):
            await under_test.run()

    def hang(_message: Message, session: Session) -> Outcome:
        return Unknown("timeout", "") if session.name == "a" else Sent()

    under_test.gateway.answer = hang
    under_test.gateway.seconds_of = {"a": 130.0, "b": 1.0, "c": 1.0}
    for seq in range(1, 1_001):
        under_test.accept(seq)
    await run_for(20.5)
    sent = [name for name, outcome, _ in under_test.store.settles if outcome == Sent()]
    hanging = [name for name, session in under_test.gateway.written if session == "a"]
    assert len(hanging) == 29
    assert len(sent) >= 20 * 21  # what the 21 other workers can do


async def test_a_store_that_refuses_delays_and_loses_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Line(workers=1)
    under_test.store.refusals = [StoreUnavailable("full")] * 3
    under_test.accept(1)
    under_test.accept(2, ttl=0.0)
    under_test.window.close()
    began = trio.current_time()
    await under_test.run()
    assert under_test.settled == ["m1"]
    assert under_test.store.expiries == ["m2"]
    assert under_test.window.backlog == 0
    assert trio.current_time() - began == 3 * STORE_SECONDS


async def test_a_message_that_is_gone_leaves_memory_and_keeps_no_place(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Line()
    under_test.store.begun = False
    under_test.accept(1)
    under_test.window.release("normal")  # whoever cancelled it gave its place back
    under_test.window.close()
    await under_test.run()
    assert under_test.window.backlog == 0
    assert under_test.gateway.written == []


async def test_what_nobody_may_send_does_not_hold_up_an_unlimited_drain(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Line()
    stranger = replace(message(1, sessions=("stranger",)), expires_at=inf)
    assert under_test.window.reserve("normal")
    under_test.window.publish(stranger)
    under_test.window.close()
    await under_test.run()
    assert under_test.settled == []


class Looked(Line):
    """A line on which the first attempt of each message `unsure` is looked up."""

    def __init__(self, *unsure: int, workers: int = 3) -> None:
        super().__init__(workers=workers)
        self.inquiries.tells = True
        self.addressing._ids = [f"3EB0{n}" for n in range(100)]
        self._unsure = {f"m{seq}" for seq in unsure}
        self.gateway.answer = self._answer

    def _answer(self, sent: Message, _session: Session) -> Outcome:
        if sent.id in self._unsure:
            self._unsure.discard(sent.id)
            return Unknown("timeout", "")
        return Sent()

    @property
    def written(self) -> list[str]:
        return [name for name, _ in self.gateway.written]

    def end(self, decision: Final | Requeue) -> None:
        """Let the oldest inquiry end."""
        self.dispatcher.released(self.inquiries.opened.pop(0).message, decision)


SENT = Final(Status.SENT)


async def test_what_is_looked_up_holds_its_recipient_and_no_worker(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Looked(1, workers=1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(under_test.run)
        for seq in (1, 2, 3):
            under_test.accept(seq, to="1@c.us")
        under_test.accept(4, to="2@c.us")
        await trio.sleep(600)
        assert under_test.written == ["m1", "m4"]
        assert under_test.window.backlog == 3
        under_test.end(SENT)
        await trio.testing.wait_all_tasks_blocked()
        assert under_test.written == ["m1", "m4", "m2", "m3"]
        under_test.window.close()
    assert (under_test.window.backlog, under_test.free_permits) == (0, 1_000)


async def test_what_is_sent_again_goes_before_the_rest_of_its_line(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Looked(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(under_test.run)
        for seq in (1, 2):
            under_test.accept(seq, to="1@c.us")
        await trio.sleep(120)
        [opened] = under_test.inquiries.opened
        under_test.end(Requeue(opened.message, "not_sent", ""))
        await trio.testing.wait_all_tasks_blocked()
        assert under_test.written == ["m1", "m1", "m2"]
        under_test.window.close()
    assert (under_test.window.backlog, under_test.free_permits) == (0, 1_000)


async def test_an_unlimited_drain_waits_for_what_is_looked_up_and_for_what_follows(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Looked(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(under_test.run)
        for seq in (1, 2):
            under_test.accept(seq, to="1@c.us")
        under_test.window.close()
        await trio.sleep(600)
        assert under_test.written == ["m1"]
        began = trio.current_time()
        [opened] = under_test.inquiries.opened
        under_test.end(Requeue(opened.message, "not_sent", ""))
    assert trio.current_time() == began
    assert under_test.written == ["m1", "m1", "m2"]
    assert (under_test.window.backlog, under_test.free_permits) == (0, 1_000)


async def test_a_bounded_drain_does_not_wait_for_what_is_looked_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Looked(1)
    for seq in (1, 2):
        under_test.accept(seq, to="1@c.us")
    under_test.dispatcher.drain_until = under_test.clock.now() + 6.0
    under_test.window.close()
    began = trio.current_time()
    await under_test.run()
    assert trio.current_time() == began
    assert under_test.written == ["m1"]
    assert under_test.window.backlog == 2
    under_test.end(SENT)  # it may still end: nothing but a place and a permit comes of it
    assert (under_test.window.backlog, under_test.free_permits) == (1, 999)


async def test_what_was_open_at_the_start_holds_what_is_fed_after_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Looked()
    left = replace(message(1, to="1@c.us"), waha_id="3EB0")
    under_test.window.recall({"normal": 1})
    under_test.window.lanes["normal"].caught_up(0)
    await under_test.window.lanes["normal"].enter()
    under_test.dispatcher.block(left)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(under_test.run)
        under_test.accept(2, to="1@c.us")
        under_test.accept(3, to="2@c.us")
        await trio.sleep(60)
        assert under_test.written == ["m3"]
        for _ in range(2):  # whoever comes second changes nothing
            under_test.dispatcher.released(left, SENT)
        await trio.testing.wait_all_tasks_blocked()
        assert under_test.written == ["m3", "m2"]
        under_test.window.close()
    assert (under_test.window.backlog, under_test.free_permits) == (0, 1_000)


async def test_what_was_overtaken_by_its_ack_makes_room_for_the_next(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Looked()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(under_test.run)
        under_test.accept(1, to="1@c.us", due_in=MINUTE)
        under_test.accept(2, to="1@c.us")
        await trio.sleep(1)
        under_test.dispatcher.discard("m1", "normal")
        await trio.testing.wait_all_tasks_blocked()
        assert under_test.written == ["m2"]
        under_test.window.close()
    assert (under_test.window.backlog, under_test.free_permits) == (0, 1_000)


async def test_what_was_overtaken_while_a_worker_had_it_gives_its_place_back_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Looked()
    under_test.store.begun = False  # the store has it as sent
    under_test.accept(1)
    under_test.dispatcher.discard("m1", "normal")  # still in the channel
    under_test.window.close()
    await under_test.run()
    assert under_test.written == []
    assert (under_test.window.backlog, under_test.free_permits) == (0, 1_000)


async def test_what_was_overtaken_and_lies_only_in_the_store_gives_its_place_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Looked()
    under_test.window.recall({"normal": 1})
    under_test.dispatcher.discard("m1", "normal")
    assert (under_test.window.backlog, under_test.free_permits) == (0, 1_000)


async def test_what_is_cancelled_while_it_is_scheduled_gives_its_place_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Line()
    assert under_test.window.reserve("scheduled")
    under_test.dispatcher.discard("m1", "scheduled")
    assert under_test.window.places("scheduled").taken == 0


async def test_what_becomes_final_while_it_waits_for_a_permit_does_not_come_into_memory(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Line(capacity=1)
    lane = under_test.window.lanes["normal"]
    for seq in (1, 2, 3):
        under_test.accept(seq)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lane.feed, [message(2), message(3)])
        await trio.testing.wait_all_tasks_blocked()
        for last in ("m3", "m2"):  # the feeder has nothing left, though it waits
            under_test.dispatcher.discard(last, "normal")
        nursery.start_soon(under_test.run)
        await trio.testing.wait_all_tasks_blocked()
        assert under_test.settled == ["m1"]
        assert lane._permits.value == 1
        assert (lane.fed_seq, under_test.window.backlog) == (1, 0)
        lane.caught_up(3)
        under_test.accept(4)
        under_test.window.close()
    assert under_test.settled == ["m1", "m4"]


async def test_a_session_that_falls_and_returns_stops_and_starts_the_line_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Looked()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(under_test.run)
        under_test.dispatcher.set_status("a", "SCAN_QR_CODE")
        under_test.accept(1)
        await trio.sleep(3600)
        assert under_test.written == []
        assert under_test.dispatcher.obstacles() == {"a": "session_not_working"}
        under_test.dispatcher.set_paused("a", paused=True)
        under_test.dispatcher.set_status("a", "WORKING")
        await trio.testing.wait_all_tasks_blocked()
        assert under_test.written == []
        under_test.dispatcher.set_paused("a", paused=False)
        await trio.testing.wait_all_tasks_blocked()
        assert under_test.written == ["m1"]
        under_test.window.close()


@pytest.mark.parametrize(
    ("stop", "code"),
    [
        (lambda dispatcher: dispatcher.set_status("a", "FAILED"), "session_not_working"),
        (lambda dispatcher: dispatcher.set_paused("a", paused=True), "paused"),
        (lambda dispatcher: dispatcher.set_ghost("a", "out"), "ghost"),
    ],
)
async def test_what_was_claimed_before_its_session_stopped_goes_over_another_in_its_order(
    stop: Callable[[Dispatcher], None],
    code: str,
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Stalled(FakeStore):
        async def begin(self, message: Message, session: str, at: float) -> bool:
            if session == "a":
                await trio.sleep(1.0)
            return await super().begin(message, session, at)

    under_test = Line(names="ab", store=Stalled())
    under_test.accept(1, to="x")
    under_test.accept(2, to="x")
    under_test.window.close()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(under_test.run)
        await trio.sleep(0.5)
        assert under_test.store.begins == []
        stop(under_test.dispatcher)
    assert under_test.store.begins == [("m1", "a"), ("m1", "b"), ("m2", "b")]
    assert under_test.gateway.written == [("m1", "b"), ("m2", "b")]
    assert under_test.settled == ["m1", "m1", "m2"]
    [(_, unsent, _), *_] = under_test.store.settles
    assert isinstance(unsent, Unavailable)
    assert unsent.code == code
    assert under_test.noticed == []
    assert under_test.window.backlog == 0


async def test_what_probes_a_ghost_goes_out_though_no_other_may(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Line()
    under_test.dispatcher.set_ghost("a", "probe")
    under_test.accept(1)
    under_test.accept(2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(under_test.run)
        await trio.sleep(1.0)
        assert [name for name, _ in under_test.gateway.written] == ["m1"]
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("others", [0, 2])
async def test_a_ghost_sends_its_probe_and_nothing_that_was_claimed_before(
    others: int, autojump_clock: trio.testing.MockClock
) -> None:
    class Stalled(FakeStore):
        async def begin(self, message: Message, session: str, at: float) -> bool:
            if message.id == "m1":
                await trio.sleep(5.0)
            return await super().begin(message, session, at)

    under_test = Line(store=Stalled())
    under_test.accept(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(under_test.run)
        await trio.sleep(1.0)
        under_test.dispatcher.set_ghost("a", "out")
        under_test.dispatcher.set_ghost("a", "probe")
        for seq in range(others):
            under_test.accept(seq + 2)
        await trio.sleep(60.0)
        nursery.cancel_scope.cancel()
    assert under_test.gateway.written == [("m2" if others else "m1", "a")]
    unsent = Unavailable("ghost", "its session stopped before it went out", "message")
    assert unsent in [outcome for name, outcome, _ in under_test.store.settles if name == "m1"]


async def test_a_cancelled_line_records_every_attempt_that_began(
    autojump_clock: trio.testing.MockClock,
) -> None:
    under_test = Line(workers=5)
    under_test.gateway.seconds = 10.0
    for seq in range(1, 21):
        under_test.accept(seq)
    with trio.move_on_after(25):
        await under_test.run()
    begun = [name for name, _ in under_test.store.begins]
    assert len(begun) == 15
    assert sorted(under_test.settled) == sorted(begun)
    kinds = [type(outcome) for _, outcome, _ in under_test.store.settles]
    assert kinds == [Sent] * 10 + [Unknown] * 5
