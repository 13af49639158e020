"""How a message enters and leaves the queue of the store in memory."""

from collections.abc import Sequence
from itertools import islice

from trio_wa.adapters.acknowledgement import UNCONFIRMED
from trio_wa.adapters.memory_row import Row
from trio_wa.adapters.memory_table import Table
from trio_wa.core.message import Message
from trio_wa.core.status import Status
from trio_wa.ports import Acceptance, Accepted, Draft, Event, Place, Suppressed, Suppression

_RETRIED = frozenset({Status.FAILED, Status.UNKNOWN, Status.EXPIRED})


def accept_all(table: Table, drafts: Sequence[Draft]) -> list[Acceptance]:
    """Record messages, then publish those that are not scheduled; what came of each, in order.

    Raises ValueError if one has the id of another; then none is recorded.
    """
    _check_ids(table, drafts)
    answers = [_accept(table, draft) for draft in drafts]
    for answer in answers:
        if isinstance(answer, Accepted) and not table.rows[answer.message.id].scheduled:
            table.publish(answer.message)
    return answers


def _check_ids(table: Table, drafts: Sequence[Draft]) -> None:
    """Raise ValueError if a message that is to be recorded has the id of another."""
    fresh: set[str] = set()
    for draft in drafts:
        if draft.key is None or table.keys.answer(draft) is None:
            if draft.id in table.rows or draft.id in fresh:
                raise ValueError(f"a message {draft.id!r} was accepted before")
            fresh.add(draft.id)


def _accept(table: Table, draft: Draft) -> Acceptance:
    """Record a message, together with its key; or say why not."""
    if draft.key is not None and (answer := table.keys.answer(draft)) is not None:
        return answer
    if (suppression := table.suppressions.against(draft)) is not None:
        return Suppressed(suppression)
    if (late := draft.late(table.recipients.known_to(draft.chat_id))) is not None:
        return late
    table.keys.record(draft)
    return Accepted(table.message(table.record(draft)))


def release_due(table: Table, at: float, limit: int) -> list[Message]:
    """Queue the scheduled messages whose time has come, behind all others, and publish them."""
    released: list[Message] = []
    while len(released) < limit and (row := table.queue.pop_due(at)) is not None:
        row.seq = table.next()
        table.queue.enter(row)
        released.append(table.message(row))
    for message in released:
        table.publish(message)
    return released


def expire(table: Table, message: Message, at: float) -> bool:
    """Expire a message; False if it is not queued in that place any more."""
    row = table.queued(message)
    if row is None:
        return False
    table.finish(row, Event(at, Status.EXPIRED))
    return True


def cancel(table: Table, message_id: str, at: float) -> Place | None:
    """Cancel a queued message, and say whose place it held; None if it is not queued."""
    row = table.rows.get(message_id)
    if row is None or row.status is not Status.QUEUED:
        return None
    return _cancel(table, [row], at)[message_id]


def cancel_batch(table: Table, batch: str, at: float, limit: int) -> dict[str, Place]:
    """Cancel what is queued of a batch, the oldest first: their ids, and the places held."""
    rows = table.batches.get(batch, {}).values()
    queued = islice((row for row in rows if row.status is Status.QUEUED), limit)
    return _cancel(table, list(queued), at)


def suppress(table: Table, suppression: Suppression) -> dict[str, Place]:
    """Put somebody on the list, and cancel what is queued for them; the ids and places of that."""
    table.suppressions.add(suppression)
    names = frozenset(table.contacts.names(suppression.chat_id))
    unwanted = [
        row
        for row in table.queue.cancellable()
        if row.draft.chat_id in names and not row.draft.ignore_suppression
    ]
    return _cancel(table, unwanted, suppression.at)


def retry(table: Table, message_id: str, at: float, expires_at: float) -> bool:
    """Queue a settled, unsent message again, behind all others; False if that must not be."""
    row = table.settled.get(message_id)
    if row is None or row.status not in _RETRIED or not _goes_again(table, row):
        return False
    table.bear(row, row.session, None)
    row.expires_at, row.resent = expires_at, False
    row.attempts = row.deferrals = 0
    row.code = row.detail = None
    table.requeue(row, Event(at, Status.QUEUED))
    return True


def resend(table: Table, message_id: str, at: float) -> bool:
    """Queue a sent message without an ack again, under its id and behind all others, once."""
    row = table.settled.get(message_id)
    if row is None or row.status is not Status.SENT or row.ack not in (None, 0):
        return False
    if row.resent or row.expires_at <= at or not _goes_again(table, row):
        return False
    row.resent = True
    table.requeue(row, Event(at, Status.QUEUED, row.session, UNCONFIRMED))
    return True


def _goes_again(table: Table, row: Row) -> bool:
    """Whether all is there to send a settled message, and its recipient wants it."""
    whole = row.content is not None and not row.has_data
    return whole and table.suppressions.against(row.draft) is None


def _cancel(table: Table, rows: Sequence[Row], at: float) -> dict[str, Place]:
    held = {row.draft.id: row.held for row in rows}
    for row in rows:
        table.finish(row, Event(at, Status.CANCELLED))
    return held
