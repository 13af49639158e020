"""One worker: what it records and tells, whatever happens at whichever step."""

import itertools
from dataclasses import replace
from math import inf
from typing import Any

import pytest
import structlog
import trio
import trio.testing

from tests.contract.messages import accept, status_of
from tests.core.messages import message
from tests.fakes import (
    FailingStore,
    FakeAddressing,
    FakeDispatcher,
    FakeGateway,
    FakeInquiries,
    FakeStore,
    cancelled_at,
)
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.clock import Clock
from trio_wa.core.message import Message
from trio_wa.core.notice import BreakerOpened, GateShut, Notice
from trio_wa.core.outcome import Outcome, Rejected, Sent, Unavailable, Unknown
from trio_wa.core.retry import Decision, Final, Inquire, Requeue, RetryPolicy
from trio_wa.core.session import Session
from trio_wa.core.status import Status
from trio_wa.core.turn import Claim, Expiry
from trio_wa.ports import Sender, StoreUnavailable
from trio_wa.settling import Settling
from trio_wa.worker import RECORD_SECONDS, Worker

SESSION = Session("default", "http://waha")
SENT = Final(Status.SENT, waha_id="3EB0")


class Bench:
    """A worker among fakes."""

    def __init__(
        self,
        *,
        gateway: FakeGateway | None = None,
        addressing: FakeAddressing | None = None,
        tells: bool = False,
        store: Any = None,
        patience: float = inf,
    ) -> None:
        self.store = store or FakeStore()
        self.gateway = gateway or FakeGateway()
        self.dispatcher = FakeDispatcher()
        self.clock = Clock()
        self.inquiries = FakeInquiries(tells=tells)
        self.learned: list[tuple[str, str, Outcome]] = []
        self.noticed: list[tuple[str, Notice]] = []
        self.jobs, self.receive = trio.open_memory_channel[Claim | Expiry](10)
        settling = Settling(
            self.store,
            self.dispatcher,
            self.inquiries,
            lambda message, session, outcome: self.learned.append((message.id, session, outcome)),
            lambda session, notice: self.noticed.append((session, notice)),
            RetryPolicy(),
            self.clock,
            jitter=lambda: 0.5,
        )
        self.worker = Worker(
            self.store,
            self.gateway,
            self.dispatcher,
            addressing or FakeAddressing(),
            settling,
            self.clock,
            patience=patience,
        )

    async def work(self, *jobs: Claim | Expiry) -> None:
        """Serve these jobs, then end."""
        for job in jobs:
            self.jobs.send_nowait(job)
        self.jobs.close()
        await self.worker.run(self.receive)


def claim(seq: int) -> Claim:
    return Claim(message(seq), SESSION)


@pytest.mark.parametrize(
    ("outcome", "decision"),
    [
        (Sent("3EB0"), SENT),
        (Rejected("rejected", "no"), Final(Status.FAILED, "rejected", "no")),
        (Unknown("timeout", "silence"), Final(Status.UNKNOWN, "timeout", "silence")),
    ],
)
async def test_an_outcome_is_settled_once_then_told(outcome: Outcome, decision: Final) -> None:
    bench = Bench(gateway=FakeGateway(lambda _message, _session: outcome))
    await bench.work(claim(1))
    assert bench.store.begins == [("m1", "default")]
    assert bench.store.settles == [("m1", outcome, decision)]
    assert bench.dispatcher.done == bench.store.settles


async def test_what_is_tried_again_is_recorded_as_queued() -> None:
    outcome = Unavailable("throttled", "busy", "origin", retry_after=9.0)
    bench = Bench(gateway=FakeGateway(lambda _message, _session: outcome))
    await bench.work(claim(1))
    [(_, _, decision)] = bench.store.settles
    assert isinstance(decision, Requeue)
    assert decision.message.deferrals == 1
    assert bench.dispatcher.done == bench.store.settles


async def test_what_an_attempt_changed_about_its_session_is_told_in_order() -> None:
    bench = Bench()
    bench.dispatcher.notices = (GateShut("throttled"), BreakerOpened(9.0, probe=False))
    await bench.work(claim(1))
    assert bench.noticed == [("default", notice) for notice in bench.dispatcher.notices]


async def test_what_was_never_begun_changes_nothing_about_its_session() -> None:
    bench = Bench()
    bench.dispatcher.notices = (GateShut("throttled"),)
    bench.store.begun = False
    await bench.work(claim(1))
    assert bench.noticed == []


