"""What WAHA took and WhatsApp never acknowledged: looked up, flagged, and sent again once."""

import itertools
from collections.abc import Callable
from functools import partial
from math import inf
from typing import Any

import pytest
import trio
import trio.testing

from tests.contract.messages import draft, record_of, settle
from tests.fakes import FailingStore, FakeObserver, cancelled_at
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.clock import Clock
from trio_wa.confirmations import LIMIT_SECONDS, LOOK_UP_SECONDS, Confirmations
from trio_wa.core.session import Session
from trio_wa.core.status import Status
from trio_wa.ports import (
    Accepted,
    Finding,
    Found,
    Missing,
    Receipt,
    Record,
    Unconfirmed,
    Unreadable,
)
from trio_wa.window import Window

SESSIONS = [Session("a", "http://waha"), Session("b", "http://waha")]
TIMEOUT, GRACE = 60.0, 5.0
AWAY = Unreadable("no answer")


class Bench:
    """Confirmations of the sessions a and b, of which webhooks and acks came already."""

    def __init__(
        self,
        finding: Callable[[str], Finding] = lambda _waha_id: Missing(),
        *,
        resend: bool = False,
        acked_since: float = 0.0,
        timeout: float = TIMEOUT,
        max_backlog: int = 100,
        **failures: int,
    ) -> None:
        self.clock = Clock()
        self.window = Window(capacity=100, max_backlog=max_backlog, max_scheduled=1_000)
        self.store = MemoryStore(self.window.publish)
        self.observer = FakeObserver(finding=finding)
        self.first: dict[str, trio.Event] = {each.name: trio.Event() for each in SESSIONS}
        self.since = self.clock.now() - 1
        self.since_ack = acked_since
        failing: Any = FailingStore(self.store, **failures)
        self._failing = failing
        self.confirmations = Confirmations(
            failing,
            self.observer,
            self.window,
            self,
            self,
            self.clock,
            timeout=timeout,
            grace=GRACE,
            resend=resend,
        )

    async def first_heard(self, session: str) -> float:
        await self.first[session].wait()
        return self.since

    def acked_since(self, session: str) -> float:
        return self.since_ack

    async def acknowledge(self, receipt: Receipt) -> None:
        await self._failing.receive(receipt)

    def start(self, nursery: trio.Nursery) -> None:
        for event in self.first.values():
            event.set()
        nursery.start_soon(self.confirmations.run, SESSIONS)

    async def send(self, name: str, *, session: str = "a") -> None:
        """A message that WAHA took now."""
        now = self.clock.now()
        accepted = await self.store.accept(draft(name, at=now, expires_at=now + 86_400))
        assert isinstance(accepted, Accepted)
        self.window.lanes["normal"].receive.receive_nowait()
        self.window.lanes["normal"].leave()
        assert await self.store.begin(accepted.message, session, now)
        await settle(self.store, accepted.message, Status.SENT, at=now, session=session)

    async def record(self, name: str) -> Record:
        return await record_of(self.store, name)

    @property
    def looks(self) -> int:
        return self.observer.count("look_up")


