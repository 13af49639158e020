"""Which recipients are known to which sessions."""

from typing import Any

from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.adapters.sqlite.rows import storable

_LEARN = "INSERT INTO recipients (chat_id, session) VALUES (?, ?) ON CONFLICT DO NOTHING"
_KNOWS = "SELECT 1 FROM recipients WHERE chat_id = ? AND session = ?"
_KNOWN_TO = "SELECT session FROM recipients WHERE chat_id = ?"


def known_to(journal: Journal, chat_id: str) -> tuple[str, ...]:
    """The sessions to which a recipient is known, in the order of their names."""
    rows: list[Any] = journal.cursor.execute(_KNOWN_TO, (chat_id,)).fetchall()
    return tuple(sorted(session for (session,) in rows)) if rows else ()


def knows(journal: Journal, session: str, chat_id: str) -> bool:
    """Whether a recipient is known to a session."""
    return journal.cursor.execute(_KNOWS, (chat_id, session)).fetchone() is not None


def learn(journal: Journal, session: str, chat_id: str) -> bool:
    """Record that a recipient is known to a session; False, and nothing written, if it was."""
    journal.cursor.execute(_LEARN, (chat_id, session))
    return journal.changed()


def remember_recipient(journal: Journal, session: str, chat_id: str) -> None:
    """Record that a recipient is known to a session, under whatever id it wrote."""
    learn(journal, storable(session), storable(chat_id))