async def test_a_message_that_is_not_queued_any_more_is_not_sent() -> None:
    bench = Bench()
    bench.store.begun = False
    await bench.work(claim(1))
    assert bench.gateway.written == []
    assert bench.store.settles == []
    assert bench.dispatcher.gone_ == ["m1"]
    assert bench.dispatcher.done == []


async def test_an_expired_message_is_recorded_and_not_sent() -> None:
    bench = Bench()
    await bench.work(Expiry(message(1)))
    assert bench.store.expiries == ["m1"]
    assert bench.gateway.written == []
    assert bench.dispatcher.expiries == [True]


async def test_an_unforeseen_error_is_unknown_and_the_worker_lives_on() -> None:
    def answer(sent: Message, _session: Session) -> Outcome:
        if sent.seq == 1:
            raise RuntimeError("a bug")
        return Sent("3EB0")

    bench = Bench(gateway=FakeGateway(answer))
    await bench.work(claim(1), claim(2))
    (_, unknown, held), sent = bench.store.settles
    assert isinstance(unknown, Unknown)
    assert unknown.code == "internal_error"
    assert isinstance(held, Final)
    assert held.status == Status.UNKNOWN
    assert sent == ("m2", Sent("3EB0"), SENT)


async def test_a_begin_that_is_cut_after_another_messages_error_is_certainly_unsent() -> None:
    def fail(_message: Message, _session: Session) -> Outcome:
        raise RuntimeError("a bug")

    for step in itertools.count(1):
        bench = Bench(gateway=FakeGateway(fail))
        jobs = (claim(1), claim(2))
        cut = await cancelled_at(step, lambda bench=bench, jobs=jobs: bench.work(*jobs))
        written = {name for name, _ in bench.gateway.written}
        for name, outcome, _ in bench.store.settles:
            assert isinstance(outcome, Unknown if name in written else Unavailable)
        if not cut:
            break


async def test_a_begin_that_the_store_refuses_is_given_back() -> None:
    bench = Bench()
    bench.store.refusals = [StoreUnavailable("full"), StoreUnavailable("full")]
    first, second = claim(1), Expiry(message(2))
    await bench.work(first, second, claim(3))
    assert bench.dispatcher.refusals == [first, second]
    assert [name for name, _, _ in bench.store.settles] == ["m3"]
    assert [name for name, _ in bench.gateway.written] == ["m3"]


async def test_a_worker_goes_on_while_the_end_of_an_attempt_is_not_recorded() -> None:
    bench = Bench()
    bench.store.stalled = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.work, claim(1), claim(2))
        await trio.testing.wait_all_tasks_blocked()
        assert bench.store.begins == [("m1", "default"), ("m2", "default")]
        assert bench.dispatcher.outcomes == {"m1": Sent("3EB0"), "m2": Sent("3EB0")}
        assert bench.store.settles == bench.dispatcher.done == []
        bench.store.recover()
    assert [name for name, _, _ in bench.store.settles] == ["m1", "m2"]
    assert bench.dispatcher.done == bench.store.settles


async def test_any_other_error_of_the_store_ends_the_worker() -> None:
    bench = Bench()
    bench.store.refusals = [RuntimeError("corrupt")]
    with pytest.raises(RuntimeError, match="corrupt"):
        await bench.work(claim(1))
    assert bench.gateway.written == []
    assert bench.store.settles == []


async def test_a_cut_at_any_step_records_what_is_known_and_nothing_twice() -> None:
    seen: list[type[Outcome]] = []
    for step in itertools.count(1):
        bench = Bench()
        cut = await cancelled_at(step, lambda bench=bench: bench.work(claim(1)))
        written = bool(bench.gateway.written)
        if not bench.store.begins:
            assert cut
            assert not written
            assert bench.store.settles == []
            continue
        [(name, outcome, decision)] = bench.store.settles
        seen.append(type(outcome))
        assert name == "m1"
        match outcome:
            case Unavailable():
                assert not written
                assert isinstance(decision, Requeue)
            case Unknown():
                assert written
                assert isinstance(decision, Final)
                assert decision.status == Status.UNKNOWN
            case _:
                assert written
                assert decision == SENT
        assert bench.dispatcher.done in (bench.store.settles, [])
        if not cut:
            break
    assert list(dict.fromkeys(seen)) == [Unavailable, Unknown, Sent]


async def test_a_cut_expiry_is_recorded_once() -> None:
    for step in itertools.count(1):
        bench = Bench()
        cut = await cancelled_at(step, lambda bench=bench: bench.work(Expiry(message(1))))
        assert bench.store.expiries in ([], ["m1"])
        if not cut:
            assert bench.store.expiries == ["m1"]
            break


