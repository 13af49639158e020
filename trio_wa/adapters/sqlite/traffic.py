"""What each session sent, beyond the life of the messages: when it began, and to whom."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import apsw

from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.adapters.sqlite.rows import storable
from trio_wa.core.contacts import PEOPLE
from trio_wa.core.message import Message
from trio_wa.core.outcome import Sent, Unknown
from trio_wa.core.pace import DAY, History
from trio_wa.ports import Attempt

_COUNT = """
INSERT INTO traffic (session, minute, begun, last_at, new_at) VALUES (?, ?, 1, ?, ?)
ON CONFLICT (session, minute) DO UPDATE
SET begun = begun + 1, last_at = max(last_at, excluded.last_at),
    new_at = coalesce(max(new_at, excluded.new_at), new_at, excluded.new_at)
"""
_FORGET = """
DELETE FROM traffic
WHERE (session, minute) IN (
    SELECT session, minute FROM traffic AS old
    WHERE last_at < ? AND minute > (SELECT min(minute) FROM traffic WHERE session = old.session)
    LIMIT ?
)
"""


def count(journal: Journal, message: Message, attempt: Attempt) -> None:
    """Count an attempt if it sent the message, or may have."""
    if not isinstance(attempt.outcome, Sent | Unknown):
        return
    at, new_at = attempt.began_at, None
    if isinstance(attempt.outcome, Sent) and attempt.session not in message.known_to:
        new_at = at if message.chat_id.endswith(PEOPLE) else None
    journal.cursor.execute(_COUNT, (storable(attempt.session), int(at // 60), at, new_at))


def histories(connection: apsw.Connection, now: float) -> dict[str, History]:
    """What each session sent, as its pace asks for it."""
    rows: Iterable[Any] = connection.execute(
        "SELECT session, begun, last_at, new_at FROM traffic ORDER BY session, minute"
    )
    minutes: dict[str, list[tuple[int, float, float | None]]] = defaultdict(list)
    for session, *minute in rows:
        minutes[session].append(tuple(minute))
    return {
        session: History(
            tuple((last_at, begun) for begun, last_at, _ in found if last_at > now - DAY),
            found[0][1],
            max((new_at for _, _, new_at in found if new_at is not None), default=None),
        )
        for session, found in minutes.items()
    }


def forget_histories(journal: Journal, before: float, limit: int) -> int:
    """Forget old minutes, but the first of each session; says how many."""
    journal.cursor.execute(_FORGET, (before, limit))
    return journal.connection.changes()


def remember_recipient(journal: Journal, session: str, chat_id: str) -> None:
    """Record that a recipient is known to a session."""
    values = (storable(chat_id), storable(session))
    journal.cursor.execute("INSERT OR IGNORE INTO recipients VALUES (?, ?)", values)


def known_to(journal: Journal, chat_id: str) -> tuple[str, ...]:
    """The sessions that have written to a recipient, or that they wrote to."""
    sql = "SELECT session FROM recipients WHERE chat_id = ? ORDER BY session"
    rows: Iterable[Any] = journal.cursor.execute(sql, (chat_id,))
    return tuple(session for (session,) in rows)
