"""What is read from the database, each in one short read transaction."""

# ruff: noqa: S608 - the SQL is put together from constants, its values are always bound

from collections.abc import Iterable
from typing import Any

import apsw

from trio_wa.adapters.sqlite.rows import (
    MESSAGE,
    PRIORITY,
    RECORD,
    message,
    open_attempt,
    place,
    record,
    storable,
)
from trio_wa.core.message import LANES, Message, Priority
from trio_wa.core.status import Status
from trio_wa.ports import Filter, Ledger, OpenAttempt, Place, Record

_GET = f"SELECT {RECORD}, history FROM messages WHERE id = ?"
_OPEN = f"""
SELECT {MESSAGE}, status, history FROM messages INDEXED BY messages_status
WHERE status = 'sending'
UNION ALL
SELECT {MESSAGE}, status, history FROM messages INDEXED BY messages_asked
WHERE status = 'unknown' AND settled_at IS NULL
ORDER BY seq
"""
_QUEUED = f"""
SELECT {MESSAGE} FROM messages INDEXED BY messages_queue
WHERE status = 'queued' AND scheduled = 0 AND priority = ? AND seq > ? ORDER BY seq LIMIT ?
"""
_PLACES = """
SELECT priority, 0, count(*) FROM messages INDEXED BY messages_queue
WHERE status = 'queued' AND scheduled = 0 GROUP BY priority
UNION ALL
SELECT 0, 1, count(*) FROM messages INDEXED BY messages_scheduled
WHERE status = 'queued' AND scheduled = 1
UNION ALL
SELECT priority, 0, count(*) FROM messages INDEXED BY messages_status
WHERE status = 'sending' GROUP BY priority
UNION ALL
SELECT priority, 0, count(*) FROM messages INDEXED BY messages_asked
WHERE status = 'unknown' AND settled_at IS NULL GROUP BY priority
"""
_COUNTS = "SELECT status, count(*) FROM messages INDEXED BY messages_status GROUP BY status"
_UNCONFIRMED = "status = 'sent' AND confirmation IN ('overdue', 'unconfirmed')"
_FEW = frozenset({Status.SENDING, Status.FAILED, Status.UNKNOWN, Status.EXPIRED, Status.CANCELLED})
"""The states that few of very many messages are in."""


def get(connection: apsw.Connection, message_id: str) -> Record | None:
    """One message, with its events."""
    row = connection.execute(_GET, (storable(message_id),)).fetchone()
    return None if row is None else record(row)


def open_attempts(connection: apsw.Connection) -> list[OpenAttempt]:
    """What is being sent or looked up, by `seq`."""
    return [open_attempt(row) for row in connection.execute(_OPEN)]


def queued(
    connection: apsw.Connection, priority: Priority, after_seq: int, limit: int
) -> list[Message]:
    """The queued messages of a lane with the lowest `seq` above `after_seq`, in order."""
    rows = connection.execute(_QUEUED, (PRIORITY[priority], after_seq, limit))
    return [message(row) for row in rows]


def places(connection: apsw.Connection) -> dict[Place, int]:
    """How many places are held of each, none included."""
    held: dict[Place, int] = dict.fromkeys((*LANES, "scheduled"), 0)
    rows: Iterable[Any] = connection.execute(_PLACES)
    for priority, scheduled, count in rows:
        held[place(priority, scheduled)] += count
    return held


def find(connection: apsw.Connection, wanted: Filter, limit: int) -> list[Record]:
    """The newest messages that match, without their events."""
    sql, values = selection(wanted, limit)
    return [record(row) for row in connection.execute(sql, values)]


def ledger(connection: apsw.Connection) -> Ledger:
    """The totals and the count of each state, from one snapshot."""
    with connection:  # a savepoint: what both statements read is of the same instant
        totals: list[Any] = connection.execute("SELECT accepted, purged FROM totals").fetchall()
        rows: list[Any] = connection.execute(_COUNTS).fetchall()
    counts = dict.fromkeys(Status, 0) | {Status(status): count for status, count in rows}
    [(accepted, purged)] = totals
    return Ledger(accepted, purged, counts)


def selection(wanted: Filter, limit: int) -> tuple[str, list[str | float | int]]:
    """The SQL for `find`, and its values.

    It reads along the index of one condition, and sorts the messages of a batch. Of two upper
    bounds it has the lower only: SQLite seeks by one of them, and might take the one that is far
    from the cursor.
    """
    terms: list[str] = []
    values: list[str | float | int] = []
    for column, value in (
        ("status", wanted.status),
        ("chat_id", wanted.chat_id),
        ("session", wanted.session),
        ("owner", wanted.owner),
        ("batch", wanted.batch),
    ):
        if value is not None:
            terms.append(f"{column} = ?")
            values.append(storable(value))
    if wanted.unconfirmed:
        terms.append(_UNCONFIRMED)
    if wanted.after is not None:
        terms.append("accepted_at > ?")
        values.append(wanted.after)
    cursor, before = wanted.cursor, wanted.before
    if before is not None and (cursor is None or before <= cursor.accepted_at):
        terms.append("accepted_at < ?")
        values.append(before)
    elif cursor is not None:
        terms.append("(accepted_at, number) < (?, ?)")
        values += (cursor.accepted_at, cursor.number)
    where = f"WHERE {' AND '.join(terms)}" if terms else ""
    sql = (
        f"SELECT {RECORD} FROM messages INDEXED BY {_index(wanted)} {where}"
        " ORDER BY accepted_at DESC, number DESC LIMIT ?"
    )
    return sql, [*values, limit]


def _index(wanted: Filter) -> str:
    """The index of the condition that probably leaves the fewest rows."""
    if wanted.batch is not None:
        return "messages_batch"
    if wanted.chat_id is not None:
        return "messages_chat"
    if wanted.unconfirmed:
        return "messages_unconfirmed"
    if wanted.status in _FEW:
        return "messages_status"
    if wanted.owner is not None:
        return "messages_owner"
    if wanted.session is not None:
        return "messages_session"
    return "messages_accepted" if wanted.status is None else "messages_status"