async def test_a_cut_worker_does_not_wait_long_for_a_store_that_cannot_record(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Bench(gateway=FakeGateway(seconds=60.0))
    with trio.move_on_after(1):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.work, claim(1))
            bench.store.stalled = []
    assert bench.store.settles == []
    assert trio.current_time() == 1 + RECORD_SECONDS


def silent() -> FakeGateway:
    """A WAHA that never says what became of a message."""
    return FakeGateway(lambda _message, _session: Unknown("timeout", "silence"))


async def test_the_id_is_recorded_with_the_begin() -> None:
    bench = Bench(addressing=FakeAddressing("3EB0A"))
    await bench.work(claim(1), claim(2))
    assert bench.store.ids == ["3EB0A", None]


async def test_what_may_have_been_sent_is_looked_up_once_that_is_recorded() -> None:
    bench = Bench(gateway=silent(), addressing=FakeAddressing("3EB0A"), tells=True)
    opened_at_settle: list[int] = []
    settled = bench.dispatcher.settled

    def note(claim: Claim, decision: Decision) -> None:
        opened_at_settle.append(len(bench.inquiries.opened))
        settled(claim, decision)

    bench.dispatcher.settled = note  # type: ignore[method-assign]  # to see which comes first
    await bench.work(claim(1))
    inquire = Inquire("timeout", "silence")
    assert bench.store.settles == [("m1", Unknown("timeout", "silence"), inquire)]
    assert bench.dispatcher.done == bench.store.settles
    assert opened_at_settle == [0]  # the recipient was held first
    [opened] = bench.inquiries.opened
    message_ = replace(message(1), waha_id="3EB0A", prefer="default")
    assert (opened.message, opened.session, opened.asked) == (message_, "default", True)


async def test_an_attempt_is_looked_up_from_its_begin(
    autojump_clock: trio.testing.MockClock,
) -> None:
    gateway = silent()
    gateway.seconds = 15.0
    bench = Bench(gateway=gateway, addressing=FakeAddressing("3EB0A"), tells=True)
    began_at = Clock().now()
    await bench.work(claim(1))
    [opened] = bench.inquiries.opened
    assert opened.began_at == pytest.approx(began_at, abs=1)


@pytest.mark.parametrize("status", [Status.SENT, Status.DELIVERED, Status.READ, Status.FAILED])
async def test_an_ack_that_was_faster_makes_it_final(status: Status) -> None:
    bench = Bench(gateway=silent(), addressing=FakeAddressing("3EB0A"), tells=True)
    bench.store.acked = {"m1": status}
    await bench.work(claim(1))
    assert bench.dispatcher.done == [("m1", Unknown("timeout", "silence"), Final(status))]
    assert bench.inquiries.opened == []


@pytest.mark.parametrize("status", [Status.SENT, Status.CANCELLED])
async def test_an_ack_or_a_wish_that_was_faster_than_a_retry_keeps_it_from_being_sent_again(
    status: Status,
) -> None:
    outcome = Unavailable("throttled", "busy", "origin")
    bench = Bench(gateway=FakeGateway(lambda _message, _session: outcome))
    bench.store.acked = {"m1": status}
    with structlog.testing.capture_logs() as logs:
        await bench.work(claim(1))
    assert bench.dispatcher.done == [("m1", outcome, Final(status))]
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [
        (f"message.{status}", "info")
    ]


async def test_where_nothing_can_tell_the_choice_decides_at_once() -> None:
    bench = Bench(gateway=silent(), addressing=FakeAddressing("3EB0A"), tells=False)
    await bench.work(claim(1))
    assert bench.dispatcher.done[0][2] == Final(Status.UNKNOWN, "timeout", "silence")
    assert bench.inquiries.opened == []


async def test_what_is_sent_again_without_evidence_keeps_its_id() -> None:
    bench = Bench(gateway=silent(), addressing=FakeAddressing("3EB0A"))
    resend = Claim(replace(message(1), on_unknown="resend", expires_at=inf), SESSION)
    await bench.work(resend)
    [(_, _, decision)] = bench.dispatcher.done
    assert isinstance(decision, Requeue)
    assert (decision.message.waha_id, decision.message.prefer) == ("3EB0A", "default")


async def test_what_was_certainly_not_sent_does_not_keep_its_id() -> None:
    outcome = Unavailable("session_not_working", "", "session")
    gateway = FakeGateway(lambda _message, _session: outcome)
    bench = Bench(gateway=gateway, addressing=FakeAddressing("3EB0A"))
    await bench.work(claim(1))
    [(_, _, decision)] = bench.dispatcher.done
    assert isinstance(decision, Requeue)
    assert (decision.message.waha_id, decision.message.prefer) == (None, None)


