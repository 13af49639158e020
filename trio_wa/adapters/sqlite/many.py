"""One statement for many rows of values: the thread gives up the interpreter once for all of them.

A statement for each row waits each time until the busy event loop lets it go on.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any

import apsw

MOST = 256
"""How many rows one statement has at most: its text has to be short enough to be kept prepared."""

ROWS = "(VALUES {})"
"""Where a statement has its rows, whose values are `column1` and so on; one may be all NULL."""


def execute(cursor: apsw.Cursor, sql: str, rows: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
    """Run `sql`, in which `ROWS` stands for the rows, once for each `MOST` of them.

    Gives the first row of each answer. To the number of rows those that are all NULL are added, so
    that there are few texts of each statement to keep.
    """
    for start in range(0, len(rows), MOST):
        part = rows[start : start + MOST]
        width, places = len(part[0]), 1 << (len(part) - 1).bit_length()
        values = [*chain.from_iterable(part), *[None] * (width * (places - len(part)))]
        yield cursor.execute(_text(sql, width, places), values).fetchone()


def update(connection: apsw.Connection, sql: str, rows: Sequence[tuple[Any, ...]]) -> int:
    """Run `sql` for all rows in the same way; how many rows of the table it changed."""
    return sum(connection.changes() for _ in execute(connection.cursor(), sql, rows))


@cache
def _text(sql: str, width: int, places: int) -> str:
    row = f"({','.join('?' * width)})"
    return sql.replace(ROWS, ROWS.format(",".join([row] * places)))
