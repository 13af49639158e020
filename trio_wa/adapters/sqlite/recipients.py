"""Which recipients are known to which sessions."""

from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.adapters.sqlite.rows import storable

_LEARN = "INSERT INTO recipients (chat_id, session) VALUES (?, ?) ON CONFLICT DO NOTHING"
_KNOWS = "SELECT 1 FROM recipients WHERE chat_id = ? AND session = ?"


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
