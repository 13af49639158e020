"""Images that wait for a WAHA that is away: on disk, not in memory, and through `kill -9`."""

import hashlib
import os
import random
import signal
import socket
import sys
from base64 import b64encode
from pathlib import Path

import pytest
import trio

from tests.e2e.process import running, send_all
from tests.e2e.test_serve import settings, simulated

COUNT = 300
SIZE = 1_000_000
GROWTH = 60_000_000
"""A fifth of what the images are, in bytes: some are under way at a time."""


def picture(number: int) -> bytes:
    return random.Random(number).randbytes(SIZE)


def sha256(number: int) -> str:
    return hashlib.sha256(picture(number)).hexdigest()


def recipient(number: int) -> str:
    return f"62812{number:07}"


def resident(pid: int) -> int:
    """The memory that a process holds, in bytes."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def names(directory: Path) -> list[str]:
    """The names of the files in it, any of which may go meanwhile."""
    return [path.name for path in directory.iterdir()]


def kept(directory: Path) -> list[int]:
    """The sizes of the files in it."""
    return [path.stat().st_size for path in directory.iterdir()]


def image(number: int) -> dict[str, object]:
    data = b64encode(picture(number)).decode()
    file = {"mimetype": "image/png", "filename": "a.png", "data": data}
    return {"to": recipient(number), "type": "image", "file": file}


async def emptied(directory: Path) -> None:
    while names(directory):  # noqa: ASYNC110 - it is another process that empties it
        await trio.sleep(0.1)


def closed_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process from /proc")
async def test_images_wait_on_disk_and_arrive_whole_after_a_kill(tmp_path: Path) -> None:
    directory = tmp_path / "trio-wa.db.media"
    options: dict[str, object] = {
        "journal_path": "trio-wa.db",
        "max_body_bytes": 3_000_000,
        "worker_count": 4,
        "retry_base": "10ms",
        "retry_max": "100ms",
    }
    away = settings(f"http://127.0.0.1:{closed_port()}", **options)
    async with running(tmp_path, **away) as process:
        address = await process.address()
        await send_all(address, [image(0)])  # what the first of all costs is not the queue's
        before = resident(process.pid)
        for first in range(1, COUNT, 20):
            chunk = [image(number) for number in range(first, min(first + 20, COUNT))]
            await send_all(address, chunk, clients=2)
        assert resident(process.pid) - before < GROWTH
        assert kept(directory) == [SIZE] * COUNT
        process.signal(signal.SIGKILL)
        await process.wait()
    (directory / "half.part").write_bytes(b"what a kill can leave")

    async with simulated() as (simulator, url), running(tmp_path, **settings(url, **options)) as it:
        with trio.fail_after(120):
            delivered = await simulator.wait_delivered(COUNT)
            await emptied(directory)
        it.signal()
        assert await it.wait() == 0
    received = {each.chat_id: each.file and each.file.sha256 for each in delivered}
    assert len(delivered) == COUNT
    assert received == {f"{recipient(number)}@c.us": sha256(number) for number in range(COUNT)}
