"""What is learned of messages once they have gone out: acks, and that none came."""

# ruff: noqa: S608 - the SQL is put together from constants, its values are always bound

from collections.abc import Iterable
from typing import Any

import apsw

from trio_wa.adapters.acknowledgement import (
    MAX_ACKS,
    MAX_FLAGGED,
    OVERDUE,
    UNCONFIRMED,
    confirmation,
    reason,
    received,
)
from trio_wa.adapters.sqlite.changes import requeue
from trio_wa.adapters.sqlite.history import APPEND, line
from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.adapters.sqlite.recipients import learn
from trio_wa.adapters.sqlite.rows import MESSAGE, storable
from trio_wa.core.message import LANES
from trio_wa.core.status import REACHED, Status
from trio_wa.ports import Event, Moved, Receipt, Unconfirmed

_BEARER = """
SELECT number, id, chat_id, session, status, ack, accepted_at, settled_at, priority
FROM messages INDEXED BY messages_waha
WHERE waha_id = ? AND session = ? ORDER BY number DESC LIMIT 1
"""
_KEEP = """
INSERT INTO acks (waha_id, session, ack, at) VALUES (?, ?, ?, ?)
ON CONFLICT (waha_id, session) DO UPDATE SET ack = excluded.ack, at = excluded.at
WHERE excluded.ack > max(acks.ack, 0) OR (excluded.ack < 0 AND acks.ack = 0)
"""
_DROP = f"DELETE FROM acks WHERE number <= (SELECT max(number) FROM acks) - {MAX_ACKS}"
_FORGET = """
DELETE FROM acks
WHERE number IN (SELECT number FROM acks INDEXED BY acks_at WHERE at < ? ORDER BY at LIMIT ?)
"""
_NOTE = """
UPDATE messages SET ack = ?, confirmation = coalesce(?, confirmation) WHERE number = ?
"""
_MOVE = f"""
UPDATE messages
SET ack = ?, confirmation = coalesce(?, confirmation), status = ?, code = ?, detail = ?,
    settled_at = coalesce(settled_at, ?), history = {APPEND}
WHERE number = ?
"""
_AWAITED = """status = 'sent' AND waha_id IS NOT NULL
    AND (confirmation IS NULL OR confirmation = 'overdue')"""
_FLAG = f"""
UPDATE messages SET confirmation = '{OVERDUE}'
WHERE number IN (
    SELECT number FROM messages INDEXED BY messages_awaiting
    WHERE session = ? AND confirmation IS NULL AND settled_at > ? AND settled_at <= ?
    AND {_AWAITED} ORDER BY settled_at LIMIT {MAX_FLAGGED}
)
"""
_MARK = f"""
UPDATE messages SET confirmation = '{UNCONFIRMED}', history = {APPEND}
WHERE id = ? AND {_AWAITED}
"""

_RESEND = f"""
UPDATE messages
SET status = 'queued', seq = ?, due_at = 0, resent = 1, ack = NULL, confirmation = NULL,
    settled_at = NULL, history = {APPEND}
WHERE id = ? AND status = 'sent' AND coalesce(ack, 0) = 0 AND resent = 0 AND expires_at > ?
    AND text IS NOT NULL AND data IS NULL
RETURNING {MESSAGE}
"""
_SESSION = "SELECT session FROM messages WHERE id = ?"


def _oldest(condition: str) -> str:
    return f"""
    SELECT * FROM (
        SELECT id, chat_id, waha_id, settled_at, priority
        FROM messages INDEXED BY messages_awaiting
        WHERE session = ?1 AND {condition} AND settled_at > ?2 AND {_AWAITED}
        ORDER BY settled_at LIMIT ?3
    )"""


_UNCONFIRMED = f"""
{_oldest("confirmation IS NULL")}
UNION ALL {_oldest(f"confirmation = '{OVERDUE}'")}
ORDER BY 4 LIMIT ?3
"""


def receive(journal: Journal, receipt: Receipt) -> Moved | None:
    """Record an ack of the message that bears its id, or keep it for one that will."""
    waha_id, session = storable(receipt.waha_id), storable(receipt.session)
    row = journal.cursor.execute(_BEARER, (waha_id, session)).fetchone()
    if row is None:
        journal.cursor.execute(_KEEP, (waha_id, session, receipt.ack, receipt.at))
        journal.cursor.execute(_DROP)
        return None
    return _apply(journal, receipt, row)


def flag_unconfirmed(journal: Journal, session: str, sent_after: float, sent_before: float) -> int:
    """Flag what waits for a first ack and was settled between the times, up to `MAX_FLAGGED`."""
    journal.cursor.execute(_FLAG, (session, sent_after, sent_before))
    return journal.connection.changes()


def mark_unconfirmed(journal: Journal, message_id: str, at: float) -> bool:
    """Flag a sent message that was looked up in vain; False if it waits for no ack any more."""
    event = _without_ack(journal, message_id, Status.SENT, at)
    journal.cursor.execute(_MARK, (event, storable(message_id)))
    return journal.changed()


def resend(journal: Journal, message_id: str, at: float) -> bool:
    """Queue a sent message without an ack again, under its id and behind all others, once."""
    event = _without_ack(journal, message_id, Status.QUEUED, at)
    values = (journal.totals.next(), event, storable(message_id), at)
    return requeue(journal, message_id, _RESEND, values)


def forget_acks(journal: Journal, before: float, limit: int) -> int:
    """Forget acks that no message bore; says how many."""
    journal.cursor.execute(_FORGET, (before, limit))
    return journal.connection.changes()


def unconfirmed(
    connection: apsw.Connection, session: str, sent_after: float, limit: int
) -> list[Unconfirmed]:
    """What waits for a first ack and was not looked up, the oldest first."""
    rows: Iterable[Any] = connection.execute(_UNCONFIRMED, (storable(session), sent_after, limit))
    return [
        Unconfirmed(message_id, chat_id, waha_id, sent_at, LANES[priority])
        for message_id, chat_id, waha_id, sent_at, priority in rows
    ]


def _apply(journal: Journal, receipt: Receipt, row: tuple[Any, ...]) -> Moved | None:
    number, message_id, chat_id, session, status, known, accepted_at, settled_at, priority = row
    at = max(receipt.at, accepted_at)  # else it would be deleted as an old one
    before = Status(status)
    after, ack = received(before, known, receipt.ack)
    confirmed = None if before is Status.SENDING else confirmation(ack)
    if after is before:
        if ack != known:
            journal.cursor.execute(_NOTE, (ack, confirmed, number))
        return None
    code, detail = reason(after)
    event = line(Event(at, after, receipt.session, code, detail))
    values = (ack, confirmed, after, code, detail, at, event, number)
    journal.cursor.execute(_MOVE, values)
    if after in REACHED and before not in REACHED:
        learn(journal, session, chat_id)
    opened = before is Status.UNKNOWN and settled_at is None
    return Moved(message_id, before, after, opened, LANES[priority])


def _without_ack(journal: Journal, message_id: str, after: Status, at: float) -> str:
    row: Any = journal.cursor.execute(_SESSION, (storable(message_id),)).fetchone()
    return line(Event(at, after, row and row[0], UNCONFIRMED))
