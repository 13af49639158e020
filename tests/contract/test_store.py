"""What every store does with one message, state by state."""

from dataclasses import replace

import pytest

from tests.contract.messages import NOW, accept, draft, finish, requeue, settle, status_of
from trio_wa.core.content import Text
from trio_wa.core.message import Message
from trio_wa.core.outcome import Sent, Unknown
from trio_wa.core.retry import Final
from trio_wa.core.status import Status
from trio_wa.ports import (
    Accepted,
    Attempt,
    Event,
    IdempotencyKey,
    OpenAttempt,
    Store,
)

UNSENT = (Status.FAILED, Status.UNKNOWN, Status.EXPIRED)
SETTLED = (*UNSENT, Status.SENT, Status.CANCELLED)


async def test_nothing_is_wrong_with_a_fresh_store(store: Store) -> None:
    ledger = await store.ledger()
    assert store.problem() is None
    assert (ledger.accepted, ledger.purged) == (0, 0)
    assert ledger.counts == dict.fromkeys(Status, 0)
    assert not await store.queued("normal", 0, 10)
    assert not await store.open_attempts()


async def test_an_accepted_message_is_published_queued_and_known(
    store: Store, published: list[Message]
) -> None:
    wanted = draft("a", sessions=("one", "two"), owner="shop", on_unknown="resend")
    acceptance = await store.accept(wanted)
    assert isinstance(acceptance, Accepted)
    message = acceptance.message
    assert published == [message]
    assert message == Message(
        "a",
        message.seq,
        "6281234567890@c.us",
        Text("Hello"),
        NOW,
        NOW + 3600,
        ("one", "two"),
        on_unknown="resend",
    )
    assert await store.queued("normal", 0, 10) == [message]
    record = await store.get("a")
    assert record is not None
    assert (record.id, record.to, record.chat_id, record.content) == (
        "a",
        "+62 812-3456-7890",
        "6281234567890@c.us",
        Text("Hello"),
    )
    assert (record.status, record.owner, record.sessions) == (
        Status.QUEUED,
        "shop",
        ("one", "two"),
    )
    assert (record.accepted_at, record.expires_at, record.due_at) == (NOW, NOW + 3600, 0.0)
    assert (record.session, record.waha_id, record.code, record.settled_at) == (None,) * 4
    assert (record.on_unknown, record.ack, record.unconfirmed) == ("resend", None, False)
    assert record.events == (Event(NOW, Status.QUEUED),)


async def test_each_message_comes_behind_those_before_it(
    store: Store, published: list[Message]
) -> None:
    messages = [await accept(store, f"m{n}", at=NOW - n) for n in range(5)]
    seqs = [message.seq for message in messages]
    assert seqs == sorted(set(seqs))
    assert published == messages
    assert await store.queued("normal", 0, 10) == messages
    assert await store.queued("normal", seqs[1], 2) == messages[2:4]
    assert await store.queued("normal", seqs[4], 2) == []


async def test_an_id_is_accepted_once(store: Store, published: list[Message]) -> None:
    await accept(store, "a")
    key = IdempotencyKey("k", "f")
    with pytest.raises(ValueError, match="accepted before"):
        await store.accept(draft("a", key=key))
    assert (await store.ledger()).accepted == 1
    assert len(published) == 1
    assert isinstance(await store.accept(draft("b", key=key)), Accepted)


async def test_a_message_that_is_sent(store: Store) -> None:
    message = await accept(store, "a")
    assert await store.begin(message, "one", NOW + 1)
    assert await status_of(store, "a") is Status.SENDING
    assert await store.open_attempts() == [OpenAttempt(message, "one", NOW + 1, asked=False)]
    assert not await store.queued("normal", 0, 10)
    attempt = Attempt("one", NOW + 1, NOW + 2.5, Sent("3EB0"))
    final = Final(Status.SENT, waha_id="3EB0")
    assert await store.settle(message, attempt, final) is Status.SENT
    record = await store.get("a")
    assert record is not None
    assert (record.status, record.session, record.waha_id) == (Status.SENT, "one", "3EB0")
    assert (record.settled_at, record.code, record.detail) == (NOW + 2.5, None, None)
    assert record.events == (
        Event(NOW, Status.QUEUED),
        Event(NOW + 1, Status.SENDING, "one"),
        Event(NOW + 2.5, Status.SENT, "one", began_at=NOW + 1),
    )
    assert not await store.open_attempts()


