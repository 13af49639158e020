"""What waits for its time."""

# ruff: noqa: S608 - the SQL is put together from constants, its values are always bound

from dataclasses import replace
from typing import Any

import apsw

from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.adapters.sqlite.rows import MESSAGE, message
from trio_wa.core.message import Message

_DUE = f"""
SELECT {MESSAGE} FROM messages INDEXED BY messages_scheduled
WHERE status = 'queued' AND scheduled = 1 AND send_at <= ? ORDER BY send_at, number LIMIT ?
"""
_RELEASE = "UPDATE messages SET scheduled = 0, seq = ? WHERE id = ?"
_NEXT = """
SELECT send_at FROM messages INDEXED BY messages_scheduled
WHERE status = 'queued' AND scheduled = 1 ORDER BY send_at LIMIT 1
"""


def release_due(journal: Journal, at: float, limit: int) -> list[Message]:
    """Queue the messages whose time has come, behind all others and by their time."""
    rows: list[Any] = journal.cursor.execute(_DUE, (at, limit)).fetchall()
    released = [replace(message(row), seq=journal.totals.next()) for row in rows]
    journal.cursor.executemany(_RELEASE, [(each.seq, each.id) for each in released])
    journal.queued += released
    return released


def next_due(connection: apsw.Connection) -> float | None:
    """When the first of the scheduled messages is due; None if there are none."""
    row: Any = connection.execute(_NEXT).fetchone()
    return None if row is None else row[0]
