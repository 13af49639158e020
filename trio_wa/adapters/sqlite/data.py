"""Which messages came with the data of a file, and what became of those."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import apsw

from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.adapters.sqlite.rows import storable

_SPENT = """
SELECT id FROM messages INDEXED BY messages_data
WHERE data = 1 AND settled_at IS NOT NULL ORDER BY number LIMIT ?
"""
_FORGET = "UPDATE messages SET data = 0 WHERE id = ? AND data = 1 AND settled_at IS NOT NULL"
_HOLDING = """
SELECT messages.id FROM json_each(?) AS given CROSS JOIN messages ON messages.id = given.value
WHERE settled_at IS NULL AND data IS NOT NULL
"""


def spent_data(connection: apsw.Connection, limit: int) -> list[str]:
    """The ids of settled messages whose data are not forgotten yet."""
    rows: Iterable[Any] = connection.execute(_SPENT, (limit,))
    return [message_id for (message_id,) in rows]


def forget_data(journal: Journal, message_ids: Sequence[str]) -> None:
    """Record that the data of those of the messages that are settled are gone."""
    journal.cursor.executemany(_FORGET, [(storable(each),) for each in message_ids])


def holding_data(connection: apsw.Connection, message_ids: Sequence[str]) -> frozenset[str]:
    """Those of the messages that are not settled, and came with the data of a file."""
    ids = json.dumps([storable(each) for each in message_ids])
    rows: Iterable[Any] = connection.execute(_HOLDING, (ids,))
    return frozenset(message_id for (message_id,) in rows)
