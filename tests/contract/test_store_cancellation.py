"""What every store leaves behind where its callers are cancelled."""

from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio

from tests.contract.messages import (
    NOW,
    accept,
    begun,
    draft,
    finish,
    inquire,
    receive,
    settle,
    status_of,
)
from trio_wa.core.content import File, Image
from trio_wa.core.message import Message
from trio_wa.core.outcome import Unavailable
from trio_wa.core.retry import Final, Requeue
from trio_wa.core.status import Status
from trio_wa.ports import (
    Accepted,
    Attempt,
    Filter,
    IdempotencyKey,
    SessionMemory,
    Store,
    Suppression,
)


async def cancelled(call: Callable[[], Awaitable[object]]) -> None:
    """Make the call in a scope that is cancelled already."""
    with trio.CancelScope() as scope:
        scope.cancel()
        await call()
    assert scope.cancelled_caught, "every call is a checkpoint"


async def test_a_cancelled_accept_records_and_publishes_nothing(
    store: Store, published: list[Message]
) -> None:
    key = IdempotencyKey("k", "payload")
    await cancelled(partial(store.accept, draft("a", key=key)))
    assert isinstance(await store.accept(draft("b", key=key)), Accepted)
    assert await store.get("a") is None
    assert (await store.ledger()).accepted == 1
    assert [message.id for message in published] == ["b"]


async def test_a_cancelled_call_accepts_none_of_its_messages(
    store: Store, published: list[Message]
) -> None:
    key = IdempotencyKey("k", "payload")
    drafts = [draft("a", key=key, batch="b"), draft("b"), draft("c", send_at=NOW + 9)]
    await cancelled(partial(store.accept_all, drafts))
    assert await store.replayed(drafts[0]) is None
    assert await store.batch("b") is None
    assert await store.next_due() is None
    assert published == []
    assert (await store.ledger()).accepted == 0
    assert len(await store.accept_all(drafts)) == 3
    assert [message.id for message in published] == ["a", "b"]


async def test_cancelled_changes_of_many_messages_are_left_out(
    store: Store, published: list[Message]
) -> None:
    await accept(store, "queued", batch="b")
    await accept(store, "scheduled", batch="b", send_at=NOW + 9)
    await finish(store, await accept(store, "data", content=Image(File("image/png"))), Status.SENT)
    entry = Suppression("1@c.us", NOW)
    await store.suppress(entry)
    ids = ("queued", "scheduled", "data")
    before = [await store.get(message_id) for message_id in ids]
    for change in (
        partial(store.release_due, NOW + 9, 10),
        partial(store.cancel_batch, "b", NOW + 9, 10),
        partial(store.suppress, Suppression(published[0].chat_id, NOW + 9)),
        partial(store.allow, "1@c.us"),
        partial(store.forget_data, ["data"]),
    ):
        await cancelled(change)
    await accept(store, "behind them")
    assert [await store.get(message_id) for message_id in ids] == before
    assert await store.suppressions("", 10) == [entry]
    assert await store.spent_data(10) == ["data"]
    assert [message.id for message in published] == ["queued", "data", "behind them"]
    assert await store.cancel_batch("b", NOW + 9, 10) == {
        "queued": "normal",
        "scheduled": "scheduled",
    }


async def test_cancelled_changes_are_left_out(store: Store, published: list[Message]) -> None:
    queued = await accept(store, "queued")
    await finish(store, await accept(store, "failed"), Status.FAILED)
    await finish(store, await accept(store, "sent"), Status.SENT)
    await finish(store, await accept(store, "a minute later"), Status.SENT, at=NOW + 62)
    asked = await begun(store, "asked", "3EB0asked")
    await inquire(store, asked)
    await receive(store, "3EB0nobody", 2)
    away = Attempt("default", NOW, NOW, Unavailable("unreachable", "refused", "origin"))
    ids = ("queued", "failed", "sent", "asked")
    before = [await store.get(message_id) for message_id in ids]
    histories = await store.histories(NOW + 99)
    for change in (
        partial(store.begin, queued, "default", NOW),
        partial(store.postpone, queued, away, Requeue(queued, "unreachable", "refused")),
        partial(store.expire, queued, NOW),
        partial(store.cancel, "queued", NOW),
        partial(store.expire_overdue, "normal", 0, NOW + 99_999, 10),
        partial(store.retry, "failed", NOW, NOW + 1),
        partial(store.purge, NOW + 99, 10),
        partial(store.resolve, asked, "default", NOW, Final(Status.SENT)),
        partial(receive, store, "3EB0asked", 2),
        partial(receive, store, "3EB0sent", 2),
        partial(receive, store, "3EB0early", 2),
        partial(store.flag_unconfirmed, "default", NOW, NOW + 99),
        partial(store.mark_unconfirmed, "sent", NOW + 99),
        partial(store.resend, "sent", NOW + 99),
        partial(store.forget_acks, NOW + 99, 10),
        partial(store.remember_session, "default", SessionMemory(paused=True)),
        partial(store.remember_contact, "1@c.us", "2@c.us"),
        partial(store.remember_recipient, "two", queued.chat_id),
        partial(store.forget_histories, NOW + 999, 10),
    ):
        await cancelled(change)
    assert await store.histories(NOW + 99) == histories
    early = await begun(store, "behind them")
    assert early.known_to == ("default",)
    await settle(store, early, Status.SENT, at=NOW + 2, waha_id="3EB0early")
    assert [await store.get(message_id) for message_id in ids] == before
    assert await status_of(store, "behind them") is Status.SENT, "its ack was left out"
    assert len(published) == 6
    assert await store.forget_histories(NOW + 999, 10) == 1
    assert await store.forget_acks(NOW + 99, 10) == 1
    assert await store.session_memories() == {}
    assert await store.contact("1@c.us") is None


@pytest.mark.parametrize("end", [partial(settle, status=Status.SENT, at=NOW + 1), inquire])
async def test_a_cancelled_settle_is_made_all_the_same(
    store: Store, end: Callable[..., Awaitable[object]]
) -> None:
    message = await begun(store, "a")
    await cancelled(partial(end, store, message))
    await accept(store, "behind it")
    assert await status_of(store, "a") in (Status.SENT, Status.UNKNOWN)
    assert [each.begun[0][1] for each in (await store.histories(NOW)).values()] == [1]


@pytest.mark.parametrize(
    "read",
    [
        lambda store: store.get("a"),
        lambda store: store.find(Filter(), 10),
        lambda store: store.ledger(),
        lambda store: store.queued("normal", 0, 10),
        lambda store: store.places(),
        lambda store: store.next_due(),
        lambda store: store.replayed(draft("b", key=IdempotencyKey("k", "payload"))),
        lambda store: store.batch("b"),
        lambda store: store.suppression("1@c.us"),
        lambda store: store.suppressions("", 10),
        lambda store: store.spent_data(10),
        lambda store: store.holding_data(["a"]),
        lambda store: store.open_attempts(),
        lambda store: store.unconfirmed("default", NOW, 10),
        lambda store: store.session_memories(),
        lambda store: store.activity(NOW),
        lambda store: store.histories(NOW),
        lambda store: store.contact("1@c.us"),
        lambda store: store.problem_changed(),
    ],
)
async def test_a_cancelled_read_does_no_harm(
    store: Store, read: Callable[[Store], Awaitable[object]]
) -> None:
    await accept(store, "a")
    await cancelled(partial(read, store))
    assert await status_of(store, "a") is Status.QUEUED
