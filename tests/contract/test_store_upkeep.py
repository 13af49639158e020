"""What every store does with many messages: recovery, expiry, erasing, purging, the sum."""

import pytest

from tests.contract.messages import NOW, accept, draft, finish, status_of
from trio_wa.core.content import Content, Text
from trio_wa.core.message import Message
from trio_wa.core.status import Status
from trio_wa.ports import IdempotencyKey, Replayed, Store

SETTLED = (Status.SENT, Status.FAILED, Status.UNKNOWN, Status.EXPIRED, Status.CANCELLED)


async def contents(store: Store, *ids: str) -> list[Content | None]:
    records = [await store.get(message_id) for message_id in ids]
    return [record.content for record in records if record is not None]


async def test_begun_messages_come_in_order(store: Store) -> None:
    messages = [await accept(store, f"m{n}") for n in range(4)]
    for message in (messages[2], messages[0]):
        await store.begin(message, "default", NOW)
    begun = [attempt.message for attempt in await store.open_attempts()]
    assert begun == [messages[0], messages[2]]
    assert await store.queued("normal", 0, 10) == [messages[1], messages[3]]


async def test_the_sum_holds_in_every_state(store: Store) -> None:
    for n, status in enumerate(SETTLED):
        await finish(store, await accept(store, f"m{n}"), status)
    await store.begin(await accept(store, "sending"), "default", NOW)
    await accept(store, "queued")
    ledger = await store.ledger()
    assert ledger.balanced
    assert ledger.accepted == 7
    states = (*SETTLED, Status.SENDING, Status.QUEUED)
    assert ledger.counts == dict.fromkeys(Status, 0) | dict.fromkeys(states, 1)


async def test_overdue_messages_above_the_window_expire_in_chunks(
    store: Store, published: list[Message]
) -> None:
    times = [NOW + 10, NOW + 10, NOW + 99, NOW + 10, NOW + 11, NOW + 12]
    messages = [await accept(store, f"m{n}", expires_at=at) for n, at in enumerate(times)]
    await store.begin(messages[3], "default", NOW)
    after_seq = messages[0].seq
    assert await store.expire_overdue("normal", after_seq, NOW + 11, 1) == 1
    assert await store.expire_overdue("normal", after_seq, NOW + 11, 10) == 1
    assert await store.expire_overdue("normal", after_seq, NOW + 11, 10) == 0
    statuses = [await status_of(store, f"m{n}") for n in range(6)]
    assert statuses == [
        Status.QUEUED,
        Status.EXPIRED,
        Status.QUEUED,
        Status.SENDING,
        Status.EXPIRED,
        Status.QUEUED,
    ]
    record = await store.get("m1")
    assert record is not None
    assert record.settled_at == NOW + 11
    assert record.events[-1].status is Status.EXPIRED
    assert len(published) == 6


async def test_texts_of_sent_messages_are_erased_and_others_keep_theirs(store: Store) -> None:
    for status in SETTLED:
        await finish(store, await accept(store, status.value), status, at=NOW + 5)
    await finish(store, await accept(store, "later"), Status.SENT, at=NOW + 50)
    assert await store.erase_texts(NOW + 5, 10) == 0
    assert await store.erase_texts(NOW + 6, 10) == 1
    assert await store.erase_texts(NOW + 6, 10) == 0
    assert await contents(store, "sent", "later", "failed", "unknown", "expired") == [
        None,
        *[Text("Hello")] * 4,
    ]
    assert await store.retry("failed", NOW + 7, NOW + 99)
    assert (await store.queued("normal", 0, 10))[0].content == Text("Hello")


async def test_texts_are_erased_in_chunks(store: Store) -> None:
    for n in range(5):
        await finish(store, await accept(store, f"m{n}"), Status.SENT, at=NOW + 5 + n)
    counts = [await store.erase_texts(NOW + 99, 2) for _ in range(4)]
    assert counts == [2, 2, 1, 0]
    assert await contents(store, "m0", "m4") == [None, None]


async def test_what_is_purged_is_gone_and_counted(store: Store) -> None:
    for status in SETTLED:
        await finish(store, await accept(store, status.value), status, at=NOW + 5)
    await finish(store, await accept(store, "later"), Status.SENT, at=NOW + 50)
    await accept(store, "queued", at=NOW - 1000)
    await store.begin(await accept(store, "sending"), "default", NOW - 1000)
    counts = [await store.purge(NOW + 6, 2) for _ in range(4)]
    assert counts == [2, 2, 1, 0]
    ledger = await store.ledger()
    assert (ledger.accepted, ledger.purged) == (8, 5)
    assert ledger.balanced
    assert await store.get("failed") is None
    assert not await store.retry("failed", NOW + 7, NOW + 99)
    left = {Status.SENT: 1, Status.QUEUED: 1, Status.SENDING: 1}
    assert ledger.counts == dict.fromkeys(Status, 0) | left


async def test_a_retried_message_is_not_purged(store: Store) -> None:
    await finish(store, await accept(store, "a"), Status.FAILED, at=NOW + 5)
    await store.retry("a", NOW + 6, NOW + 99)
    assert await store.purge(NOW + 99, 10) == 0
    assert await status_of(store, "a") is Status.QUEUED


async def test_a_key_outlives_its_message(store: Store) -> None:
    key = IdempotencyKey("k", "payload")
    message = await accept(store, "a", key=key)
    await finish(store, message, Status.SENT, at=NOW + 5)
    await store.purge(NOW + 6, 10)
    assert await store.accept(draft("b", key=key)) == Replayed("a")


@pytest.mark.parametrize("chunk", [0, 1])
async def test_a_number_is_never_given_twice(store: Store, chunk: int) -> None:
    first = await accept(store, "a")
    await finish(store, first, Status.SENT)
    assert await store.purge(NOW + 99, chunk) == chunk
    second = await accept(store, "b")
    record = await store.get("b")
    assert record is not None
    assert second.seq > first.seq
    assert record.number > first.seq
