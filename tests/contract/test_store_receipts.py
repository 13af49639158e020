"""What every store makes of acks: in any order, twice, early, and of messages it does not know."""

import itertools
from dataclasses import replace

import pytest

from tests.contract.messages import (
    NOW,
    accept,
    begun,
    finish,
    inquire,
    receive,
    record_of,
    requeue,
    settle,
    status_of,
)
from trio_wa.core.message import Message
from trio_wa.core.retry import Requeue
from trio_wa.core.status import Status
from trio_wa.ports import Event, Moved, Store

REFUSED = ("ack_error", "WhatsApp refused it after WAHA had taken it")


async def sent(store: Store, message_id: str = "a", waha_id: str = "3EB0A") -> Message:
    message = await begun(store, message_id)
    await settle(store, message, Status.SENT, at=NOW + 2, waha_id=waha_id)
    return message


async def test_acks_lead_from_sent_to_read(store: Store) -> None:
    await sent(store)
    assert await receive(store, "3EB0A", 1, at=NOW + 3) is None
    assert (await record_of(store, "a")).ack == 1
    delivered = Moved("a", Status.SENT, Status.DELIVERED, open=False)
    assert await receive(store, "3EB0A", 2, at=NOW + 4) == delivered
    read = Moved("a", Status.DELIVERED, Status.READ, open=False)
    assert await receive(store, "3EB0A", 3, at=NOW + 5) == read
    assert await receive(store, "3EB0A", 4, at=NOW + 6) is None
    record = await record_of(store, "a")
    assert (record.status, record.ack, record.settled_at) == (Status.READ, 4, NOW + 2)
    assert record.events[-2:] == (
        Event(NOW + 4, Status.DELIVERED, "default"),
        Event(NOW + 5, Status.READ, "default"),
    )


@pytest.mark.parametrize("ack", [-1, 0, 1, 2, 3])
async def test_an_ack_that_comes_twice_changes_nothing(store: Store, ack: int) -> None:
    await sent(store)
    await receive(store, "3EB0A", ack)
    before = await store.get("a")
    assert await receive(store, "3EB0A", ack, at=NOW + 50) is None
    assert await store.get("a") == before


@pytest.mark.parametrize("acks", list(itertools.permutations([0, 1, 2, 3])), ids=str)
async def test_the_order_of_acks_does_not_matter(store: Store, acks: tuple[int, ...]) -> None:
    await sent(store)
    for ack in acks:
        await receive(store, "3EB0A", ack)
    record = await record_of(store, "a")
    assert (record.status, record.ack) == (Status.READ, 3)


async def test_an_ack_of_error_fails_what_was_sent_and_says_why(store: Store) -> None:
    await sent(store)
    await receive(store, "3EB0A", 0)
    moved = Moved("a", Status.SENT, Status.FAILED, open=False)
    assert await receive(store, "3EB0A", -1) == moved
    record = await record_of(store, "a")
    assert (record.status, record.ack, record.settled_at) == (Status.FAILED, -1, NOW + 2)
    assert (record.code, record.detail) == REFUSED
    assert record.events[-1] == Event(NOW + 5, Status.FAILED, "default", *REFUSED)


async def test_an_ack_of_error_does_not_take_back_a_delivery(store: Store) -> None:
    await sent(store)
    await receive(store, "3EB0A", 2)
    assert await receive(store, "3EB0A", -1) is None
    record = await record_of(store, "a")
    assert (record.status, record.ack) == (Status.DELIVERED, 2)


async def test_an_ack_belongs_to_a_session(store: Store) -> None:
    await sent(store)
    assert await receive(store, "3EB0A", 2, session="other") is None
    assert await status_of(store, "a") is Status.SENT


@pytest.mark.parametrize(
    ("ack", "after"), [(0, Status.SENT), (1, Status.SENT), (2, Status.DELIVERED), (3, Status.READ)]
)
async def test_an_ack_settles_what_is_being_looked_up(
    store: Store, ack: int, after: Status
) -> None:
    await inquire(store, await begun(store, "a", "3EB0A"))
    assert await receive(store, "3EB0A", ack) == Moved("a", Status.UNKNOWN, after, open=True)
    record = await record_of(store, "a")
    assert (record.status, record.settled_at, record.code) == (after, NOW + 5, None)
    assert record.detail is None
    assert not await store.open_attempts()
    assert await store.purge(NOW + 6, 10) == 1


async def test_what_an_ack_of_long_ago_settles_is_no_older_than_its_message(store: Store) -> None:
    await inquire(store, await begun(store, "a", "3EB0A"))
    assert await receive(store, "3EB0A", 2, at=1.0) is not None
    record = await record_of(store, "a")
    assert record.settled_at == record.events[-1].at == NOW
    assert await store.purge(NOW, 10) == 0


async def test_an_ack_leads_on_from_a_settled_unknown(store: Store) -> None:
    message = await begun(store, "a", "3EB0A")
    await settle(store, message, Status.UNKNOWN, at=NOW + 2)
    moved = Moved("a", Status.UNKNOWN, Status.DELIVERED, open=False)
    assert await receive(store, "3EB0A", 2) == moved
    record = await record_of(store, "a")
    assert (record.settled_at, record.code) == (NOW + 2, None)


