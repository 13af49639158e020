"""The store on disk in processes of their own: killed, kept out, short of room or of rights."""

import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from trio_wa.adapters.sqlite import open_sqlite_store
from trio_wa.core.message import Message
from trio_wa.core.status import Status
from trio_wa.ports import StoreUnusable

ROOT = Path(__file__).parents[1]


@asynccontextmanager
async def child(command: str, path: Path, *more: str) -> AsyncIterator[trio.Process]:
    """The process, with its output and input as pipes; killed at the end if it still runs."""
    start = partial(
        trio.run_process,
        [sys.executable, "-m", "tests.store_process", command, str(path), *more],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        check=False,
    )
    async with trio.open_nursery() as nursery:
        with trio.fail_after(30):
            process: trio.Process = await nursery.start(start)
            yield process
            nursery.cancel_scope.cancel()


async def output(process: trio.Process) -> list[str]:
    """All that the process still says, line by line."""
    assert process.stdout is not None
    data = b"".join([chunk async for chunk in process.stdout])
    return data.decode().splitlines()


async def ready(process: trio.Process) -> None:
    assert process.stdout is not None
    assert await process.stdout.receive_some(6) == b"ready\n"


async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    known: list[str] = []
    for _ in range(3):
        async with child("load", path) as process:
            await ready(process)
            assert process.stdout is not None
            data = b""
            while data.count(b"\n") < 500:
                data += await process.stdout.receive_some()
            process.kill()
            lines = [data.decode(), *(f"{line}\n" for line in await output(process))]
        known += "".join(lines).splitlines()
        async with open_sqlite_store(path, lambda _: None, min_free_disk=0, lock_wait=0) as store:
            ledger = await store.ledger()
            assert ledger.balanced
            assert len(await store.open_attempts()) == ledger.counts[Status.SENDING]
            for line in known:
                message_id, *sent = line.split()
                record = await store.get(message_id)
                assert record is not None, f"{message_id} is lost"
                assert record.status is Status.SENT or not sent
    assert len(known) >= 1500


async def test_a_kill_leaves_each_batch_whole_and_each_release_done(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with child("batches", path) as process:
        await ready(process)
        assert process.stdout is not None
        data = b""
        while data.count(b"\n") < 300:
            data += await process.stdout.receive_some()
        process.kill()
        lines = [data.decode(), *(f"{line}\n" for line in await output(process))]
    said = [line.split() for line in "".join(lines).splitlines()]
    async with open_sqlite_store(path, lambda _: None, min_free_disk=0, lock_wait=0) as store:
        assert (await store.ledger()).balanced
        for name in {batch for batch, *_ in said}:
            batch = await store.batch(name)
            assert batch is not None, f"{name} is lost"
            assert batch.counts == {Status.QUEUED: 20}
        queued = [message.id for message in await store.queued("normal", 0, 100_000)]
        released = [more[0] for _, *more in said if more]
        scheduled = [each for each in queued if int(each.split("-")[-1]) % 2]
        assert scheduled[: len(released)] == released, "they are queued, in that order"
        assert len(scheduled) - len(released) <= 5, "those of the last call at most"
        places = await store.places()
        assert places["normal"] == len(queued)
        assert sum(places.values()) == (await store.ledger()).accepted


async def test_a_second_process_is_refused_or_waits(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    opened = partial(open_sqlite_store, path, print, min_free_disk=0)
    async with child("hold", path) as process:
        await ready(process)
        with pytest.raises(StoreUnusable, match=rf"in use by process {process.pid}: .*LOCK_WAIT"):
            async with opened(lock_wait=0):
                pass
        assert process.stdin is not None
        await process.stdin.aclose()
        async with opened(lock_wait=20) as store:
            assert store.problem() is None


async def test_a_second_store_in_the_process_is_refused_too(tmp_path: Path) -> None:
    opened = partial(open_sqlite_store, tmp_path / "store.db", print, min_free_disk=0)
    async with opened(lock_wait=0):
        with pytest.raises(StoreUnusable, match=f"in use by process {os.getpid()}"):
            async with opened(lock_wait=0.01):
                pass


async def test_a_full_disk_is_a_condition_that_passes(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with child("fill", path) as process:
        full, balanced = await output(process)
    assert full.startswith(f"full: {path} cannot be read or written (File too large): ")
    assert balanced == "balanced: True"


async def test_a_directory_without_rights_is_said(tmp_path: Path) -> None:
    """Root may write anywhere, so the process becomes nobody."""
    for directory in (tmp_path, *tmp_path.parents[:3]):
        with contextlib.suppress(PermissionError):
            directory.chmod(0o755)
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o555)
    async with child("hold", locked / "store.db", "nobody") as process:
        lines = await output(process)
    assert lines == [
        f"unusable: {locked}/store.db.lock cannot be written (Permission denied): make {locked}"
        " writable for this user, or set JOURNAL_PATH to another place"
    ]
    assert os.listdir(locked) == []


async def test_a_file_without_rights_is_said(tmp_path: Path) -> None:
    for directory in (tmp_path, *tmp_path.parents[:3]):
        with contextlib.suppress(PermissionError):
            directory.chmod(0o755)
    published: list[Message] = []
    path = tmp_path / "open" / "store.db"
    async with open_sqlite_store(path, published.append, min_free_disk=0, lock_wait=0):
        pass
    path.with_name("store.db.lock").unlink()
    path.parent.chmod(0o777)
    path.chmod(0o444)
    before = path.read_bytes()
    async with child("hold", path, "nobody") as process:
        [line] = await output(process)
    assert line.startswith(f"unusable: {path} cannot be opened (Permission denied): ")
    assert path.read_bytes() == before
