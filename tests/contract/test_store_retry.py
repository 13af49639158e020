"""What every store does when an operator queues a message again."""

from dataclasses import replace

import pytest

from tests.contract.messages import NOW, accept, finish, requeue, status_of
from trio_wa.core.message import Message
from trio_wa.core.status import Status
from trio_wa.ports import Event, Store

UNSENT = (Status.FAILED, Status.UNKNOWN, Status.EXPIRED)


@pytest.mark.parametrize("status", UNSENT)
async def test_a_retry_starts_anew_behind_what_is_queued(
    store: Store, published: list[Message], status: Status
) -> None:
    first = await accept(store, "a", sessions=("default",))
    await store.begin(first, "default", NOW)
    await requeue(store, first, replace(first, due_at=NOW + 1, attempts=3, deferrals=4), at=NOW + 1)
    second = await accept(store, "b")
    await finish(store, first, status, at=NOW + 3)
    assert await store.retry("a", NOW + 4, NOW + 7200)
    again = published[-1]
    assert again == replace(first, seq=again.seq, expires_at=NOW + 7200)
    assert again.seq > second.seq
    assert await store.queued("normal", 0, 10) == [second, again]
    record = await store.get("a")
    assert record is not None
    assert (record.status, record.due_at, record.code, record.detail, record.settled_at) == (
        Status.QUEUED,
        0.0,
        None,
        None,
        None,
    )
    assert record.events[-1] == Event(NOW + 4, Status.QUEUED)
    third = await accept(store, "c")
    assert third.seq > again.seq
    assert not await store.begin(first, "default", NOW + 5), "its old place is gone"
    assert await store.begin(again, "default", NOW + 5)
    assert (await store.ledger()).accepted == 3


async def test_an_old_copy_does_not_expire_the_retried_message(
    store: Store, published: list[Message]
) -> None:
    old = await accept(store, "a")
    assert await store.expire(old, NOW + 1)
    assert await store.retry("a", NOW + 2, NOW + 7200)
    before = await store.get("a")
    assert not await store.expire(old, NOW + 3)
    assert not await store.expire(replace(old, id="nobody"), NOW + 3)
    assert await store.get("a") == before
    assert await store.expire(published[-1], NOW + 7200)
    assert await status_of(store, "a") is Status.EXPIRED


@pytest.mark.parametrize("status", [Status.SENT, Status.CANCELLED])
async def test_only_an_unsent_message_is_retried(
    store: Store, published: list[Message], status: Status
) -> None:
    await finish(store, await accept(store, "a"), status)
    queued = await accept(store, "b")
    assert not await store.retry("a", NOW + 4, NOW + 7200)
    assert not await store.retry("b", NOW + 4, NOW + 7200)
    assert await store.queued("normal", 0, 10) == [queued]
    assert len(published) == 2
