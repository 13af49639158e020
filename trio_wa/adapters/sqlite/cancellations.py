"""What is queued and not wanted any more."""

# ruff: noqa: S608 - the SQL is put together from constants, its values are always bound

from collections.abc import Sequence
from typing import Any

from trio_wa.adapters.sqlite.changes import end
from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.adapters.sqlite.rows import place, storable, storable_or_none
from trio_wa.adapters.sqlite.suppressions import NAMES
from trio_wa.core.status import Status
from trio_wa.ports import Event, Place, Suppression

_ONE = "SELECT id, priority, scheduled FROM messages WHERE id = ? AND status = 'queued'"
_BATCH = """
SELECT id, priority, scheduled FROM messages INDEXED BY messages_batch
WHERE batch = ? AND status = 'queued' ORDER BY number LIMIT ?
"""
_UNWANTED = f"""
SELECT id, priority, scheduled FROM messages INDEXED BY messages_chat
WHERE chat_id IN ({NAMES}) AND status = 'queued' AND NOT ignore_suppression
"""
_SUPPRESS = """
INSERT INTO suppressions (chat_id, at, reason, session) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING
"""


def cancel(journal: Journal, message_id: str, at: float) -> Place | None:
    """Cancel a queued message; whose place it held, None if it is not queued."""
    return next(iter(_cancel(journal, _ONE, (storable(message_id),), at).values()), None)


def cancel_batch(journal: Journal, batch: str, at: float, limit: int) -> dict[str, Place]:
    """Cancel what is queued of a batch, the oldest first: their ids, and the places held."""
    return _cancel(journal, _BATCH, (storable(batch), limit), at)


def suppress(journal: Journal, suppression: Suppression) -> dict[str, Place]:
    """Put somebody on the list, and cancel what is queued for them; the ids and places of that."""
    chat_id = storable(suppression.chat_id)
    reason, session = storable_or_none(suppression.reason), storable_or_none(suppression.session)
    journal.cursor.execute(_SUPPRESS, (chat_id, suppression.at, reason, session))
    journal.suppresses = True
    return _cancel(journal, _UNWANTED, (chat_id,), suppression.at)


def _cancel(journal: Journal, sql: str, values: Sequence[str | int], at: float) -> dict[str, Place]:
    """Cancel the queued messages that `sql` finds."""
    rows: list[Any] = journal.cursor.execute(sql, values).fetchall()
    event = Event(at, Status.CANCELLED)
    for message_id, *_ in rows:
        end(journal, message_id, event)
    return {message_id: place(priority, scheduled) for message_id, priority, scheduled in rows}
