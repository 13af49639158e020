"""Drafts, attempts and the ways of a message through a store, for the contract of every store."""

from dataclasses import replace

from trio_wa.core.content import Content, Text
from trio_wa.core.message import Message, OnUnknown, Priority
from trio_wa.core.outcome import Outcome, Rejected, Sent, Unknown
from trio_wa.core.retry import Final, Inquire, Requeue
from trio_wa.core.status import Status
from trio_wa.ports import (
    Accepted,
    Attempt,
    Draft,
    IdempotencyKey,
    Moved,
    Place,
    Receipt,
    Record,
    Store,
)

NOW = 1_795_489_115.25
HELLO = Text("Hello")


def draft(
    message_id: str,
    *,
    to: str = "+62 812-3456-7890",
    chat_id: str = "6281234567890@c.us",
    at: float = NOW,
    expires_at: float = NOW + 3600,
    sessions: tuple[str, ...] = (),
    owner: str | None = None,
    key: IdempotencyKey | None = None,
    on_unknown: OnUnknown | None = None,
    content: Content = HELLO,
    priority: Priority = "normal",
    send_at: float | None = None,
    batch: str | None = None,
    metadata: str | None = None,
    ignore_suppression: bool = False,
) -> Draft:
    return Draft(
        message_id,
        to,
        chat_id,
        content,
        at,
        expires_at,
        sessions,
        owner,
        key,
        on_unknown,
        priority,
        send_at,
        batch,
        metadata,
        ignore_suppression,
    )


async def accept(store: Store, message_id: str, **fields: object) -> Message:
    acceptance = await store.accept(draft(message_id, **fields))  # type: ignore[arg-type]
    assert isinstance(acceptance, Accepted)
    return acceptance.message


async def begun(
    store: Store,
    message_id: str,
    waha_id: str | None = None,
    *,
    session: str = "default",
    **fields: object,
) -> Message:
    """Accept a message, and begin an attempt at the second after `NOW`, under the id."""
    message = replace(await accept(store, message_id, **fields), waha_id=waha_id)
    assert await store.begin(message, session, NOW + 1)
    return message


async def finish(
    store: Store,
    message: Message,
    status: Status,
    *,
    at: float = NOW + 2,
    session: str = "default",
) -> None:
    """Lead a queued message to a settled state over the edges."""
    if status is Status.EXPIRED:
        assert await store.expire(message, at)
    elif status is Status.CANCELLED:
        assert await store.cancel(message.id, at)
    else:
        assert await store.begin(message, session, at - 1)
        await settle(store, message, status, at=at, session=session)


async def settle(
    store: Store,
    message: Message,
    status: Status,
    *,
    at: float,
    session: str = "default",
    waha_id: str | None = None,
) -> Status:
    """End an attempt; the id that WAHA names where it is sent is the message's own by default."""
    waha_id = waha_id or f"3EB0{message.id}"
    ends: dict[Status, tuple[Outcome, Final]] = {
        Status.SENT: (Sent(waha_id), Final(Status.SENT, waha_id=waha_id)),
        Status.FAILED: (Rejected("rejected", "no"), Final(Status.FAILED, "rejected", "no")),
        Status.UNKNOWN: (Unknown("timeout", "?"), Final(Status.UNKNOWN, "timeout", "?")),
    }
    outcome, final = ends[status]
    return await store.settle(message, Attempt(session, at - 1, at, outcome), final)


async def inquire(
    store: Store, message: Message, *, at: float = NOW + 2, session: str = "default"
) -> Status:
    """End an attempt in an outcome that is to be looked up."""
    attempt = Attempt(session, at - 1, at, Unknown("timeout", "?"))
    return await store.settle(message, attempt, Inquire("timeout", "?"))


async def receive(
    store: Store, waha_id: str, ack: int, *, at: float = NOW + 5, session: str = "default"
) -> Moved | None:
    return await store.receive(Receipt(session, waha_id, ack, at))


async def requeue(store: Store, message: Message, requeued: Message, *, at: float) -> Status:
    attempt = Attempt("default", at - 1, at, Unknown("timeout", "?"))
    return await store.settle(message, attempt, Requeue(requeued, "timeout", "?"))


async def status_of(store: Store, message_id: str) -> Status | None:
    record = await store.get(message_id)
    return None if record is None else record.status


async def record_of(store: Store, message_id: str) -> Record:
    record = await store.get(message_id)
    assert record is not None
    return record


async def held(store: Store) -> dict[Place, int]:
    """The places that are held, where any are."""
    return {place: number for place, number in (await store.places()).items() if number}