async def test_a_number_that_is_not_on_whatsapp_is_settled_as_an_attempt() -> None:
    refusal = Rejected("not_on_whatsapp", "no")
    bench = Bench(addressing=FakeAddressing(instead=refusal))
    await bench.work(claim(1))
    assert bench.gateway.written == []
    assert bench.store.begins == [("m1", "default")]
    assert bench.store.settles == [("m1", refusal, Final(Status.FAILED, "not_on_whatsapp", "no"))]
    assert bench.dispatcher.done == bench.store.settles
    assert bench.learned == [("m1", "default", refusal)]


async def test_what_stands_in_the_way_of_an_attempt_is_none_and_a_crash_leaves_it_queued() -> None:
    obstacle = Unavailable("session_not_working", "", "session")
    bench = Bench(addressing=FakeAddressing(instead=obstacle))
    await bench.work(claim(1))
    assert bench.gateway.written == bench.store.begins == bench.store.settles == []
    [(name, outcome, decision)] = bench.dispatcher.done
    assert bench.store.postponed == [(name, outcome, decision)]
    assert (name, outcome) == ("m1", obstacle)
    assert isinstance(decision, Requeue)
    assert decision.message.deferrals == 1
    assert bench.learned == [("m1", "default", obstacle)]


async def test_a_store_that_cannot_tell_of_the_contact_has_the_claim_given_back() -> None:
    class Failing(FakeAddressing):
        async def address(
            self, message: Message, session: Session, sender: Sender
        ) -> Message | Rejected | Unavailable:
            raise StoreUnavailable("full")

    bench = Bench(addressing=Failing())
    refused = claim(1)
    await bench.work(refused)
    assert bench.dispatcher.refusals == [refused]
    assert bench.store.begins == []
    assert bench.gateway.written == []


async def test_every_outcome_is_learned_from_once() -> None:
    bench = Bench(gateway=silent(), tells=True)
    await bench.work(claim(1), claim(2))
    unknown = Unknown("timeout", "silence")
    assert bench.learned == [("m1", "default", unknown), ("m2", "default", unknown)]


