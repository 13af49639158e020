"""What becomes of settles for which nobody waits, while the disk fails and at the end."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import apsw
import pytest
import trio
import trio.testing

from tests.contract.messages import NOW, accept, begun, status_of
from tests.faulty_vfs import FaultyDisk
from tests.sqlite_hold import Hold
from trio_wa.adapters.sqlite import SqliteStore, open_sqlite_store
from trio_wa.adapters.sqlite.disk import Disk
from trio_wa.adapters.sqlite.gathering import MAX_ACCEPTS
from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.adapters.sqlite.store import open_store
from trio_wa.adapters.sqlite.writer import PROBE_SECONDS
from trio_wa.core.message import Message
from trio_wa.core.outcome import Sent
from trio_wa.core.retry import Final
from trio_wa.core.status import Status
from trio_wa.ports import Attempt, StoreUnavailable

ATTEMPT = Attempt("default", NOW + 1, NOW + 2, Sent("3EB0"))
SENT = Final(Status.SENT, waha_id="3EB0")


@pytest.fixture
def faulty(tmp_path: Path) -> FaultyDisk:
    return FaultyDisk(tmp_path / "store.db")


@asynccontextmanager
async def opened(path: Path, faulty: FaultyDisk) -> AsyncIterator[SqliteStore]:
    async with open_store(
        path, lambda _: None, Disk(path, 0), lock_wait=0, mode=faulty.mode
    ) as store:
        yield store


async def failed(store: SqliteStore) -> None:
    """Let the disk be found to fail."""
    with pytest.raises(StoreUnavailable):
        await store._writer.write(Journal.probe)


async def healed(store: SqliteStore, clock: trio.testing.MockClock) -> None:
    limit = time.monotonic() + 10
    while store.problem() is not None:
        assert time.monotonic() < limit
        await trio.testing.wait_all_tasks_blocked()
        clock.jump(PROBE_SECONDS)


async def test_a_settle_is_kept_while_the_disk_fails(
    tmp_path: Path, faulty: FaultyDisk, mock_clock: trio.testing.MockClock
) -> None:
    told: list[Status] = []
    async with opened(tmp_path / "store.db", faulty) as store:
        first, second = await begun(store, "a"), await begun(store, "b")
        faulty.error = apsw.FullError()
        store.settle_soon(first, ATTEMPT, SENT, told.append)
        await failed(store)
        store.settle_soon(second, ATTEMPT, SENT, told.append)
        await failed(store)
        calls = faulty.calls
        await trio.testing.wait_all_tasks_blocked()
        assert faulty.calls == calls, "it is not tried again and again"
        mock_clock.jump(PROBE_SECONDS)
        await failed(store)
        assert faulty.calls > calls
        assert told == []
        faulty.error = None
        await healed(store, mock_clock)
        assert told == [Status.SENT] * 2
        assert await store.cancel("nobody", NOW) is None
        assert len(told) == 2, "once"


async def test_a_kept_settle_is_recorded_with_the_next_batch_before_a_begin(
    tmp_path: Path, faulty: FaultyDisk
) -> None:
    told: list[Status] = []
    begins: list[int] = []
    async with opened(tmp_path / "store.db", faulty) as store:
        sending, queued = await begun(store, "a"), await accept(store, "b")

        async def begin() -> None:
            assert await store.begin(queued, "default", NOW + 3)
            begins.append(len(told))

        async with trio.open_nursery() as nursery:
            hold = Hold(store)
            await hold.start(nursery)
            store.settle_soon(sending, ATTEMPT, SENT, told.append)
            nursery.start_soon(begin)
            await trio.testing.wait_all_tasks_blocked()
            hold.release()
        assert begins == [1]
        faulty.error = apsw.IOError()
        store.settle_soon(queued, ATTEMPT, SENT, told.append)
        await failed(store)
        faulty.error = None
        third = await _accept_once_well(store)
        assert told == [Status.SENT] * 2, "it went ahead of what came later"
        assert await store.begin(third, "default", NOW + 4)


async def _accept_once_well(store: SqliteStore) -> Message:
    await store._writer.write(Journal.probe)
    return await accept(store, "c")


async def test_more_than_a_batch_is_kept_and_does_not_spin(
    tmp_path: Path, faulty: FaultyDisk, mock_clock: trio.testing.MockClock
) -> None:
    told: list[Status] = []
    async with opened(tmp_path / "store.db", faulty) as store:
        message = await begun(store, "a")
        faulty.error = apsw.FullError()
        for _ in range(2 * MAX_ACCEPTS + 1):
            store.settle_soon(message, ATTEMPT, SENT, told.append)
        await failed(store)
        calls = faulty.calls
        await trio.testing.wait_all_tasks_blocked()
        assert faulty.calls == calls
        faulty.error = None
        await healed(store, mock_clock)
        assert told == [Status.SENT] * (2 * MAX_ACCEPTS + 1)


@pytest.mark.parametrize("fails", [False, True])
async def test_what_is_pending_at_the_end_is_tried_once_more(
    tmp_path: Path, faulty: FaultyDisk, *, fails: bool
) -> None:
    told: list[Status] = []
    path = tmp_path / "store.db"
    async with opened(path, faulty) as store:
        kept, fresh = await begun(store, "a"), await begun(store, "b")
        faulty.error = apsw.FullError()
        store.settle_soon(kept, ATTEMPT, SENT, told.append)
        await failed(store)
        if not fails:
            faulty.error = None
        store.settle_soon(fresh, ATTEMPT, SENT, told.append)
        await store._writer.finish()
        faulty.error = None
    after = Status.SENDING if fails else Status.SENT
    assert told == ([] if fails else [Status.SENT] * 2)
    store.settle_soon(kept, ATTEMPT, SENT, told.append)
    assert len(told) == (0 if fails else 2), "it is closed"
    async with open_sqlite_store(path, print, min_free_disk=0, lock_wait=0) as again:
        assert [await status_of(again, each) for each in "ab"] == [after] * 2


async def test_what_was_handed_over_behind_begins_that_were_cancelled_is_durable_at_the_end(
    tmp_path: Path,
) -> None:
    path = tmp_path / "store.db"
    told: list[Status] = []
    async with trio.open_nursery() as nursery:
        async with open_sqlite_store(path, print, min_free_disk=0, lock_wait=0) as store:
            message = await begun(store, "a")
            waiting = [await accept(store, f"w{n}") for n in range(50)]
            hold = Hold(store)
            await hold.start(nursery)
            async with trio.open_nursery() as workers:
                for each in waiting:
                    workers.start_soon(store.begin, each, "default", NOW)
                await trio.testing.wait_all_tasks_blocked()
                workers.cancel_scope.cancel()
            store.settle_soon(message, ATTEMPT, SENT, told.append)
            nursery.start_soon(_release_at_the_end, hold)
        assert told == [Status.SENT]
    async with open_sqlite_store(path, print, min_free_disk=0, lock_wait=0) as again:
        assert await status_of(again, "a") is Status.SENT
        assert await status_of(again, "w49") is Status.QUEUED


async def _release_at_the_end(hold: Hold) -> None:
    await trio.testing.wait_all_tasks_blocked()
    hold.release()


async def test_a_hanging_disk_at_the_end_leaves_it_as_it_was(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    told: list[Status] = []
    async with trio.open_nursery() as nursery:
        async with open_sqlite_store(
            tmp_path / "store.db", lambda _: None, min_free_disk=0, lock_wait=0
        ) as store:
            message = await begun(store, "a")
            hold = Hold(store)
            nursery.start_soon(partial(_refused, store, hold))
            assert await trio.to_thread.run_sync(hold.begun.wait, 10)
            store.settle_soon(message, ATTEMPT, SENT, told.append)
        assert store._writer.abandoned
        assert told == []
        hold.release()


async def _refused(store: SqliteStore, hold: Hold) -> None:
    with pytest.raises(StoreUnavailable):
        await store._writer.write(hold)


async def test_an_unforeseen_error_of_a_settle_ends_the_scope_and_frees_who_waits(
    tmp_path: Path,
) -> None:
    told: list[str] = []

    def then(status: Status) -> None:
        raise LookupError(status)

    with pytest.RaisesGroup(LookupError):
        async with open_sqlite_store(
            tmp_path / "store.db", lambda _: None, min_free_disk=0, lock_wait=0
        ) as store:
            message = await begun(store, "a")
            store.settle_soon(message, ATTEMPT, SENT, then)
            with trio.CancelScope(shield=True):
                told.append((await accept(store, "b")).id)
            await trio.sleep_forever()
    assert told == ["b"]