@pytest.mark.parametrize("status", [Status.FAILED, Status.UNKNOWN])
async def test_a_message_that_is_not_sent_says_why(store: Store, status: Status) -> None:
    message = await accept(store, "a")
    await store.begin(message, "one", NOW + 1)
    attempt = Attempt("one", NOW + 1, NOW + 2, Unknown("timeout", "no answer"))
    await store.settle(message, attempt, Final(status, "timeout", "no answer"))
    record = await store.get("a")
    assert record is not None
    assert (record.status, record.code, record.detail) == (status, "timeout", "no answer")
    assert record.settled_at == NOW + 2
    assert record.events[-1] == Event(NOW + 2, status, "one", "timeout", "no answer", NOW + 1)


async def test_a_requeued_message_keeps_its_place_and_counters(
    store: Store, published: list[Message]
) -> None:
    first, second = await accept(store, "a"), await accept(store, "b")
    await store.begin(first, "default", NOW + 1)
    later = replace(first, due_at=NOW + 30, attempts=2, deferrals=3)
    assert await requeue(store, first, later, at=NOW + 2) is Status.QUEUED
    assert await store.queued("normal", 0, 10) == [later, second]
    assert published == [first, second]  # the dispatcher has it; it is not published again
    record = await store.get("a")
    assert record is not None
    assert (record.status, record.code, record.due_at) == (Status.QUEUED, "timeout", NOW + 30)
    assert record.settled_at is None
    assert record.events[-1] == Event(NOW + 2, Status.QUEUED, "default", "timeout", "?", NOW + 1)
    assert await store.begin(later, "default", NOW + 31)


@pytest.mark.parametrize("status", SETTLED)
async def test_a_settled_message_begins_no_attempt(store: Store, status: Status) -> None:
    message = await accept(store, "a")
    await finish(store, message, status)
    before = await store.get("a")
    assert not await store.begin(message, "default", NOW + 5)
    assert not await store.expire(message, NOW + 5)
    assert not await store.cancel("a", NOW + 5)
    assert await settle(store, message, Status.SENT, at=NOW + 6) is status
    assert await store.get("a") == before
    assert not await store.queued("normal", 0, 10)


async def test_a_message_that_is_being_sent_is_not_begun_twice_nor_ended(store: Store) -> None:
    message = await accept(store, "a")
    assert await store.begin(message, "default", NOW + 1)
    assert not await store.begin(message, "default", NOW + 1)
    assert not await store.expire(message, NOW + 2)
    assert not await store.cancel("a", NOW + 2)
    assert not await store.retry("a", NOW + 2, NOW + 3600)
    assert await status_of(store, "a") is Status.SENDING


async def test_a_settle_takes_only_edges_from_sending(store: Store) -> None:
    message = await accept(store, "a")
    assert await settle(store, message, Status.SENT, at=NOW + 2) is Status.QUEUED
    assert await status_of(store, "a") is Status.QUEUED
    await store.begin(message, "default", NOW + 3)
    attempt = Attempt("default", NOW + 3, NOW + 4, Sent())
    assert await store.settle(message, attempt, Final(Status.EXPIRED)) is Status.SENDING
    assert await status_of(store, "a") is Status.SENDING


@pytest.mark.parametrize("status", [Status.EXPIRED, Status.CANCELLED])
async def test_what_leaves_the_queue_unsent_is_settled(store: Store, status: Status) -> None:
    await finish(store, await accept(store, "a"), status, at=NOW + 9)
    record = await store.get("a")
    assert record is not None
    assert (record.status, record.settled_at) == (status, NOW + 9)
    assert record.events[-1] == Event(NOW + 9, status)


@pytest.mark.parametrize("message_id", ["", "nobody", "a\0b", "\ud800", "x" * 10_000])
async def test_an_unknown_or_malformed_id_finds_nothing(store: Store, message_id: str) -> None:
    await accept(store, "a")
    assert await store.get(message_id) is None
    assert not await store.cancel(message_id, NOW)
    assert not await store.retry(message_id, NOW, NOW + 1)


async def test_an_answer_that_is_not_unicode_can_be_recorded(store: Store) -> None:
    message = await accept(store, "a")
    await store.begin(message, "default", NOW + 1)
    attempt = Attempt("default", NOW + 1, NOW + 2, Unknown("odd", "\ud800"))
    await store.settle(message, attempt, Final(Status.UNKNOWN, "odd", "\ud800\0", "\udfff"))
    assert await status_of(store, "a") is Status.UNKNOWN


async def test_the_timeline_stays_bounded_and_keeps_the_newest(store: Store) -> None:
    message = await accept(store, "a")
    for n in range(300):
        await store.begin(message, "default", NOW + n)
        await requeue(store, message, message, at=NOW + n + 0.5)
    record = await store.get("a")
    assert record is not None
    assert 40 <= len(record.events) <= 400
    assert record.events[-1].at == NOW + 299.5
    times = [event.at for event in record.events]
    assert times == sorted(times)
