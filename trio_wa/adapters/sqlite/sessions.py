"""What is remembered of sessions and contacts, and what went out over each session."""

from collections.abc import Iterable
from dataclasses import astuple
from typing import Any

import apsw

from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.adapters.sqlite.rows import storable
from trio_wa.ports import Activity, SessionMemory

_REMEMBER = """
INSERT INTO sessions (name, paused, acked_at, proven, ghost, locked_until, rate, heard_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE
SET paused = excluded.paused, acked_at = excluded.acked_at, proven = excluded.proven,
    ghost = excluded.ghost, locked_until = excluded.locked_until, rate = excluded.rate,
    heard_at = excluded.heard_at
"""
_ACTIVITY = """
SELECT session, sum(settled_at > ?1 - 60), sum(settled_at > ?1 - 3600), count(*),
    sum(settled_at > ?1 - 3600 AND ack >= 1)
FROM messages INDEXED BY messages_settled
WHERE settled_at > ?1 - 86400 AND status IN ('sent', 'delivered', 'read') AND session IS NOT NULL
GROUP BY session
"""
_KNOW = """
INSERT INTO contacts (chat_id, known_as) VALUES (?, ?)
ON CONFLICT (chat_id) DO UPDATE SET known_as = excluded.known_as
"""


def remember_session(journal: Journal, session: str, memory: SessionMemory) -> None:
    """Record what outlives a restart of a session."""
    journal.cursor.execute(_REMEMBER, (storable(session), *astuple(memory)))


def session_memories(connection: apsw.Connection) -> dict[str, SessionMemory]:
    """What was recorded of each session."""
    rows: Iterable[Any] = connection.execute(
        "SELECT name, paused, acked_at, proven, ghost, locked_until, rate, heard_at FROM sessions"
    )
    return {
        name: SessionMemory(bool(paused), acked_at, bool(proven), bool(ghost), *rest)
        for name, paused, acked_at, proven, ghost, *rest in rows
    }


def activity(connection: apsw.Connection, now: float) -> dict[str, Activity]:
    """What each session sent in the last minute, hour and day."""
    rows: Iterable[Any] = connection.execute(_ACTIVITY, (now,))
    return {
        session: Activity(minute, hour, day, confirmed or 0)
        for session, minute, hour, day, confirmed in rows
    }


def remember_contact(journal: Journal, chat_id: str, known_as: str) -> None:
    """Record under which chat id WhatsApp knows a recipient."""
    journal.cursor.execute(_KNOW, (storable(chat_id), storable(known_as)))


def contact(connection: apsw.Connection, chat_id: str) -> str | None:
    """The chat id under which WhatsApp knows a recipient; None if that was never asked."""
    sql = "SELECT known_as FROM contacts WHERE chat_id = ?"
    row: Any = connection.execute(sql, (storable(chat_id),)).fetchone()
    return None if row is None else row[0]
