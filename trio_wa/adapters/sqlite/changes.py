"""How a message leaves the queue, and enters it again: by conditional updates of its row."""

# ruff: noqa: S608 - the SQL is put together from constants, its values are always bound

from trio_wa.adapters.sqlite.history import APPEND, line
from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.adapters.sqlite.rows import MESSAGE, message, storable
from trio_wa.adapters.sqlite.suppressions import unwanted
from trio_wa.core.message import Message
from trio_wa.core.status import Status
from trio_wa.ports import Event

_END = f"""
UPDATE messages SET status = ?, settled_at = ?, scheduled = 0, history = {APPEND}
WHERE id = ? AND status = 'queued'
"""
_EXPIRE = f"{_END} AND seq = ?"
_RETRY = f"""
UPDATE messages
SET status = 'queued', seq = ?, expires_at = ?, due_at = 0, attempts = 0, deferrals = 0, resent = 0,
    waha_id = NULL, ack = NULL, confirmation = NULL, code = NULL, detail = NULL, settled_at = NULL,
    history = {APPEND}
WHERE id = ? AND status IN ('failed', 'unknown', 'expired') AND settled_at IS NOT NULL
    AND text IS NOT NULL AND data IS NULL
RETURNING {MESSAGE}
"""


def end(journal: Journal, message_id: str, event: Event) -> bool:
    """Take a message out of the queue for good; False if it is not queued."""
    journal.cursor.execute(_END, (event.status, event.at, line(event), storable(message_id)))
    return journal.changed()


def expire(journal: Journal, message: Message, at: float) -> bool:
    """Expire a message; False if it is not queued in that place any more."""
    event = Event(at, Status.EXPIRED)
    values = (event.status, at, line(event), message.id, message.seq)
    journal.cursor.execute(_EXPIRE, values)
    return journal.changed()


def retry(journal: Journal, message_id: str, at: float, expires_at: float) -> bool:
    """Queue a settled, unsent message again, behind all others; False if that must not be."""
    event = line(Event(at, Status.QUEUED))
    values = (journal.totals.next(), expires_at, event, storable(message_id))
    return requeue(journal, message_id, _RETRY, values)


def requeue(journal: Journal, message_id: str, sql: str, values: tuple[str | float, ...]) -> bool:
    """Run the update `sql` of a message whose recipient wants it, and publish what it returns.

    False if it changes none.
    """
    if unwanted(journal, message_id):
        return False
    queued = [message(row) for row in journal.cursor.execute(sql, values)]
    journal.queued += queued
    return bool(queued)
