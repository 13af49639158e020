"""What the store on disk reads and keeps stays bounded, however many messages there are."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest
import trio

from tests.contract.messages import NOW, accept, draft, finish
from trio_wa.adapters.sqlite import open_sqlite_store, queries, upkeep
from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.adapters.sqlite.opening import Mode, open_journal
from trio_wa.core.status import Status
from trio_wa.ports import Accepted, Cursor, Filter, IdempotencyKey, Store

ROWS = 30_000
LIMIT = 50
STEPS_PER_ROW = 150
"""More of SQLite's steps than one row of a list, an update or a deletion takes."""

FILL = f"""
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {ROWS})
INSERT INTO messages
    (number, seq, id, status, accepted_at, expires_at, settled_at, recipient, chat_id, owner,
     session, text, history)
SELECT n, n, 'm' || n,
    CASE WHEN n % 3 = 0 THEN 'queued' WHEN n % 1000 = 1 THEN 'failed' ELSE 'sent' END,
    {NOW} + n, {NOW} + 86400 + n, iif(n % 3 = 0, NULL, {NOW} + n),
    '+79991112233', (n % 100) || '@c.us', iif(n % 2, 'shop', 'bank'),
    iif(n % 3 = 0, NULL, 's' || n % 2), 'Hello', '[1,"queued"]' || char(10)
FROM numbers
"""  # noqa: S608 - constants


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    """Many messages: a third is queued, of the rest one in a thousand failed."""
    path = tmp_path_factory.mktemp("cost") / "store.db"
    journal = open_journal(path, Mode(synchronous="OFF"))
    journal.connection.execute(FILL)
    journal.connection.execute(
        "INSERT INTO keys SELECT 'shop', number, 'f', id, number FROM messages"
    )
    yield journal
    journal.connection.close()


@pytest.fixture(autouse=True)
def _as_before(request: pytest.FixtureRequest) -> Iterator[None]:
    """Take back what a test does to the messages of all."""
    if "journal" not in request.fixturenames:
        yield
        return
    connection = request.getfixturevalue("journal").connection
    connection.execute("BEGIN")
    yield
    connection.execute("ROLLBACK")


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


MIDDLE = NOW + ROWS / 2
AT_THE_MIDDLE = Cursor(MIDDLE, ROWS // 2)


@pytest.mark.parametrize(
    "single",
    [
        {},
        {"status": Status.SENT},
        {"status": Status.QUEUED},
        {"status": Status.FAILED},
        {"status": Status.READ},
        {"chat_id": "1@c.us"},
        {"chat_id": "nobody@c.us"},
        {"session": "s1"},
        {"owner": "shop"},
        {"owner": "nobody"},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "time",
    [
        {},
        {"after": MIDDLE},
        {"before": MIDDLE},
        {"cursor": AT_THE_MIDDLE},
        {"after": NOW + 100, "before": MIDDLE},
        {"before": NOW + ROWS, "cursor": AT_THE_MIDDLE},
        {"before": MIDDLE - 1000, "cursor": AT_THE_MIDDLE},
        {"after": NOW + ROWS},
    ],
    ids=["", "after", "before", "cursor", "between", "page", "page-of-older", "nothing"],
)
def test_a_list_reads_no_more_rows_than_it_shows(
    journal: Journal, single: dict[str, Any], time: dict[str, Any]
) -> None:
    wanted = Filter(**single, **time)
    connection = journal.connection
    sql, values = queries.selection(wanted, LIMIT)
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert len(plan) == 1, "nothing is sorted"
    assert "USING INDEX messages_" in plan[0]
    steps, _ = cost(connection, lambda: queries.find(connection, wanted, LIMIT))
    assert steps < LIMIT * STEPS_PER_ROW


@pytest.mark.parametrize(
    "run",
    [
        lambda journal: queries.get(journal.connection, "m77"),
        lambda journal: queries.open_attempts(journal.connection),
        lambda journal: queries.queued(journal.connection, ROWS // 2, LIMIT),
        lambda journal: upkeep.expire_overdue(journal, 0, NOW, LIMIT),
        lambda journal: upkeep.expire_overdue(journal, 0, NOW + 99_999, LIMIT),
        lambda journal: upkeep.erase_texts(journal, MIDDLE, LIMIT),
        lambda journal: upkeep.erase_texts(journal, NOW, LIMIT),
        lambda journal: upkeep.purge(journal, MIDDLE, LIMIT),
        lambda journal: upkeep.purge(journal, NOW, LIMIT),
        lambda journal: upkeep.forget_keys(journal, ROWS / 2, LIMIT),
        lambda journal: upkeep.forget_keys(journal, 0, LIMIT),
    ],
)
def test_a_look_up_and_a_chunk_cost_what_they_yield(
    journal: Journal, run: Callable[[Journal], object]
) -> None:
    steps, scanned = cost(journal.connection, lambda: run(journal))
    assert steps < LIMIT * STEPS_PER_ROW
    assert scanned <= LIMIT, "only the chunk itself is gone through"


def test_texts_that_were_erased_are_not_looked_at_again(journal: Journal) -> None:
    while upkeep.erase_texts(journal, MIDDLE, 1000):
        pass
    steps, _ = cost(journal.connection, lambda: upkeep.erase_texts(journal, MIDDLE, LIMIT))
    assert steps < LIMIT


async def send(store: Store, message_id: str, at: float) -> None:
    key = IdempotencyKey(message_id, "f")
    message = await accept(store, message_id, at=at, chat_id=f"{message_id}@c.us", key=key)
    await finish(store, message, Status.SENT, at=at)


async def test_the_files_stay_bounded_under_a_steady_load(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    sizes: list[int] = []
    async with open_sqlite_store(path, lambda _: None, min_free_disk=0, lock_wait=0) as store:
        for round_ in range(24):
            at = NOW + round_
            async with trio.open_nursery() as nursery:
                for n in range(20):
                    nursery.start_soon(send, store, f"{round_}-{n}", at)
            while await store.purge(at - 4, 10):
                pass
            while await store.forget_keys(at - 4, 10):
                pass
            sizes.append(store._writer._journal.connection.pragma("page_count"))
        ledger = await store.ledger()
    assert ledger.accepted == 480
    assert ledger.balanced
    assert max(sizes[12:]) <= max(sizes[:12]) + 2
    assert path.stat().st_size < 500_000


async def test_an_erased_text_is_nowhere_in_the_files(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    secret = b"4711 is your code. " * 500  # more than a page, so that whole pages are freed
    async with open_sqlite_store(path, lambda _: None, min_free_disk=0, lock_wait=0) as store:
        acceptance = await store.accept(replace(draft("a"), text=secret.decode()))
        assert isinstance(acceptance, Accepted)
        await finish(store, acceptance.message, Status.SENT, at=NOW)
    assert secret[:100] in path.read_bytes()
    async with open_sqlite_store(path, lambda _: None, min_free_disk=0, lock_wait=0) as store:
        assert await store.erase_texts(NOW + 1, 10) == 1
    assert secret[:19] not in path.read_bytes()
    assert not path.with_name("store.db-wal").exists()