async def test_what_cannot_begin_in_time_waits_for_another_turn_with_its_id_at_hand(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Late(FakeAddressing):
        async def address(
            self, message: Message, session: Session, sender: Sender
        ) -> Message | Rejected | Unavailable:
            await trio.sleep(0.0 if message.waha_id else 0.3)
            return await super().address(message, session, sender)

    bench = Bench(addressing=Late("3EB0A"), patience=0.25)
    late = Claim(message(1), SESSION, Clock().now())
    await bench.work(late)
    assert bench.store.begins == bench.gateway.written == []
    [(name, outcome, decision)] = bench.dispatcher.done
    assert (name, outcome) == ("m1", None)
    assert isinstance(decision, Requeue)
    assert decision.message == replace(late.message, waha_id="3EB0A")
    bench = Bench(addressing=Late("3EB0A"), patience=0.25)
    await bench.work(Claim(decision.message, SESSION, Clock().now()))
    assert bench.store.begins == [("m1", "default")]


class Stalled(FakeStore):
    """Begins nothing before the time `until`."""

    until = 2.0

    async def begin(self, message: Message, session: str, at: float) -> bool:
        await trio.sleep_until(self.until)
        return await super().begin(message, session, at)


async def begin_every_half_second(store: Stalled, count: int) -> tuple[Bench, list[float]]:
    """Claim one each half second, as a pace has it, and let ten workers serve; when each went."""
    times: list[float] = []

    def answer(_message: Message, _session: Session) -> Outcome:
        times.append(trio.current_time())
        return Sent("3EB0")

    bench = Bench(store=store, gateway=FakeGateway(answer), patience=0.25)
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(bench.worker.run, bench.receive.clone())
        for seq in range(1, count + 1):
            bench.jobs.send_nowait(Claim(message(seq), SESSION, bench.clock.now()))
            await trio.sleep(0.5)
        bench.jobs.close()
        bench.receive.close()
    return bench, times


async def test_a_store_that_stalls_lets_no_burst_through(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench, times = await begin_every_half_second(Stalled(), 7)
    assert times == [2.0, 2.0, 2.5, 3.0]  # the first that waited, and what was claimed then
    unsent = [(name, decision) for name, outcome, decision in bench.dispatcher.done if not outcome]
    recorded = [
        (name, decision)
        for name, outcome, decision in bench.store.settles
        if isinstance(outcome, Unavailable)
    ]
    assert len(unsent) == 3
    assert sorted(unsent, key=str) == sorted(recorded, key=str)
    for _, decision in unsent:
        assert isinstance(decision, Requeue)
        assert (decision.message.deferrals, decision.message.due_at) == (0, 0.0)


async def test_nothing_goes_out_over_a_session_that_stopped_while_the_store_took_its_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Bench(store=Stalled(), addressing=FakeAddressing("3EB0A"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.work, claim(1))
        await trio.sleep(1.0)
        bench.dispatcher.obstacle = "session_not_working"
    assert bench.store.begins == [("m1", "default")]
    assert bench.gateway.written == []
    [(name, unsent, again)] = bench.store.settles
    assert isinstance(unsent, Unavailable)
    assert (name, unsent.code, unsent.fault) == ("m1", "session_not_working", "message")
    assert isinstance(again, Requeue)
    assert again.message == replace(claim(1).message, waha_id="3EB0A")
    assert bench.dispatcher.done == [("m1", None, again)]
    assert bench.learned == []


async def test_a_store_that_is_always_slow_lets_messages_go_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Slow(Stalled):
        async def begin(self, message: Message, session: str, at: float) -> bool:
            await trio.sleep(3.0)
            return await super().begin(message, session, at)

    _, times = await begin_every_half_second(Slow(), 21)
    assert times == [3.0, 6.5, 10.0]


@pytest.mark.parametrize("status", [Status.DELIVERED, Status.CANCELLED])
async def test_what_is_taken_back_as_late_may_have_been_sent_before_or_be_unwanted(
    status: Status, autojump_clock: trio.testing.MockClock
) -> None:
    store = Stalled(acked=dict.fromkeys(("m1", "m2"), status))
    bench, times = await begin_every_half_second(store, 2)
    assert len(times) == 1
    assert [decision for _, _, decision in bench.dispatcher.done] == [Final(status), Final(status)]
    assert bench.dispatcher.gone_ == []  # its place is given back


class SlowAddressing(FakeAddressing):
    """Takes two steps for each message."""

    async def address(
        self, message: Message, session: Session, sender: Sender
    ) -> Message | Rejected | Unavailable:
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        return await super().address(message, session, sender)


@pytest.mark.parametrize("answer", [Unknown("timeout", "silence"), Sent("3EB0A")])
async def test_cut_at_any_step_store_and_dispatcher_tell_the_same(answer: Outcome) -> None:
    seen: set[Status | None] = set()
    for step in itertools.count(1):
        store = MemoryStore(lambda _message: None)
        bench = Bench(
            gateway=FakeGateway(lambda _message, _session: answer),
            addressing=SlowAddressing("3EB0A"),
            tells=True,
            store=FailingStore(store),
        )
        accepted = await accept(store, "m")
        job = Claim(accepted, SESSION)
        cut = await cancelled_at(step, lambda bench=bench, job=job: bench.work(job))
        written, status = bool(bench.gateway.written), await status_of(store, "m")
        seen.add(status)
        opened = [attempt.message for attempt in bench.inquiries.opened]
        match status:
            case Status.QUEUED:
                assert not written
                [queued] = await store.queued("normal", 0, 10)
                assert queued.waha_id is None
            case Status.UNKNOWN:
                assert written
                [left] = await store.open_attempts()
                assert left.asked
                assert left.message.waha_id == "3EB0A"
                assert opened in ([], [left.message])  # untold only where the settle was cut
            case Status.SENT:
                assert written
                assert opened == []
            case _:
                raise AssertionError(status)
        for _, outcome, decision in bench.dispatcher.done:
            told = {Requeue: Status.QUEUED, Inquire: Status.UNKNOWN}.get(type(decision))
            assert status is (told or Status.SENT)
            assert outcome is not None
        if not cut:
            assert bench.dispatcher.done
            break
    final = Status.SENT if answer == Sent("3EB0A") else Status.UNKNOWN
    assert seen == {Status.QUEUED, Status.UNKNOWN, final}


async def test_the_end_of_the_jobs_ends_every_worker(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Bench(gateway=FakeGateway(seconds=1.0))
    send, receive = trio.open_memory_channel[Claim | Expiry](0)
    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(bench.worker.run, receive.clone())
        receive.close()
        for seq in range(120):
            await send.send(claim(seq))
        send.close()
    assert len(bench.store.settles) == 120
    assert bench.gateway.most == 50
    assert trio.current_time() == 3.0
