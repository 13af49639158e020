"""A full or failing disk is a condition: nothing is half-done, and the store recovers by itself."""

import time
from collections.abc import AsyncIterator
from functools import partial
from itertools import count
from pathlib import Path

import apsw
import pytest
import trio
import trio.testing

from tests.contract.messages import NOW, accept, draft, receive, settle, status_of
from tests.faulty_vfs import FaultyDisk
from trio_wa.adapters.sqlite import SqliteStore, open_sqlite_store
from trio_wa.adapters.sqlite.disk import Disk
from trio_wa.adapters.sqlite.opening import Mode
from trio_wa.adapters.sqlite.store import open_store
from trio_wa.adapters.sqlite.writer import PROBE_SECONDS
from trio_wa.core.message import Message
from trio_wa.core.status import Status
from trio_wa.ports import SessionMemory, StoreUnavailable, Suppression


@pytest.fixture
def published() -> list[Message]:
    return []


@pytest.fixture
def faulty(tmp_path: Path) -> FaultyDisk:
    return FaultyDisk(tmp_path / "store.db")


@pytest.fixture
async def store(
    tmp_path: Path, published: list[Message], faulty: FaultyDisk
) -> AsyncIterator[SqliteStore]:
    path = tmp_path / "store.db"
    async with open_store(
        path, published.append, Disk(path, 0), lock_wait=0, mode=faulty.mode
    ) as sqlite:
        yield sqlite
        faulty.error = None


