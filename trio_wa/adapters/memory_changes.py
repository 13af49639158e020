"""How a message enters and leaves the queue of the store in memory."""

from dataclasses import replace

from trio_wa.adapters.acknowledgement import UNCONFIRMED
from trio_wa.adapters.memory_row import Row
from trio_wa.adapters.memory_table import Table
from trio_wa.core.status import Status
from trio_wa.ports import Acceptance, Accepted, Draft, Event

_RETRIED = frozenset({Status.FAILED, Status.UNKNOWN, Status.EXPIRED})


def accept(table: Table, draft: Draft) -> Acceptance:
    """Record a message as queued, together with its key; or say what the key was used for.

    Raises ValueError if a message of that id was accepted before.
    """
    if (answer := table.keys.answer(draft)) is not None:
        return answer
    if draft.id in table.rows:
        raise ValueError(f"a message {draft.id!r} was accepted before")
    table.keys.record(draft)
    number = table.next()
    row = Row(replace(draft, text=""), number, number, draft.expires_at, draft.text)
    row.enter(Event(draft.accepted_at, Status.QUEUED))
    table.rows[draft.id] = row
    table.accepted += 1
    message = table.message(row)
    table.publish(message)
    return Accepted(message)


def end(table: Table, message_id: str, event: Event) -> bool:
    """Take a message out of the queue for good; False if it is not queued."""
    row = table.rows.get(message_id)
    if row is None or row.status is not Status.QUEUED:
        return False
    table.finish(row, event)
    return True


def retry(table: Table, message_id: str, at: float, expires_at: float) -> bool:
    """Queue a settled, unsent message again, behind all others; False if it is in another state."""
    row = table.settled.get(message_id)
    if row is None or row.status not in _RETRIED or row.text is None:
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
    if row.resent or row.expires_at <= at or row.text is None:
        return False
    row.resent = True
    table.requeue(row, Event(at, Status.QUEUED, row.session, UNCONFIRMED))
    return True
