"""Who wants no messages, under whatever chat id WhatsApp knows them."""

# ruff: noqa: S608 - the SQL is put together from constants, its values are always bound

from typing import Any

import apsw

from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.adapters.sqlite.rows import storable
from trio_wa.ports import Suppression

_KNOWN_AS = "coalesce((SELECT known_as FROM contacts WHERE chat_id = ?1), ?1)"
NAMES = f"""
SELECT ?1 UNION SELECT {_KNOWN_AS}
UNION SELECT chat_id FROM contacts INDEXED BY contacts_known_as WHERE known_as = ?1
UNION SELECT chat_id FROM contacts INDEXED BY contacts_known_as WHERE known_as = {_KNOWN_AS}
"""
"""All chat ids of the person who has this one."""
_FIND = f"""
SELECT chat_id, at, reason, session FROM suppressions WHERE chat_id IN ({NAMES})
ORDER BY chat_id <> ?1, chat_id LIMIT 1
"""
_RECIPIENT = "SELECT chat_id, ignore_suppression FROM messages WHERE id = ?"
_ALLOW = f"DELETE FROM suppressions WHERE chat_id IN ({NAMES})"
_LIST = """
SELECT chat_id, at, reason, session FROM suppressions WHERE chat_id > ? ORDER BY chat_id LIMIT ?
"""


def allow(journal: Journal, chat_id: str) -> bool:
    """Take somebody off the list, by each of their chat ids; False if they are not on it."""
    journal.cursor.execute(_ALLOW, (storable(chat_id),))
    return journal.changed()


def suppressed(connection: apsw.Connection | apsw.Cursor, chat_id: str) -> Suppression | None:
    """What is on the list of somebody, by this chat id first; None if they are not on it."""
    row: Any = connection.execute(_FIND, (storable(chat_id),)).fetchone()
    return None if row is None else Suppression(*row)


def unwanted(journal: Journal, message_id: str) -> bool:
    """Whether somebody wants no messages, to whom this one goes, and it does not ignore that."""
    if not journal.suppresses:
        return False
    row: Any = journal.cursor.execute(_RECIPIENT, (storable(message_id),)).fetchone()
    if row is None:
        return False
    chat_id, ignores = row
    return not ignores and suppressed(journal.cursor, chat_id) is not None


def suppressions(connection: apsw.Connection, after: str, limit: int) -> list[Suppression]:
    """Those on the list whose chat id is above `after`, by chat id."""
    return [Suppression(*row) for row in connection.execute(_LIST, (storable(after), limit))]