async def probed(store: SqliteStore, clock: trio.testing.MockClock) -> None:
    """Let the store find out by itself that all is well again."""
    limit = time.monotonic() + 10
    while store.problem() is not None:
        assert time.monotonic() < limit
        await trio.testing.wait_all_tasks_blocked()
        clock.jump(PROBE_SECONDS)


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (apsw.FullError(), "is full: free some space"),
        (apsw.IOError(), "look after the disk"),
        (apsw.ReadOnlyError(), "cannot be written: make it and its directory writable"),
        (apsw.CantOpenError(), ": see that it and its directory are writable"),
        (apsw.BusyError(), "another program has locked"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_failing_disk_changes_nothing_and_heals(
    store: SqliteStore,
    published: list[Message],
    faulty: FaultyDisk,
    error: apsw.Error,
    remedy: str,
    mock_clock: trio.testing.MockClock,
) -> None:
    begun = await accept(store, "begun")
    await store.begin(begun, "default", NOW)
    queued = await accept(store, "queued")
    await accept(store, "later", chat_id="1@c.us", send_at=NOW + 60, batch="b")
    faulty.error = error
    for change in (
        partial(accept, store, "refused"),
        partial(settle, store, begun, Status.SENT, at=NOW + 1),
        partial(store.cancel, "queued", NOW),
        partial(store.accept_all, [draft("first"), draft("second")]),
        partial(store.cancel_batch, "b", NOW, 10),
        partial(store.release_due, NOW + 60, 10),
        partial(store.suppress, Suppression("1@c.us", NOW)),
        partial(store.expire_overdue, "normal", 0, NOW + 99_999, 10),
        partial(receive, store, "3EB0begun", 2),
        partial(store.remember_session, "default", SessionMemory(paused=True)),
        partial(store.remember_recipient, "default", begun.chat_id),
    ):
        with pytest.raises(StoreUnavailable, match=remedy):
            await change()
    assert await store.purge(NOW, 10) == 0
    problem = store.problem()
    assert problem is not None, "what writes nothing says nothing of the disk"
    assert remedy in problem
    assert "\n" not in problem
    calls = faulty.calls
    for refused in (partial(accept, store, "refused"), partial(store.begin, queued, "d", NOW)):
        with pytest.raises(StoreUnavailable, match=remedy):
            await refused()
    assert faulty.calls == calls, "what would take in work does not even try the disk"
    assert [message.id for message in published] == ["begun", "queued"]

    faulty.error = None
    await probed(store, mock_clock)
    assert await settle(store, begun, Status.SENT, at=NOW + 1) is Status.SENT, "no ack was kept"
    later = await accept(store, "last", chat_id="1@c.us")
    assert later.seq == queued.seq + 2
    assert [message.id for message in await store.release_due(NOW + 60, 10)] == ["later"]
    assert await store.begin(queued, "default", NOW + 2)
    ledger = store._writer._journal.totals
    assert (ledger.accepted, ledger.number) == (4, 5)


async def test_a_settle_that_succeeds_shows_that_the_disk_is_well(
    store: SqliteStore, faulty: FaultyDisk
) -> None:
    message = await accept(store, "a")
    await store.begin(message, "default", NOW)
    faulty.error = apsw.FullError()
    with pytest.raises(StoreUnavailable):
        await settle(store, message, Status.SENT, at=NOW + 1)
    faulty.error = None
    await settle(store, message, Status.SENT, at=NOW + 1)
    assert store.problem() is None


async def test_a_change_of_the_problem_is_told_to_all_who_wait_for_it(
    store: SqliteStore, faulty: FaultyDisk, mock_clock: trio.testing.MockClock
) -> None:
    told: list[str | None] = []

    async def listen(*, task_status: trio.TaskStatus[trio.CancelScope]) -> None:
        with trio.CancelScope() as scope:
            task_status.started(scope)
            while True:
                told.append(await store.problem_changed())

    async def fail(error: apsw.Error) -> None:
        faulty.error = error
        with pytest.raises(StoreUnavailable):
            await store.remember_session("default", SessionMemory())
        await trio.testing.wait_all_tasks_blocked()

    async with trio.open_nursery() as nursery:
        leaving, staying = [await nursery.start(listen) for _ in range(2)]
        await accept(store, "a")
        await trio.testing.wait_all_tasks_blocked()
        assert told == []
        await fail(apsw.FullError())
        full = store.problem()
        assert told == [full] * 2 != [None] * 2
        await fail(apsw.FullError())
        assert len(told) == 2, "it is the same as before"
        leaving.cancel()
        await trio.testing.wait_all_tasks_blocked()
        await fail(apsw.IOError())
        assert told[2:] == [store.problem()] != [full]
        faulty.error = None
        await probed(store, mock_clock)
        await trio.testing.wait_all_tasks_blocked()
        assert told[3:] == [None]
        staying.cancel()


async def test_a_disk_that_is_nearly_full_takes_nothing_in_but_lets_settles_through(
    tmp_path: Path, published: list[Message], mock_clock: trio.testing.MockClock
) -> None:
    path = tmp_path / "store.db"
    free, now = 100_000_000, 0
    disk = Disk(path, 50_000_000, free=lambda _: free, now=lambda: now)
    async with open_store(path, published.append, disk, lock_wait=0, mode=Mode()) as store:
        begun = await accept(store, "begun")
        await store.begin(begun, "default", NOW)
        queued = await accept(store, "queued")
        free = 20_000_000
        await store.cancel("nobody", NOW)
        assert store.problem() is None, "it looks once a second"
        now = 1
        await store.cancel("nobody", NOW)
        problem = store.problem()
        assert problem is not None
        assert "only 20 MB are free" in problem
        assert "less than MIN_FREE_DISK (50 MB): free some space" in problem
        with pytest.raises(StoreUnavailable, match="only 20 MB"):
            await accept(store, "refused")
        with pytest.raises(StoreUnavailable, match="only 20 MB"):
            await store.accept_all([draft("refused too")])
        with pytest.raises(StoreUnavailable, match="only 20 MB"):
            await store.begin(queued, "default", NOW)
        await settle(store, begun, Status.SENT, at=NOW + 1)
        assert await status_of(store, "begun") is Status.SENT
        assert store.problem() is not None
        free, now = 60_000_000, 2
        await probed(store, mock_clock)
        assert await store.begin(queued, "default", NOW)
        assert (await store.ledger()).accepted == 2


@pytest.mark.parametrize("name", ["store.db", "store.db-wal", "."])
async def test_nothing_is_taken_in_for_a_file_that_was_removed_or_replaced(
    tmp_path: Path, published: list[Message], mock_clock: trio.testing.MockClock, name: str
) -> None:
    directory = tmp_path / "data"
    directory.mkdir()
    path, moved = directory / "store.db", tmp_path / "moved"
    seconds = count()
    disk = Disk(path, 0, now=lambda: next(seconds))
    async with open_store(path, published.append, disk, lock_wait=0, mode=Mode()) as store:
        begun = await accept(store, "begun")
        await store.begin(begun, "default", NOW)
        lost = directory / name
        lost.rename(moved)
        with pytest.raises(StoreUnavailable, match="was removed or replaced while it was in use"):
            await accept(store, "a")
        if name != ".":
            lost.write_bytes(moved.read_bytes())
            with pytest.raises(StoreUnavailable, match="put that file back, or restart"):
                await accept(store, "b")
        await settle(store, begun, Status.SENT, at=NOW + 1)
        moved.rename(lost)
        await probed(store, mock_clock)
        assert store.problem() is None
        await accept(store, "c")
    async with open_sqlite_store(path, published.append, min_free_disk=0, lock_wait=0) as store:
        assert await status_of(store, "begun") is Status.SENT
        assert (await store.ledger()).accepted == 2


async def test_a_shortage_is_known_from_the_start(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with open_sqlite_store(path, print, min_free_disk=2**62, lock_wait=0) as store:
        assert "MIN_FREE_DISK" in (store.problem() or "")
        with pytest.raises(StoreUnavailable):
            await store.accept(draft("a"))


async def test_a_transaction_of_another_program_is_a_condition(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with open_sqlite_store(path, lambda _: None, min_free_disk=0, lock_wait=0) as store:
        await accept(store, "a")
        intruder = apsw.Connection(str(path))
        intruder.execute("BEGIN IMMEDIATE")
        store._writer._journal.connection.set_busy_timeout(1)
        with pytest.raises(StoreUnavailable, match="another program has locked"):
            await accept(store, "b")
        intruder.execute("ROLLBACK")
        intruder.close()
        assert await store.cancel("a", NOW)
        await accept(store, "b")
