"""What each session sent, by the minute: it outlives the messages."""

# ruff: noqa: S608 - the SQL is put together from constants, its values are always bound

from collections.abc import Iterable
from typing import Any, TypeAlias

import apsw

from trio_wa.adapters import traffic
from trio_wa.adapters.sqlite import many
from trio_wa.adapters.traffic import Minute, Traffic
from trio_wa.core.pace import History

_ADD = f"""
INSERT INTO traffic (session, minute, begun, first_at, last_at, new, new_at)
SELECT * FROM {many.ROWS} WHERE column1 IS NOT NULL
ON CONFLICT (session, minute) DO UPDATE
SET begun = begun + excluded.begun, first_at = min(first_at, excluded.first_at),
    last_at = max(last_at, excluded.last_at), new = new + excluded.new,
    new_at = coalesce(max(new_at, excluded.new_at), new_at, excluded.new_at)
"""
_ALL = "SELECT session, begun, first_at, last_at, new, new_at FROM traffic ORDER BY session, minute"


Begin: TypeAlias = tuple[str, float, bool]
"""Over which session an attempt began that counts, when, and whether to a new contact."""


def add(cursor: apsw.Cursor, begun: Iterable[Begin]) -> None:
    """Add to the traffic what began: one row for each session and minute."""
    counted = Traffic()
    for session, at, new in begun:
        counted.count(session, at, new=new)
    rows = [
        (session, minute, each.begun, each.first_at, each.last_at, each.new, each.new_at)
        for (session, minute), each in counted.minutes.items()
    ]
    many.update(cursor.connection, _ADD, rows)


def histories(connection: apsw.Connection, now: float) -> dict[str, History]:
    """What each session has sent, for its pace."""
    rows: Iterable[Any] = connection.execute(_ALL)
    return traffic.histories(((session, Minute(*minute)) for session, *minute in rows), now)