async def test_an_ack_shows_that_what_waits_to_be_sent_again_was_sent(store: Store) -> None:
    message = await begun(store, "a", "3EB0A")
    await inquire(store, message)
    await store.resolve(message, "default", NOW + 3, Requeue(message, "not_sent", "?"))
    moved = Moved("a", Status.QUEUED, Status.DELIVERED, open=False)
    assert await receive(store, "3EB0A", 2) == moved
    assert (await record_of(store, "a")).settled_at == NOW + 5
    assert not await store.queued("normal", 0, 10)
    assert not await store.begin(message, "default", NOW + 6)


@pytest.mark.parametrize("status", [Status.EXPIRED, Status.CANCELLED, Status.FAILED])
async def test_an_ack_does_not_move_what_was_never_sent(store: Store, status: Status) -> None:
    message = await begun(store, "a", "3EB0A")
    if status is Status.FAILED:
        await settle(store, message, status, at=NOW + 2)
    else:
        await requeue(store, message, message, at=NOW + 2)
        await finish(store, message, status)
    assert await receive(store, "3EB0A", 2) is None
    assert await receive(store, "3EB0A", -1) is None
    assert await status_of(store, "a") is status


@pytest.mark.parametrize("early", ["in the row", "by id"])
@pytest.mark.parametrize(
    ("acks", "after"),
    [
        ((0,), Status.SENT),
        ((1,), Status.SENT),
        ((2, 1), Status.DELIVERED),
        ((3,), Status.READ),
        ((-1,), Status.FAILED),
        ((0, -1), Status.FAILED),
        ((-1, 0), Status.FAILED),
        ((-1, 1), Status.SENT),
    ],
)
async def test_an_ack_that_comes_before_the_settle_is_joined(
    store: Store, early: str, acks: tuple[int, ...], after: Status
) -> None:
    message = await begun(store, "a", "3EB0A" if early == "in the row" else None)
    for ack in acks:
        assert await receive(store, "3EB0A", ack, at=NOW + 1.5) is None
    assert await status_of(store, "a") is Status.SENDING
    assert await settle(store, message, Status.SENT, at=NOW + 2, waha_id="3EB0A") is after
    record = await record_of(store, "a")
    assert (record.status, record.settled_at, record.waha_id) == (after, NOW + 2, "3EB0A")
    assert record.ack == (max(acks) if max(acks) > 0 else min(acks))
    assert (record.code, record.detail) == (REFUSED if after is Status.FAILED else (None, None))
    assert record.events[-1].status is after
    assert record.events[-1].began_at == NOW + 1


@pytest.mark.parametrize("decision", ["failed", "unknown", "inquire", "requeue"])
@pytest.mark.parametrize(("ack", "after"), [(1, Status.SENT), (2, Status.DELIVERED)])
async def test_what_was_acknowledged_has_been_sent_whatever_waha_answered(
    store: Store, published: list[Message], decision: str, ack: int, after: Status
) -> None:
    message = await begun(store, "a", "3EB0A")
    await receive(store, "3EB0A", ack, at=NOW + 1.5)
    if decision == "inquire":
        status = await inquire(store, message)
    elif decision == "requeue":
        status = await requeue(store, message, replace(message, waha_id=None), at=NOW + 2)
    else:
        status = await settle(store, message, Status(decision), at=NOW + 2)
    assert status is after
    record = await record_of(store, "a")
    assert (record.status, record.settled_at, record.waha_id) == (after, NOW + 2, "3EB0A")
    assert (record.code, record.detail, record.ack) == (None, None, ack)
    assert not await store.queued("normal", 0, 10)
    assert not await store.open_attempts()
    assert len(published) == 1


async def test_a_refusal_that_an_ack_of_error_confirms_keeps_its_own_reason(store: Store) -> None:
    message = await begun(store, "a", "3EB0A")
    await receive(store, "3EB0A", -1)
    assert await settle(store, message, Status.FAILED, at=NOW + 2) is Status.FAILED
    record = await record_of(store, "a")
    assert (record.code, record.detail, record.ack) == ("rejected", "no", -1)


async def test_an_early_ack_waits_for_its_own_id_and_session_and_serves_once(store: Store) -> None:
    await receive(store, "3EB0A", 2, session="other")
    await receive(store, "3EB0B", 3)
    a = await begun(store, "a")
    assert await settle(store, a, Status.SENT, at=NOW + 2, waha_id="3EB0A") is Status.SENT
    b = await begun(store, "b")
    assert await settle(store, b, Status.SENT, at=NOW + 2, waha_id="3EB0B") is Status.READ
    c = await begun(store, "c")
    assert await settle(store, c, Status.SENT, at=NOW + 2, waha_id="3EB0B") is Status.SENT


async def test_acks_that_nobody_bears_are_forgotten_in_chunks(store: Store) -> None:
    for n in range(5):
        await receive(store, f"3EB0{n}", 2, at=NOW + n)
    await receive(store, "3EB00", 1, at=NOW + 50)  # says no more than is known
    assert [await store.forget_acks(NOW + 3, 2) for _ in range(3)] == [2, 1, 0]
    for n, after in ((2, Status.SENT), (3, Status.DELIVERED)):
        message = await begun(store, f"m{n}")
        waha_id = f"3EB0{n}"
        assert await settle(store, message, Status.SENT, at=NOW + 9, waha_id=waha_id) is after


@pytest.mark.parametrize("waha_id", ["", "\ud800", "a\0b", "x" * 1000])
async def test_an_ack_of_any_id_can_be_received(store: Store, waha_id: str) -> None:
    await accept(store, "a")
    assert await receive(store, waha_id, 2) is None
    assert await receive(store, "3EB0", 2, session=waha_id) is None
