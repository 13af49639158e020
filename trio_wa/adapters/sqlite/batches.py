"""Messages that were accepted together."""

from typing import Any

import apsw

from trio_wa.adapters.sqlite.rows import storable
from trio_wa.core.status import Status
from trio_wa.ports import Batch

_FIRST = """
SELECT owner, accepted_at FROM messages INDEXED BY messages_batch
WHERE batch = ? ORDER BY number LIMIT 1
"""
_COUNTS = """
SELECT status, count(*) FROM messages INDEXED BY messages_batch WHERE batch = ? GROUP BY status
"""
_SCHEDULED = """
SELECT count(*) FROM messages INDEXED BY messages_batch
WHERE batch = ? AND status = 'queued' AND scheduled = 1
"""


def batch(connection: apsw.Connection, batch_id: str) -> Batch | None:
    """How the messages of a batch stand, from one snapshot; None if none is kept."""
    batch_id = storable(batch_id)
    with connection:  # a savepoint: what the statements read is of the same instant
        first: Any = connection.execute(_FIRST, (batch_id,)).fetchone()
        rows: list[Any] = connection.execute(_COUNTS, (batch_id,)).fetchall()
        scheduled: Any = connection.execute(_SCHEDULED, (batch_id,)).get
    if first is None:
        return None
    owner, accepted_at = first
    counts = {Status(status): count for status, count in rows}
    return Batch(batch_id, owner, accepted_at, scheduled, counts)
