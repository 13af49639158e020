"""What every store does with messages whose time has not come."""

import pytest

from tests.contract.messages import (
    NOW,
    accept,
    draft,
    finish,
    held,
    inquire,
    record_of,
    status_of,
)
from trio_wa.core.message import LANES, Message, Priority
from trio_wa.core.status import Status
from trio_wa.ports import Accepted, Filter, IdempotencyKey, Replayed, Store


async def schedule(
    store: Store, message_id: str, after: float, *, priority: Priority = "normal"
) -> Message:
    """Accept a message that is to be sent so many seconds after `NOW`."""
    return await accept(store, message_id, send_at=NOW + after, priority=priority)


async def test_a_scheduled_message_is_accepted_and_waits_unpublished(
    store: Store, published: list[Message]
) -> None:
    message = await schedule(store, "a", 60, priority="urgent")
    assert (message.id, message.priority) == ("a", "urgent")
    assert published == []
    for priority in LANES:
        assert not await store.queued(priority, 0, 10)
    record = await record_of(store, "a")
    assert (record.status, record.scheduled, record.send_at) == (Status.QUEUED, True, NOW + 60)
    assert (record.priority, record.settled_at) == ("urgent", None)
    [listed] = await store.find(Filter(status=Status.QUEUED), 10)
    assert (listed.id, listed.scheduled) == ("a", True)
    assert (await store.ledger()).counts[Status.QUEUED] == 1
    assert await held(store) == {"scheduled": 1}


@pytest.mark.parametrize("after", [-1.0, 0.0])
async def test_a_message_whose_time_has_come_is_not_scheduled(
    store: Store, published: list[Message], after: float
) -> None:
    message = await schedule(store, "a", after)
    assert published == [message]
    assert await store.queued("normal", 0, 10) == [message]
    record = await record_of(store, "a")
    assert (record.scheduled, record.send_at) == (False, NOW + after)
    assert await store.next_due() is None
    assert await held(store) == {"normal": 1}


async def test_the_first_that_is_due_is_known(store: Store) -> None:
    assert await store.next_due() is None
    for message_id, after in (("b", 60), ("a", 30), ("c", 90)):
        await schedule(store, message_id, after)
    assert await store.next_due() == NOW + 30
    await store.cancel("a", NOW)
    assert await store.next_due() == NOW + 60
    await store.release_due(NOW + 60, 10)
    assert await store.next_due() == NOW + 90
    await store.release_due(NOW + 90, 10)
    assert await store.next_due() is None


async def test_what_is_due_is_queued_behind_all_others_by_time_then_acceptance(
    store: Store, published: list[Message]
) -> None:
    for message_id, after in (("late", 90), ("b", 60), ("c", 60), ("a", 30), ("d", 60)):
        await schedule(store, message_id, after)
    before = await accept(store, "before")
    assert await store.release_due(NOW + 29.9, 10) == []
    released = await store.release_due(NOW + 60, 10)
    assert [message.id for message in released] == ["a", "b", "c", "d"]
    assert published == [before, *released]
    seqs = [message.seq for message in published]
    assert seqs == sorted(set(seqs))
    assert await store.queued("normal", 0, 10) == published
    assert (await accept(store, "after")).seq > released[-1].seq
    assert await store.release_due(NOW + 60, 10) == []
    assert await held(store) == {"normal": 6, "scheduled": 1}


async def test_what_is_due_comes_in_chunks(store: Store, published: list[Message]) -> None:
    for n in range(5):
        await schedule(store, f"m{n}", 9 - n)
    chunks = [await store.release_due(NOW + 9, 2) for _ in range(4)]
    ids = [[message.id for message in chunk] for chunk in chunks]
    assert ids == [["m4", "m3"], ["m2", "m1"], ["m0"], []]
    assert published == [message for chunk in chunks for message in chunk]


async def test_what_is_due_goes_to_its_lane(store: Store) -> None:
    for n, priority in enumerate(LANES):
        await schedule(store, priority, 9 - n, priority=priority)
    assert len(await store.release_due(NOW + 9, 10)) == len(LANES)
    for priority in LANES:
        [message] = await store.queued(priority, 0, 10)
        assert (message.id, message.priority) == (priority, priority)


async def test_a_released_message_is_as_any_other_and_keeps_its_time(store: Store) -> None:
    await schedule(store, "a", 30)
    [message] = await store.release_due(NOW + 31, 10)
    record = await record_of(store, "a")
    assert (record.status, record.scheduled) == (Status.QUEUED, False)
    assert (record.send_at, record.seq) == (NOW + 30, message.seq)
    assert message.accepted_at == NOW
    assert message.expires_at == NOW + 3600
    assert await store.begin(message, "default", NOW + 32)
    await inquire(store, message, at=NOW + 33)
    assert await status_of(store, "a") is Status.UNKNOWN


async def test_the_place_before_its_time_is_gone_with_it(store: Store) -> None:
    early = await schedule(store, "a", 30)
    [message] = await store.release_due(NOW + 30, 10)
    assert message.seq > early.seq
    assert not await store.begin(early, "default", NOW + 31)
    assert await store.begin(message, "default", NOW + 31)


async def test_a_scheduled_message_can_be_cancelled(store: Store, published: list[Message]) -> None:
    await schedule(store, "a", 30, priority="bulk")
    assert await store.cancel("a", NOW + 1) == "scheduled"
    assert await store.cancel("a", NOW + 1) is None
    record = await record_of(store, "a")
    assert (record.status, record.scheduled, record.settled_at) == (
        Status.CANCELLED,
        False,
        NOW + 1,
    )
    assert await store.release_due(NOW + 99, 10) == []
    assert published == []
    assert await held(store) == {}


async def test_a_scheduled_message_is_overdue_in_no_lane(store: Store) -> None:
    await accept(store, "a", send_at=NOW + 30, expires_at=NOW + 40)
    for priority in LANES:
        assert await store.expire_overdue(priority, 0, NOW + 99, 10) == 0
    [message] = await store.release_due(NOW + 99, 10)
    assert message.expires_at == NOW + 40
    assert await store.expire_overdue("normal", 0, NOW + 99, 10) == 1


async def test_a_scheduled_message_that_expired_is_retried_at_once(
    store: Store, published: list[Message]
) -> None:
    await schedule(store, "a", 30, priority="urgent")
    [message] = await store.release_due(NOW + 30, 10)
    await finish(store, message, Status.EXPIRED, at=NOW + 40)
    assert await store.retry("a", NOW + 41, NOW + 99)
    assert [each.id for each in published] == ["a", "a"]
    assert await store.queued("urgent", 0, 10) == published[1:]
    record = await record_of(store, "a")
    assert (record.scheduled, record.send_at) == (False, NOW + 30)
    assert await store.next_due() is None
    assert await store.cancel("a", NOW + 42) == "urgent"


async def test_a_scheduled_message_is_replayed_by_its_key(store: Store) -> None:
    key = IdempotencyKey("k", "payload")
    assert isinstance(await store.accept(draft("a", send_at=NOW + 9, key=key)), Accepted)
    assert await store.accept(draft("b", send_at=NOW + 9, key=key)) == Replayed("a")
    assert await held(store) == {"scheduled": 1}


async def test_the_sum_holds_with_scheduled_messages(store: Store) -> None:
    for n in range(4):
        await schedule(store, f"m{n}", n + 1)
    await store.release_due(NOW + 2, 10)
    await store.cancel("m3", NOW + 2)
    ledger = await store.ledger()
    assert ledger.balanced
    assert (ledger.counts[Status.QUEUED], ledger.counts[Status.CANCELLED]) == (3, 1)
