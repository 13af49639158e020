"""Open attempts: settled by evidence, once, whoever brings it first."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import trio
import trio.testing

from tests.contract.messages import draft, record_of, status_of
from tests.fakes import FailingStore
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.clock import Clock
from trio_wa.core.evidence import ENGINE_SECONDS, LIMIT_SECONDS, PROOF_SECONDS, Trust
from trio_wa.core.message import Message, OnUnknown
from trio_wa.core.outcome import Unknown
from trio_wa.core.retry import Final, Inquire, Requeue, RetryPolicy
from trio_wa.core.status import Status
from trio_wa.inquiries import Inquiries
from trio_wa.ports import (
    Accepted,
    Attempt,
    Finding,
    Found,
    Missing,
    OpenAttempt,
    Receipt,
    Suppression,
    Unreadable,
)

AWAY = Unreadable("the session does not work")


class FakeLookUps:
    """Look-ups over a and b whose answer is a function of the id, and which take `seconds`."""

    def __init__(self) -> None:
        self.trusts = {name: Trust(ids=True, look_ups=True) for name in "ab"}
        self.finding: Callable[[str], Finding] = lambda _waha_id: Missing()
        self.seconds = 0.0
        self.asked: list[tuple[float, str]] = []
        self.most: dict[str, int] = dict.fromkeys("ab", 0)
        self._now: dict[str, int] = dict.fromkeys("ab", 0)

    def trust(self, session: str) -> Trust:
        return self.trusts.get(session, Trust(ids=False))

    async def find(self, session: str, waha_id: str | None) -> Finding:
        await trio.lowlevel.checkpoint()
        if waha_id is None or not self.trust(session).may_tell:
            return Unreadable("nothing can be told", refused=True)
        self.asked.append((trio.current_time(), waha_id))
        self._now[session] += 1
        self.most[session] = max(self.most[session], self._now[session])
        finding = self.finding(waha_id)
        try:
            await trio.sleep(self.seconds)
        finally:
            self._now[session] -= 1
        return finding


class Bench:
    """Inquiries over the sessions a and b."""

    def __init__(self, on_unknown: OnUnknown = "hold", **failures: int) -> None:
        self.clock = Clock()
        self.store = MemoryStore(lambda _message: None)
        self.failing: Any = FailingStore(self.store, **failures)
        self.look_ups = FakeLookUps()
        self.released_: list[tuple[str, Final | Requeue]] = []
        self.news = trio.Event()
        self.policy = RetryPolicy(max_attempts=3, on_unknown=on_unknown)
        self.inquiries = Inquiries(
            self.failing, self.look_ups, self, self.policy, self.clock, ["a", "b"]
        )
        self._numbers = itertools.count(1)

    def released(self, message: Message, decision: Final | Requeue) -> None:
        self.released_.append((message.id, decision))
        self.news.set()
        self.news = trio.Event()

    async def begin(self, name: str, *, session: str = "a", attempts: int = 0) -> OpenAttempt:
        """An attempt that began now, is `unknown` in the store, and was not taken on yet."""
        now = self.clock.now()
        accepted = await self.store.accept(draft(name, at=now, expires_at=now + 86_400))
        assert isinstance(accepted, Accepted)
        return await self.attempt(replace(accepted.message, attempts=attempts), session)

    async def attempt(self, message: Message, session: str = "a") -> OpenAttempt:
        now = self.clock.now()
        message = replace(message, waha_id=f"3EB0{next(self._numbers)}", prefer=session)
        assert await self.store.begin(message, session, now)
        outcome = Unknown("timeout", "no answer")
        attempt = Attempt(session, now, now, outcome)
        decision = Inquire("timeout", "no answer")
        assert await self.store.settle(message, attempt, decision) is Status.UNKNOWN
        return OpenAttempt(message, session, now, asked=True)

    async def open(self, name: str, *, session: str = "a", attempts: int = 0) -> OpenAttempt:
        opened = await self.begin(name, session=session, attempts=attempts)
        self.inquiries.open(opened)
        return opened

    async def receive(self, attempt: OpenAttempt, ack: int) -> None:
        """What the receipts do with an ack."""
        waha_id = attempt.message.waha_id or ""
        receipt = Receipt(attempt.session, waha_id, ack, self.clock.now())
        moved = await self.store.receive(receipt)
        if moved is not None and moved.open:
            self.inquiries.close(moved.message_id, moved.after)


def age(attempt: OpenAttempt, bench: Bench) -> float:
    return bench.clock.now() - attempt.began_at


async def wait_released(bench: Bench, count: int = 1) -> None:
    """Wait until so many were released; a day at most."""
    with trio.fail_after(86_400):
        while len(bench.released_) < count:
            await bench.news.wait()


@pytest.mark.parametrize(
    ("ack", "status"),
    [(-1, Status.FAILED), (0, Status.SENT), (1, Status.SENT), (2, Status.DELIVERED)],
)
async def test_what_is_found_is_settled_at_once_as_its_ack_says(
    ack: int, status: Status, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.inquiries.run)
    bench.look_ups.finding = lambda _waha_id: Found(ack)
    await bench.open("m")
    await trio.testing.wait_all_tasks_blocked()
    assert await status_of(bench.store, "m") is status
    assert bench.released_ == [("m", Final(status))]
    await trio.sleep(3600)
    assert len(bench.look_ups.asked) == 1


async def test_what_turns_up_late_is_sent(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.inquiries.run)
    appears = trio.current_time() + 100
    bench.look_ups.finding = lambda _: Found(1) if trio.current_time() >= appears else Missing()
    await bench.open("m")
    await trio.sleep(99)
    assert bench.released_ == []
    await trio.sleep(21)
    assert await status_of(bench.store, "m") is Status.SENT
    assert bench.released_ == [("m", Final(Status.SENT))]


async def test_what_stays_missing_is_queued_again_under_its_id_at_the_mark(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.inquiries.run)
    opened = await bench.open("m")
    await trio.sleep(ENGINE_SECONDS - 0.5)
    assert bench.released_ == []
    await trio.sleep(1)
    [(name, decision)] = bench.released_
    assert isinstance(decision, Requeue)
    again = decision.message
    assert (name, again.waha_id, again.prefer) == ("m", opened.message.waha_id, "a")
    assert again.attempts == 1
    record = await record_of(bench.store, "m")
    assert (record.status, record.code) == (Status.QUEUED, "not_sent")


async def test_what_was_not_sent_in_its_last_attempt_has_failed(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench("resend")
    nursery.start_soon(bench.inquiries.run)
    await bench.open("m", attempts=2)
    await wait_released(bench)
    assert await status_of(bench.store, "m") is Status.FAILED


@pytest.mark.parametrize(
    ("on_unknown", "status"), [("hold", Status.UNKNOWN), ("resend", Status.QUEUED)]
)
async def test_without_a_proof_the_choice_decides_at_the_mark(
    on_unknown: OnUnknown,
    status: Status,
    autojump_clock: trio.testing.MockClock,
    nursery: trio.Nursery,
) -> None:
    bench = Bench(on_unknown)
    nursery.start_soon(bench.inquiries.run)
    bench.look_ups.trusts["a"].look_ups = None
    opened = await bench.open("m")
    await wait_released(bench)
    assert age(opened, bench) == pytest.approx(ENGINE_SECONDS, abs=1)
    record = await record_of(bench.store, "m")
    assert (record.status, record.code) == (status, "timeout")
    assert (record.settled_at is None) == (status is Status.QUEUED)


@pytest.mark.parametrize("proof", [True, None])
async def test_what_nobody_wants_any_more_is_not_queued_again(
    proof: bool | None, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench("resend")
    nursery.start_soon(bench.inquiries.run)
    bench.look_ups.trusts["a"].look_ups = proof
    opened = await bench.open("m")
    await bench.store.suppress(Suppression(opened.message.chat_id, bench.clock.now()))
    await wait_released(bench)
    assert bench.released_ == [("m", Final(Status.CANCELLED))]
    record = await record_of(bench.store, "m")
    assert (record.status, record.code) == (Status.CANCELLED, "suppressed")


async def test_where_look_ups_turn_out_useless_it_ends_with_the_next_look(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.inquiries.run)
    await bench.open("m")
    await trio.sleep(30)
    bench.look_ups.trusts["a"].ids = False
    await trio.sleep(30)
    assert bench.released_ == [("m", Final(Status.UNKNOWN, "timeout", "no answer"))]


async def test_a_session_that_stays_away_ends_it_at_the_limit(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.inquiries.run)
    bench.look_ups.finding = lambda _waha_id: AWAY
    opened = await bench.open("m")
    await wait_released(bench)
    assert age(opened, bench) == pytest.approx(LIMIT_SECONDS, abs=1)
    assert await status_of(bench.store, "m") is Status.UNKNOWN


async def test_what_a_crash_left_hours_ago_is_judged_once_its_session_is_back(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.inquiries.run)
    trust = bench.look_ups.trusts["a"]
    trust.look_ups = None  # as after a start
    bench.look_ups.finding = lambda _waha_id: AWAY
    opened = await bench.begin("m")
    await trio.sleep(7200)
    bench.inquiries.open(opened)
    await trio.sleep(5)
    assert bench.released_ == []
    trust.look_ups = True
    bench.look_ups.finding = lambda _waha_id: Missing()
    await trio.sleep(10)
    [(_, decision)] = bench.released_
    assert (type(decision), decision.code) == (Requeue, "not_sent")


async def test_what_a_crash_left_does_not_wait_long_for_a_proof(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.inquiries.run)
    bench.look_ups.trusts["a"].look_ups = None
    opened = await bench.begin("m")
    await trio.sleep(7200)
    bench.inquiries.open(opened)
    await trio.sleep(PROOF_SECONDS + 1)
    assert bench.released_ == [("m", Final(Status.UNKNOWN, "timeout", "no answer"))]


async def test_a_session_of_before_leaves_it_to_the_choice_at_once(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench("resend")
    nursery.start_soon(bench.inquiries.run)
    await bench.open("m", session="gone")
    await trio.testing.wait_all_tasks_blocked()
    assert await status_of(bench.store, "m") is Status.QUEUED
    [(_, decision)] = bench.released_
    assert isinstance(decision, Requeue)


async def test_a_receipt_ends_it_and_nothing_is_released_twice(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.inquiries.run)
    opened = await bench.open("m")
    await trio.sleep(10)
    await bench.receive(opened, 2)
    assert bench.released_ == [("m", Final(Status.DELIVERED))]
    asked = len(bench.look_ups.asked)
    await trio.sleep(3600)
    assert len(bench.released_) == 1
    assert len(bench.look_ups.asked) == asked


@pytest.mark.parametrize("finding", [Found(0), Missing(), AWAY])
@pytest.mark.parametrize("before", [0.0, 119.5, 599.5])
async def test_a_receipt_amid_a_look_up_is_not_overruled(
    finding: Finding,
    before: float,
    autojump_clock: trio.testing.MockClock,
    nursery: trio.Nursery,
) -> None:
    bench = Bench("resend")
    nursery.start_soon(bench.inquiries.run)
    bench.look_ups.finding = lambda _waha_id: AWAY if before > 200 else Missing()
    opened = await bench.open("m")
    await trio.sleep(before)
    bench.look_ups.finding = lambda _waha_id: finding
    bench.look_ups.seconds = 5.0
    await trio.sleep(3)
    await bench.receive(opened, 3)
    await trio.sleep(3600)
    assert bench.released_ == [("m", Final(Status.READ))]
    assert await status_of(bench.store, "m") is Status.READ


async def test_an_ack_of_before_the_look_is_seen_in_the_store(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.inquiries.run)
    opened = await bench.begin("m")
    await bench.receive(opened, 1)  # nobody had taken it on yet
    bench.inquiries.open(opened)
    await trio.testing.wait_all_tasks_blocked()
    assert bench.released_ == [("m", Final(Status.SENT))]
    assert bench.look_ups.asked == []


async def test_a_look_of_an_attempt_that_is_over_says_nothing_of_the_next(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.inquiries.run)
    bench.look_ups.finding = lambda _waha_id: Found(0)
    bench.look_ups.seconds = 5.0
    first = await bench.open("m")
    await trio.sleep(1)
    await bench.receive(first, -1)  # it has failed, ...
    now = bench.clock.now()
    assert await bench.store.retry("m", now, now + 3600)  # ... is queued again by hand, ...
    [queued] = await bench.store.queued("normal", 0, 10)
    bench.look_ups.finding = lambda _waha_id: Missing()
    second = await bench.attempt(queued, "b")
    bench.inquiries.open(second)  # ... and is being looked up once more
    await trio.sleep(20)
    assert bench.released_ == [("m", Final(Status.FAILED))]
    assert await status_of(bench.store, "m") is Status.UNKNOWN
    await wait_released(bench, 2)
    assert age(second, bench) == pytest.approx(ENGINE_SECONDS, abs=6)


async def test_a_message_that_is_gone_releases_its_recipient(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.inquiries.run)
    opened = await bench.begin("m")
    stranger = replace(opened, message=replace(opened.message, id="stranger"))
    bench.inquiries.open(stranger)
    await trio.testing.wait_all_tasks_blocked()
    assert bench.released_ == [("stranger", Final(Status.UNKNOWN))]


@pytest.mark.parametrize("failures", [{"get": 3}, {"receive": 3}, {"resolve": 3}, {"get": 50}])
@pytest.mark.parametrize("finding", [Found(1), Missing()])
async def test_a_store_that_fails_delays_and_loses_nothing(
    failures: dict[str, int],
    finding: Finding,
    autojump_clock: trio.testing.MockClock,
    nursery: trio.Nursery,
) -> None:
    bench = Bench(**failures)
    nursery.start_soon(bench.inquiries.run)
    bench.look_ups.finding = lambda _waha_id: finding
    await bench.open("m")
    await trio.sleep(ENGINE_SECONDS + 60)
    assert len(bench.released_) == 1
    expected = Status.SENT if isinstance(finding, Found) else Status.QUEUED
    assert await status_of(bench.store, "m") is expected


async def test_one_look_up_at_a_time_goes_over_a_session_and_none_waits_for_another(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.inquiries.run)
    bench.look_ups.finding = lambda _waha_id: Found(1)
    bench.look_ups.seconds = 1.0
    for n in range(10):
        await bench.open(f"a{n}", session="a")
        await bench.open(f"b{n}", session="b")
    await trio.sleep(10.5)
    assert bench.look_ups.most == {"a": 1, "b": 1}
    assert len(bench.released_) == 20


async def test_a_waha_that_hangs_over_one_session_holds_up_no_other(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.inquiries.run)
    bench.look_ups.finding = lambda _waha_id: Found(1)
    bench.look_ups.seconds = 1e9
    stuck = await bench.open("stuck", session="a")
    await trio.testing.wait_all_tasks_blocked()
    bench.look_ups.seconds = 0.0
    await bench.open("other", session="b")
    await trio.testing.wait_all_tasks_blocked()
    assert [name for name, _ in bench.released_] == ["other"]
    await bench.receive(stuck, 1)
    assert [name for name, _ in bench.released_] == ["other", "stuck"]


@pytest.mark.parametrize("finding", [Found(1), Missing()])
async def test_cut_at_any_time_the_store_tells_what_is_open(
    finding: Finding, autojump_clock: trio.testing.MockClock
) -> None:
    for cut_after in (0.0, 0.5, 1.5, 119.5, 120.5, 200.0):
        bench = Bench()
        bench.look_ups.finding = lambda _waha_id: finding
        bench.look_ups.seconds = 1.0
        await bench.open("m")
        with trio.move_on_after(cut_after):
            await bench.inquiries.run()
        left = await bench.store.open_attempts()
        assert len(left) + len(bench.released_) == 1


def test_only_what_has_an_id_over_a_session_that_can_tell_is_looked_up() -> None:
    class Still(Clock):
        def __init__(self) -> None:
            self._offset = 0.0

    look_ups = FakeLookUps()
    store: Any = MemoryStore(lambda _message: None)
    dispatcher: Any = None
    inquiries = Inquiries(store, look_ups, dispatcher, RetryPolicy(), Still(), ["a"])
    message = Message("m", 1, "1@c.us", "Hello", 0.0, 1.0)
    named = replace(message, waha_id="3EB0")
    assert inquiries.may_tell(named, "a")
    assert not inquiries.may_tell(message, "a")
    assert not inquiries.may_tell(named, "gone")
    look_ups.trusts["a"].look_ups = False
    assert not inquiries.may_tell(named, "a")