async def test_what_has_no_ack_in_time_is_looked_up_once_and_flagged(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    bench.start(nursery)
    await bench.send("m")
    await trio.sleep(TIMEOUT - 1)
    assert bench.looks == 0
    await trio.sleep(2)
    record = await bench.record("m")
    assert (record.status, record.unconfirmed) == (Status.SENT, True)
    await trio.sleep(3600)
    assert bench.looks == 1
    assert bench.window.backlog == 0


async def test_what_was_acknowledged_is_not_looked_up(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    bench.start(nursery)
    await bench.send("m")
    await bench.acknowledge(Receipt("a", "3EB0m", 1, bench.clock.now()))
    await trio.sleep(3600)
    assert bench.looks == 0
    assert not (await bench.record("m")).unconfirmed


@pytest.mark.parametrize(
    ("ack", "status"), [(1, Status.SENT), (2, Status.DELIVERED), (-1, Status.FAILED)]
)
async def test_a_look_up_that_finds_an_ack_records_it(
    ack: int,
    status: Status,
    autojump_clock: trio.testing.MockClock,
    nursery: trio.Nursery,
) -> None:
    bench = Bench(lambda _waha_id: Found(ack), resend=True)
    bench.start(nursery)
    await bench.send("m")
    await trio.sleep(3600)
    record = await bench.record("m")
    assert (record.status, record.ack, record.unconfirmed) == (status, ack, False)
    assert bench.looks == 1
    assert bench.window.backlog == 0


async def test_found_as_pending_is_not_confirmed(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(lambda _waha_id: Found(0))
    bench.start(nursery)
    await bench.send("m")
    await trio.sleep(TIMEOUT + 1)
    assert (await bench.record("m")).unconfirmed


async def test_nothing_begins_before_the_first_event_of_the_session(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.confirmations.run, SESSIONS)
    await bench.send("early")
    await trio.sleep(1.01 * TIMEOUT)
    await bench.send("just before")
    await trio.sleep(0.99 * TIMEOUT)
    bench.since = bench.clock.now()
    bench.first["a"].set()
    await bench.send("late")
    await trio.sleep(3600)
    assert not (await bench.record("early")).unconfirmed
    assert (await bench.record("just before")).unconfirmed
    assert (await bench.record("late")).unconfirmed


async def test_what_was_sent_before_the_first_ack_is_flagged_and_not_sent_again(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(resend=True, acked_since=inf)
    bench.start(nursery)
    await bench.send("before")
    await trio.sleep(1)
    bench.since_ack = bench.clock.now()
    await bench.send("after")
    await trio.sleep(1.5 * TIMEOUT)
    record = await bench.record("before")
    assert (record.status, record.unconfirmed) == (Status.SENT, True)
    assert (await bench.record("after")).status is Status.QUEUED


async def test_turned_off_it_ends_at_once(autojump_clock: trio.testing.MockClock) -> None:
    bench = Bench(timeout=0.0)
    with trio.fail_after(1):
        await bench.confirmations.run(SESSIONS)


async def test_a_session_is_asked_once_a_second_and_what_is_late_is_flagged_all_the_same(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    bench.start(nursery)
    for n in range(50):
        await bench.send(f"a{n}")
        await bench.send(f"b{n}", session="b")
    await trio.sleep(TIMEOUT + GRACE + 1.5)
    assert bench.looks <= 2 * (GRACE + 2) / LOOK_UP_SECONDS
    for n in range(50):
        assert (await bench.record(f"a{n}")).unconfirmed
        assert (await bench.record(f"b{n}")).unconfirmed
    await trio.sleep(60)
    assert bench.looks == 100


async def test_an_ack_after_the_flag_takes_it_away(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    bench.start(nursery)
    await bench.send("m")
    await trio.sleep(TIMEOUT + 10)
    await bench.acknowledge(Receipt("a", "3EB0m", 2, bench.clock.now()))
    record = await bench.record("m")
    assert (record.status, record.unconfirmed) == (Status.DELIVERED, False)


@pytest.mark.parametrize("timeout", [60.0, 3600.0])
async def test_a_waha_that_does_not_answer_is_asked_again_until_the_limit(
    timeout: float, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(lambda _waha_id: AWAY, timeout=timeout, resend=True)
    bench.start(nursery)
    await bench.send("m")
    await trio.sleep(timeout + GRACE + 2)
    record = await bench.record("m")
    assert (record.unconfirmed, record.status) == (True, Status.SENT)  # flagged, not sent again
    assert bench.looks > 1
    await trio.sleep(LIMIT_SECONDS)
    looks = bench.looks
    await trio.sleep(600)
    assert bench.looks == looks


async def test_a_waha_that_answers_at_last_confirms(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(lambda _waha_id: AWAY)
    bench.start(nursery)
    await bench.send("m")
    await trio.sleep(TIMEOUT + 100)
    bench.observer.finding = lambda _waha_id: Found(1)
    await trio.sleep(2)
    assert not (await bench.record("m")).unconfirmed


async def test_it_is_sent_again_once_in_a_place_of_its_own(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(resend=True)
    bench.start(nursery)
    await bench.send("m")
    await trio.sleep(TIMEOUT + 1)
    again = bench.window.lanes["normal"].receive.receive_nowait()
    assert (again.id, again.waha_id, again.prefer) == ("m", "3EB0m", "a")
    assert bench.window.backlog == 1
    bench.window.lanes["normal"].leave()
    assert await bench.store.begin(again, "a", bench.clock.now())
    await settle(bench.store, again, Status.SENT, at=bench.clock.now(), session="a")
    bench.window.release("normal")
    await trio.sleep(3600)
    assert bench.window.backlog == 0
    record = await bench.record("m")
    assert (record.status, record.unconfirmed) == (Status.SENT, True)


@pytest.mark.parametrize("refusals", [1, 5])
async def test_a_resend_that_the_store_refuses_keeps_no_place_and_comes_later(
    refusals: int, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(resend=True)
    bench._failing.failures["resend"] = refusals
    bench.start(nursery)
    await bench.send("m")
    await trio.sleep(TIMEOUT + 0.5)
    assert bench.window.backlog == 0
    await trio.sleep(refusals + 1)
    assert (await bench.record("m")).status is Status.QUEUED
    assert bench.window.backlog == 1


async def test_without_a_place_it_is_flagged_and_not_sent_again(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(resend=True, max_backlog=0)
    bench.start(nursery)
    await bench.send("m")
    await trio.sleep(TIMEOUT + 60)
    record = await bench.record("m")
    assert (record.status, record.unconfirmed) == (Status.SENT, True)
    assert bench.window.backlog == 0


async def test_while_the_service_drains_nothing_is_sent_again(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(resend=True)
    bench.start(nursery)
    await bench.send("m")
    await trio.sleep(TIMEOUT - 1)
    bench.window.close()
    await trio.sleep(60)
    record = await bench.record("m")
    assert (record.status, record.unconfirmed) == (Status.SENT, True)
    assert bench.window.backlog == 0


@pytest.mark.parametrize(
    "method", ["unconfirmed", "flag_unconfirmed", "mark_unconfirmed", "receive"]
)
async def test_a_store_that_fails_delays_and_loses_nothing(
    method: str, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    found = method == "receive"
    bench = Bench(lambda _waha_id: Found(1) if found else Missing(), **{method: 3})
    bench.start(nursery)
    await bench.send("m")
    await trio.sleep(TIMEOUT + 10)
    assert bench._failing.failures[method] == 0
    record = await bench.record("m")
    assert (record.unconfirmed, record.ack) == ((False, 1) if found else (True, None))


async def test_cut_at_any_time_no_place_is_kept_without_a_message(
    autojump_clock: trio.testing.MockClock,
) -> None:
    queued = set()
    for tenths in range(590, 680, 3):
        bench = Bench(resend=True)
        bench._failing.failures["resend"] = 2
        await bench.send("m")
        with trio.move_on_after(tenths / 10):
            async with trio.open_nursery() as nursery:
                bench.start(nursery)
        status = (await bench.record("m")).status
        queued.add(status)
        assert bench.window.backlog == (status is Status.QUEUED)
    assert queued == {Status.SENT, Status.QUEUED}


async def test_a_resend_that_is_cut_at_any_step_takes_a_place_for_what_it_queued() -> None:
    seen = set()
    for step in itertools.count(1):
        bench = Bench(resend=True)
        await bench.send("m")
        resend = partial(bench.confirmations._send_again, Unconfirmed("m", "", "", 0.0))
        cut = await cancelled_at(step, resend)
        status = (await bench.record("m")).status
        seen.add(status)
        assert bench.window.backlog == (status is Status.QUEUED)
        if not cut:
            break
    assert seen == {Status.SENT, Status.QUEUED}
