"""A database with many messages, and what a statement costs in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from tests.contract.messages import NOW
from trio_wa.adapters.acknowledgement import MAX_ACKS
from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.adapters.sqlite.opening import Mode, open_journal

ROWS = 30_000
LIMIT = 50
BATCH = 1000
STEPS_PER_ROW = 250
"""More of SQLite's steps than one row of a list, an update or a deletion takes."""

FILL = f"""
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {ROWS})
INSERT INTO messages
    (number, seq, id, status, accepted_at, expires_at, settled_at, recipient, chat_id, owner,
     session, waha_id, ack, confirmation, text, history, priority, send_at, scheduled, batch, data)
SELECT n, n, 'm' || n,
    CASE WHEN n % 3 = 0 THEN 'queued' WHEN n % 1000 = 1 THEN 'failed' ELSE 'sent' END,
    {NOW} + n, {NOW} + 86400 + n, iif(n % 3 = 0, NULL, {NOW} + n),
    '+79991112233', (n % 100) || '@c.us', iif(n % 2, 'shop', 'bank'),
    iif(n % 3 = 0, NULL, 's' || (n % 2)), iif(n % 3 = 0, NULL, '3EB0' || n),
    CASE WHEN n % 3 = 1 THEN n % 2 END,
    CASE WHEN n % 3 = 1 AND n % 2 THEN 'confirmed' WHEN n % 900 = 2 THEN 'unconfirmed'
        WHEN n % 3 = 2 AND n < {ROWS / 2} THEN 'overdue' END,
    'Hello', '[1,"queued"]' || char(10),
    iif(n % 5, 1, 2), iif(n % 12, NULL, {NOW} + n), n % 12 = 0, 'b' || (n / {BATCH}),
    iif(n % 30 IN (0, 2), 1, NULL)
FROM numbers
"""  # noqa: S608 - constants


@contextmanager
def filled(path: Path) -> Iterator[Journal]:
    """Many messages in batches: a third is queued, of the rest one in a thousand failed.

    A quarter of the queued ones is scheduled, a fifth of all is bulk, a fifteenth has data.
    """
    journal = open_journal(path, Mode(synchronous="OFF"))
    connection = journal.connection
    connection.execute(FILL)
    connection.execute("INSERT INTO keys SELECT 'shop', number, 'f', id, number FROM messages")
    connection.execute(
        "INSERT INTO acks SELECT number, 'x' || number, 's1', 1, number FROM messages"
        " WHERE number <= ?",
        (MAX_ACKS,),
    )
    connection.execute(
        "INSERT INTO recipients SELECT number || '@lid', 's1' FROM messages UNION"
        " SELECT chat_id, session FROM messages WHERE session IS NOT NULL"
    )
    connection.execute(
        "INSERT INTO traffic SELECT"
        " 's' || (number % 2), number, 1, number * 60, number * 60, 0, NULL FROM messages"
    )
    connection.execute(
        "INSERT INTO contacts SELECT number || '@c.us', number || '@lid' FROM messages"
    )
    connection.execute("INSERT INTO suppressions SELECT number || '@g.us', 0, '', '' FROM messages")
    journal.suppresses = True
    journal.totals.number = ROWS
    yield journal
    connection.close()


@contextmanager
def taken_back(journal: Journal) -> Iterator[None]:
    """Take back what is done to the messages of all."""
    journal.connection.execute("BEGIN")
    yield
    journal.connection.execute("ROLLBACK")


def cost(connection: apsw.Connection, run: Callable[[], object]) -> tuple[int, int]:
    """How many of SQLite's steps `run` takes, and how many rows it scans without an index."""
    steps = scanned = 0

    def profile(event: dict[str, Any]) -> None:
        nonlocal steps, scanned
        steps += event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]
        scanned += event["stmt_status"]["SQLITE_STMTSTATUS_FULLSCAN_STEP"]

    connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, profile)
    try:
        run()
    finally:
        connection.trace_v2(0, None)
    assert steps
    return steps, scanned


def plan(connection: apsw.Connection, run: Callable[[], object]) -> list[str]:
    """How SQLite finds what the statements of `run` read, a line for each table or index."""
    statements: list[tuple[str, Any]] = []

    def trace(_: apsw.Cursor, sql: str, values: Any) -> bool:
        statements.append((sql, values))
        return True

    connection.exec_trace = trace
    try:
        run()
    finally:
        connection.exec_trace = None
    lines = [
        row[3]
        for sql, values in statements
        for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)
    ]
    return [each for each in lines if each.startswith(("SCAN", "SEARCH"))]
