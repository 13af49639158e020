"""Changes of many rows: what is overdue, and what is kept no longer. Each is one short chunk."""

# ruff: noqa: S608 - the SQL is put together from constants, its values are always bound

from trio_wa.adapters.sqlite.history import APPEND, line
from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.adapters.sqlite.rows import PRIORITY
from trio_wa.adapters.traffic import minute_of
from trio_wa.core.message import Priority
from trio_wa.core.status import Status
from trio_wa.ports import Event

_EXPIRE = f"""
UPDATE messages SET status = 'expired', settled_at = ?, history = {APPEND}
WHERE number IN (
    SELECT number FROM messages INDEXED BY messages_overdue
    WHERE status = 'queued' AND scheduled = 0 AND priority = ? AND expires_at <= ? AND seq > ?
    ORDER BY expires_at LIMIT ?
)
"""
_ERASE = """
UPDATE messages SET text = NULL
WHERE number IN (
    SELECT number FROM messages INDEXED BY messages_texts
    WHERE text IS NOT NULL AND status IN ('sent', 'delivered', 'read') AND settled_at < ?
    ORDER BY settled_at LIMIT ?
)
"""
_PURGE = """
DELETE FROM messages
WHERE number IN (
    SELECT number FROM messages INDEXED BY messages_settled
    WHERE settled_at < ? AND data IS NOT 1 ORDER BY settled_at LIMIT ?
)
"""
_FORGET = """
DELETE FROM keys
WHERE (owner, value) IN (
    SELECT owner, value FROM keys INDEXED BY keys_used
    WHERE used_at < ? ORDER BY used_at LIMIT ?
)
"""
_FORGET_MINUTES = """
WITH RECURSIVE names (name) AS (
    SELECT min(session) FROM traffic
    UNION ALL
    SELECT (SELECT min(session) FROM traffic WHERE session > name) FROM names WHERE name IS NOT NULL
)
DELETE FROM traffic
WHERE (session, minute) IN (
    SELECT session, minute FROM names CROSS JOIN traffic
    WHERE session = name AND minute < ?
        AND minute > (SELECT min(minute) FROM traffic AS other WHERE other.session = name)
    LIMIT ?
)
"""


def expire_overdue(
    journal: Journal, priority: Priority, after_seq: int, at: float, limit: int
) -> int:
    """Expire queued messages of a lane, above `after_seq`, whose time is over; says how many."""
    event = line(Event(at, Status.EXPIRED))
    journal.cursor.execute(_EXPIRE, (at, event, PRIORITY[priority], at, after_seq, limit))
    return journal.connection.changes()


def erase_texts(journal: Journal, settled_before: float, limit: int) -> int:
    """Erase the contents of sent, delivered and read messages; says of how many."""
    journal.cursor.execute(_ERASE, (settled_before, limit))
    return journal.connection.changes()


def purge(journal: Journal, settled_before: float, limit: int) -> int:
    """Delete settled messages and count them as purged; says how many."""
    journal.cursor.execute(_PURGE, (settled_before, limit))
    purged = journal.connection.changes()
    journal.totals.purged += purged
    return purged


def forget_keys(journal: Journal, used_before: float, limit: int) -> int:
    """Forget old idempotency keys; says how many."""
    journal.cursor.execute(_FORGET, (used_before, limit))
    return journal.connection.changes()


def forget_histories(journal: Journal, before: float, limit: int) -> int:
    """Forget the minutes before that time, but the first of each session; says how many."""
    journal.cursor.execute(_FORGET_MINUTES, (minute_of(before), limit))
    return journal.connection.changes()
