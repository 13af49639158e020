"""Which recipients are known to which sessions."""

# ruff: noqa: S608 - the SQL is put together from constants, its values are always bound

import json
from collections.abc import Iterable

from trio_wa.adapters.sqlite import many
from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.adapters.sqlite.rows import storable

_LEARN = "INSERT INTO recipients (chat_id, session) VALUES (?, ?) ON CONFLICT DO NOTHING"
_KNOWS = "SELECT 1 FROM recipients WHERE chat_id = ? AND session = ?"

_KNOWN_TO = f"""
SELECT json_group_array(json_array(each.column1, session))
FROM {many.ROWS} AS each CROSS JOIN recipients WHERE chat_id = each.column1
"""
_KNOWN = f"""
SELECT json_group_array(each.column1) FROM {many.ROWS} AS each CROSS JOIN recipients
WHERE chat_id = each.column2 AND session = each.column3
"""
_LEARN_ALL = f"""
INSERT INTO recipients (chat_id, session)
SELECT column1, column2 FROM {many.ROWS} WHERE column1 IS NOT NULL
"""


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


def known_to(journal: Journal, chat_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The sessions to which recipients are known, of those that are known to any."""
    sessions: dict[str, list[str]] = {}
    rows = [(chat_id,) for chat_id in dict.fromkeys(chat_ids)]
    for (text,) in many.execute(journal.cursor, _KNOWN_TO, rows):
        for chat_id, session in json.loads(text):
            sessions.setdefault(chat_id, []).append(session)
    return {chat_id: tuple(sorted(names)) for chat_id, names in sessions.items()}


def learn_all(journal: Journal, contacts: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Record that recipients are known to sessions; those pairs of the two that were not."""
    distinct = list(dict.fromkeys(contacts))
    rows = [(place, *contact) for place, contact in enumerate(distinct)]
    known: set[int] = set()
    for (text,) in many.execute(journal.cursor, _KNOWN, rows):
        known.update(json.loads(text))
    new = [contact for place, contact in enumerate(distinct) if place not in known]
    many.update(journal.connection, _LEARN_ALL, new)
    return set(new)
