"""What an ack settles, releases and makes known."""

import itertools
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.contract.messages import (
    NOW,
    accept,
    begun,
    finish,
    inquire,
    record_of,
    requeue,
    status_of,
)
from tests.fakes import FailingStore, cancelled_at
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.core.message import Priority
from trio_wa.core.status import Status
from trio_wa.ports import Place, Receipt, StoreUnavailable
from trio_wa.receipts import Receipts


@dataclass
class Told:
    """Whoever receipts tell: dispatcher, inquiries, sessions, ghosts and silence."""

    events: list[tuple[Any, ...]] = field(default_factory=list)
    refusals: int = 0

    def discard(self, message_id: str, place: Place) -> None:
        self.events.append(("discard", message_id, place))

    def close(self, message_id: str, status: Status) -> None:
        self.events.append(("close", message_id, status))

    def told(self, session: str, status: str, at: float) -> None:
        self.events.append(("told", session, status, at))

    async def acked(self, session: str, at: float) -> None:
        if self.refusals:
            self.refusals -= 1
            raise StoreUnavailable("full")
        self.events.append(("acked", session, at))

    def heard(self, session: str) -> None:
        self.events.append(("heard", session))


@dataclass
class Deliveries:
    """Who notices sessions that deliver nothing."""

    acks: list[tuple[str, str]] = field(default_factory=list)

    def acked(self, session: str, waha_id: str) -> None:
        self.acks.append((session, waha_id))


class Bench:
    """Receipts over a store in memory."""

    def __init__(self, **failures: int) -> None:
        self.store = MemoryStore(lambda _message: None)
        self.told = Told()
        failing: Any = FailingStore(self.store, **failures)
        self.deliveries = Deliveries()
        self.receipts = Receipts(
            failing, self.told, self.told, self.told, self.deliveries, self.told
        )

    async def acknowledge(self, waha_id: str, ack: int) -> None:
        await self.receipts.acknowledge(Receipt("default", waha_id, ack, NOW + 5))

    async def waiting_to_be_sent_again(self, priority: Priority = "normal") -> None:
        message = replace(await accept(self.store, "m", priority=priority), waha_id="3EB0")
        assert await self.store.begin(message, "default", NOW + 1)
        await requeue(self.store, message, message, at=NOW + 2)


ACKED = ("acked", "default", NOW + 5)


async def test_an_ack_of_a_sent_message_concerns_nobody_but_the_session() -> None:
    bench = Bench()
    await finish(bench.store, await accept(bench.store, "m"), Status.SENT)
    await bench.acknowledge("3EB0m", 2)
    assert await status_of(bench.store, "m") is Status.DELIVERED
    assert bench.told.events == [ACKED]


async def test_an_ack_of_what_is_looked_up_ends_the_inquiry() -> None:
    bench = Bench()
    await inquire(bench.store, await begun(bench.store, "m", "3EB0"))
    await bench.acknowledge("3EB0", 3)
    assert bench.told.events == [("close", "m", Status.READ), ACKED]


async def test_an_error_of_what_is_looked_up_ends_the_inquiry_and_is_no_first_ack() -> None:
    bench = Bench()
    await inquire(bench.store, await begun(bench.store, "m", "3EB0"))
    await bench.acknowledge("3EB0", -1)
    assert bench.told.events == [("close", "m", Status.FAILED)]


async def test_an_ack_of_what_waits_to_be_sent_again_takes_it_out_of_the_line() -> None:
    bench = Bench()
    await bench.waiting_to_be_sent_again("bulk")
    await bench.acknowledge("3EB0", 1)
    assert await status_of(bench.store, "m") is Status.SENT
    assert bench.told.events == [("discard", "m", "bulk"), ACKED]


async def test_an_ack_of_what_is_being_sent_waits_for_the_end_of_its_attempt() -> None:
    bench = Bench()
    await begun(bench.store, "m", "3EB0")
    await bench.acknowledge("3EB0", 2)
    assert await status_of(bench.store, "m") is Status.SENDING
    assert bench.told.events == [ACKED]


