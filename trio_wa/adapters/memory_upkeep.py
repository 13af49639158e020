"""Changes of many messages of the store in memory: what is overdue, and what is kept no longer."""

import itertools
from collections.abc import Iterator, Sequence

from trio_wa.adapters.memory_row import Row
from trio_wa.adapters.memory_table import Table
from trio_wa.adapters.traffic import minute_of
from trio_wa.core.message import Priority
from trio_wa.core.status import REACHED, Status
from trio_wa.ports import Event


def expire_overdue(table: Table, priority: Priority, after_seq: int, at: float, limit: int) -> int:
    """Expire queued messages of a lane above `after_seq` whose time is over; says how many."""
    overdue = (row for row in table.queue.queued(priority, after_seq) if row.expires_at <= at)
    chosen = list(itertools.islice(overdue, limit))
    for row in chosen:
        table.finish(row, Event(at, Status.EXPIRED))
    return len(chosen)


def erase_texts(table: Table, settled_before: float, limit: int) -> int:
    """Erase the contents of sent, delivered and read messages; says of how many."""
    rows = (
        row
        for row in _settled_before(table, settled_before)
        if row.status in REACHED and row.content is not None
    )
    erased = list(itertools.islice(rows, limit))
    for row in erased:
        row.erase()
    return len(erased)


def purge(table: Table, settled_before: float, limit: int) -> int:
    """Delete settled messages and count them as purged; says how many."""
    rows = (
        row for row in _settled_before(table, settled_before) if row.draft.id not in table.spent
    )
    old = list(itertools.islice(rows, limit))
    for row in old:
        table.delete(row.draft.id)
    return len(old)


def forget_histories(table: Table, before: float, limit: int) -> int:
    """Forget the minutes before that time, but the first of each session; says how many."""
    minutes = table.traffic.minutes
    first = dict(sorted(minutes, reverse=True))  # the lowest minute comes last, and stays
    old = (key for key in minutes if first[key[0]] < key[1] < minute_of(before))
    chosen = list(itertools.islice(old, limit))
    for key in chosen:
        del minutes[key]
    return len(chosen)


def forget_data(table: Table, message_ids: Sequence[str]) -> None:
    """Record that the data of messages are gone."""
    for message_id in message_ids:
        table.spent.pop(message_id, None)


def holding_data(table: Table, message_ids: Sequence[str]) -> frozenset[str]:
    """Those of the messages that are not settled, and came with the data of a file."""
    rows = (table.rows.get(message_id) for message_id in message_ids)
    return frozenset(
        row.draft.id for row in rows if row is not None and row.has_data and row.settled_at is None
    )


def _settled_before(table: Table, time: float) -> Iterator[Row]:
    for row in table.settled.values():
        if row.settled_at is not None and row.settled_at < time:
            yield row
