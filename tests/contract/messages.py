"""Drafts, attempts and the ways of a message through a store, for the contract of every store."""

from trio_wa.core.message import Message
from trio_wa.core.outcome import Rejected, Sent, Unknown
from trio_wa.core.retry import Final, Requeue
from trio_wa.core.status import Status
from trio_wa.ports import Accepted, Attempt, Draft, IdempotencyKey, Store

NOW = 1_795_489_115.25


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
) -> Draft:
    return Draft(message_id, to, chat_id, "Hello", at, expires_at, sessions, owner, key)


async def accept(store: Store, message_id: str, **fields: object) -> Message:
    acceptance = await store.accept(draft(message_id, **fields))  # type: ignore[arg-type]
    assert isinstance(acceptance, Accepted)
    return acceptance.message


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
        assert await store.expire(message.id, at)
    elif status is Status.CANCELLED:
        assert await store.cancel(message.id, at)
    else:
        assert await store.begin(message, session, at - 1)
        await settle(store, message, status, at=at, session=session)


async def settle(
    store: Store, message: Message, status: Status, *, at: float, session: str = "default"
) -> None:
    outcome, final = {
        Status.SENT: (Sent("3EB0"), Final(Status.SENT, waha_id="3EB0")),
        Status.FAILED: (Rejected("rejected", "no"), Final(Status.FAILED, "rejected", "no")),
        Status.UNKNOWN: (Unknown("timeout", "?"), Final(Status.UNKNOWN, "timeout", "?")),
    }[status]
    await store.settle(message, Attempt(session, at - 1, at, outcome), final)


async def requeue(store: Store, message: Message, requeued: Message, *, at: float) -> None:
    attempt = Attempt("default", at - 1, at, Unknown("timeout", "?"))
    await store.settle(message, attempt, Requeue(requeued, "timeout", "?"))


async def status_of(store: Store, message_id: str) -> Status | None:
    record = await store.get(message_id)
    return None if record is None else record.status