async def test_a_settled_unknown_that_turns_out_to_be_sent_gives_nothing_back_twice() -> None:
    bench = Bench()
    message = await begun(bench.store, "m", "3EB0")
    await requeue(bench.store, message, message, at=NOW + 2)
    await finish(bench.store, message, Status.UNKNOWN)
    await bench.acknowledge("3EB0", 1)
    assert await status_of(bench.store, "m") is Status.SENT
    assert bench.told.events == [ACKED]


@pytest.mark.parametrize("ack", [0, 1, 2, 3, 4])
async def test_a_repeated_ack_releases_nothing_more(ack: int) -> None:
    bench = Bench()
    await inquire(bench.store, await begun(bench.store, "m", "3EB0"))
    await bench.acknowledge("3EB0", ack)
    await bench.acknowledge("3EB0", ack)
    assert [event[0] for event in bench.told.events].count("close") == 1


async def test_an_ack_that_no_message_bears_is_of_the_session_alone() -> None:
    bench = Bench()
    await bench.acknowledge("3EB0FF", 1)
    assert bench.told.events == [ACKED]


async def test_an_ack_that_cannot_be_recorded_tells_nobody_and_may_come_again() -> None:
    bench = Bench(receive=1)
    await inquire(bench.store, await begun(bench.store, "m", "3EB0"))
    with pytest.raises(StoreUnavailable):
        await bench.acknowledge("3EB0", 1)
    assert bench.told.events == []
    await bench.acknowledge("3EB0", 1)
    assert bench.told.events == [("close", "m", Status.SENT), ACKED]


async def test_a_first_ack_that_cannot_be_remembered_still_settles_its_message() -> None:
    bench = Bench()
    bench.told.refusals = 1
    await inquire(bench.store, await begun(bench.store, "m", "3EB0"))
    with pytest.raises(StoreUnavailable):
        await bench.acknowledge("3EB0", 1)
    assert bench.told.events == [("close", "m", Status.SENT)]
    await bench.acknowledge("3EB0", 1)  # WAHA repeats what was answered with 503
    assert bench.told.events[1:] == [ACKED]


@pytest.mark.parametrize(
    ("ack", "answered"), [(-1, True), (0, False), (1, True), (2, True), (3, True), (4, True)]
)
async def test_whatever_whatsapp_answered_shows_that_a_session_delivers(
    ack: int, answered: bool
) -> None:
    bench = Bench()
    await finish(bench.store, await accept(bench.store, "m"), Status.SENT)
    await bench.acknowledge("3EB0m", ack)
    assert bench.deliveries.acks == ([("default", "3EB0m")] if answered else [])


async def test_an_ack_that_cannot_be_recorded_shows_nothing() -> None:
    bench = Bench(receive=1)
    with pytest.raises(StoreUnavailable):
        await bench.acknowledge("3EB0", 1)
    assert bench.deliveries.acks == []


@pytest.mark.parametrize("waiting", ["looked up", "to be sent again"])
async def test_an_ack_that_is_cut_anywhere_is_recorded_and_followed_or_neither(
    waiting: str,
) -> None:
    seen = set()
    for step in itertools.count(1):
        bench = Bench()
        if waiting == "looked up":
            await inquire(bench.store, await begun(bench.store, "m", "3EB0"))
        else:
            await bench.waiting_to_be_sent_again()
        cut = await cancelled_at(step, lambda bench=bench: bench.acknowledge("3EB0", 1))
        record = await record_of(bench.store, "m")
        followed = {event[0] for event in bench.told.events} & {"close", "discard"}
        assert bool(followed) == (record.status is Status.SENT)
        seen.add(record.status)
        if not cut:
            break
    assert Status.SENT in seen
    assert len(seen) == 2


def test_what_else_waha_tells_is_passed_on() -> None:
    bench = Bench()
    bench.receipts.session_status("a", "WORKING", 3.0)
    bench.receipts.heard("a", "message.any")
    assert bench.told.events == [("told", "a", "WORKING", 3.0)] + [("heard", "a")] * 2
