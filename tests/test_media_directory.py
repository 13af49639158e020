"""What stays on disk of the data of files, whatever the disk does and whoever is killed."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from tests.desk import settings_of
from tests.test_media_stores import PICTURE, TWO, threads_ended
from trio_wa.adapters.media_directory import MediaDirectory
from trio_wa.ports import StoreUnavailable
from trio_wa.service import open_media

KILLED = """
import os, signal, sys
from pathlib import Path
import trio
from trio_wa.adapters.media_directory import MediaDirectory

left = int(sys.argv[2])

def sync(handle):
    global left
    os.fsync(handle)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

media = MediaDirectory(Path(sys.argv[1]), sync=sync)
trio.run(media.put, {"a": b"1" * 100_000, "b": b"2" * 100_000})
"""
"""Puts two files, and is killed right after one of the syncs: of the parent, the files, and the
directory."""


class Gate:
    """A sync that works `times` times, and then hangs until it is opened."""

    def __init__(self, times: int) -> None:
        self._left = times
        self.reached = trio.Event()
        self._token = trio.lowlevel.current_trio_token()
        self._open = threading.Event()

    def open(self) -> None:
        self._open.set()

    def __call__(self, handle: int) -> None:
        self._left -= 1
        if self._left < 0:
            self._token.run_sync_soon(self.reached.set)
            self._open.wait()
        os.fsync(handle)


class Failing:
    """A sync that works `times` times, and then fails with `number` until it is mended."""

    def __init__(self, times: int, number: int = errno.ENOSPC) -> None:
        self._left = times
        self._number = number

    def mend(self) -> None:
        self._left = 1_000

    def __call__(self, handle: int) -> None:
        self._left -= 1
        if self._left < 0:
            raise OSError(self._number, os.strerror(self._number))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "trio-wa.db.media"


def files(directory: Path) -> dict[str, bytes]:
    """What is on disk, by name."""
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def open_to_others(directory: Path) -> None:
    directory.chmod(0o755)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def test_the_files_are_this_users_alone_whatever_its_umask(directory: Path) -> None:
    before = os.umask(0)
    try:
        await MediaDirectory(directory).put({"a": PICTURE})
    finally:
        os.umask(before)
    assert (mode(directory), mode(directory / "a")) == (0o700, 0o600)


async def test_what_an_earlier_start_left_is_found_but_for_what_is_half_written(
    directory: Path,
) -> None:
    await MediaDirectory(directory).put({"old": PICTURE})
    (directory / "half.part").write_bytes(PICTURE[:9])
    (directory / "not.ours").write_bytes(b"a note")
    media = MediaDirectory(directory)
    assert await media.kept() == ["old"]
    assert files(directory) == {"old": PICTURE, "not.ours": b"a note"}
    assert await media.read("old") == PICTURE


async def test_a_directory_that_was_open_to_others_is_closed_to_them(
    directory: Path,
) -> None:
    await MediaDirectory(directory).put({"old": PICTURE})
    open_to_others(directory)
    await MediaDirectory(directory).put({"a": PICTURE})
    assert mode(directory) == 0o700


@pytest.mark.parametrize("name", ["../secret", "secret/..", ".", "", "a.part", "a" * 65, "ä"])
async def test_a_name_that_is_no_id_leads_nowhere(directory: Path, name: str) -> None:
    media = MediaDirectory(directory)
    await media.put({"a": PICTURE})
    secret = directory.parent / "secret"
    secret.write_bytes(b"secret")
    with pytest.raises(ValueError, match="not the id of a message"):
        await media.put({"b": PICTURE, name: b"overwritten"})
    assert await media.read(name) is None
    await media.remove([name])
    assert secret.read_bytes() == b"secret"
    assert files(directory) == {"a": PICTURE}


async def test_a_link_is_not_followed(directory: Path, tmp_path: Path) -> None:
    media = MediaDirectory(directory)
    await media.put({"a": PICTURE})
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    (directory / "b").symlink_to(secret)
    (directory / "c.part").symlink_to(secret)
    with pytest.raises(StoreUnavailable):
        await media.read("b")
    with pytest.raises(StoreUnavailable):
        await media.put({"c": b"overwritten"})
    assert secret.read_bytes() == b"secret"
    assert await media.kept() == ["a"]


async def test_a_directory_that_was_taken_away_is_made_anew(directory: Path) -> None:
    media = MediaDirectory(directory)
    await media.put({"a": PICTURE})
    shutil.rmtree(directory)
    assert await media.read("a") is None
    await media.put({"b": PICTURE})
    assert await media.read("b") == PICTURE


@pytest.mark.parametrize(
    ("killed_at", "kept"), [(1, set()), (2, set()), (3, set()), (4, {"a", "b"})]
)
async def test_a_kill_between_write_and_rename_leaves_nothing_half(
    directory: Path, killed_at: int, kept: set[str]
) -> None:
    command = [sys.executable, "-c", KILLED, str(directory), str(killed_at)]
    ended = await trio.to_thread.run_sync(lambda: subprocess.run(command, check=False))
    assert ended.returncode == -signal.SIGKILL
    media = MediaDirectory(directory)
    assert set(await media.kept()) == kept
    written = {"a": b"1" * 100_000, "b": b"2" * 100_000}
    assert files(directory) == {message_id: written[message_id] for message_id in kept}


# A disk that is full, fails, or hangs


@pytest.mark.parametrize("synced", range(4))
async def test_a_put_to_a_full_disk_leaves_nothing_behind(directory: Path, synced: int) -> None:
    sync = Failing(synced)
    media = MediaDirectory(directory, sync=sync)
    with pytest.raises(StoreUnavailable, match=r"^the disk .* is full .*: free some space$"):
        await media.put(TWO)
    assert files(directory) == {}
    sync.mend()
    await media.put(TWO)
    assert await media.read("a") == PICTURE


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EDQUOT, "free some space"),
        (errno.EACCES, "make it and its directory writable"),
        (errno.EROFS, "make it and its directory writable"),
        (errno.EIO, "look after the disk"),
    ],
)
async def test_what_is_wrong_with_the_disk_is_one_line_with_the_remedy(
    directory: Path, number: int, remedy: str
) -> None:
    media = MediaDirectory(directory, sync=Failing(1, number))
    with pytest.raises(StoreUnavailable) as raised:
        await media.put(TWO)
    line = str(raised.value)
    assert str(directory) in line
    assert line.endswith(remedy)
    assert "\n" not in line


async def test_a_file_where_the_directory_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "media").write_bytes(b"a file")
    media = MediaDirectory(tmp_path / "media")
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: media.put(TWO),
        lambda: media.read("a"),
        lambda: media.remove(["a"]),
        media.kept,
    ]
    for call in calls:
        with pytest.raises(StoreUnavailable, match="is not a directory: move away what is there"):
            await call()
    assert files(tmp_path) == {"media": b"a file"}


async def test_without_the_directory_above_nothing_is_kept(directory: Path) -> None:
    media = MediaDirectory(directory / "missing" / "media")
    with pytest.raises(StoreUnavailable, match="see that the directory above it is there"):
        await media.put(TWO)


@pytest.mark.parametrize("synced", range(4))
async def test_a_put_that_is_cancelled_while_the_disk_hangs_removes_what_it_wrote(
    directory: Path, synced: int
) -> None:
    gate = Gate(synced)
    media = MediaDirectory(directory, sync=gate)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(media.put, TWO)
        await gate.reached.wait()
        nursery.cancel_scope.cancel()
    gate.open()
    await threads_ended(media)
    assert files(directory) == {}


async def test_looking_at_what_is_kept_spares_what_is_being_written(directory: Path) -> None:
    await MediaDirectory(directory).put({"old": PICTURE})
    gate = Gate(1)
    media = MediaDirectory(directory, sync=gate)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(media.put, {"a": PICTURE})
        await gate.reached.wait()
        assert (directory / "a.part").exists()
        assert await media.kept() == ["old"]
        gate.open()
    assert await media.read("a") == PICTURE


async def test_the_database_has_one_directory_by_whatever_name_it_is_opened(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to("trio-wa.db")
    by_link = open_media(settings_of(journal_path=str(tmp_path / "link.db")))
    await by_link.put(TWO)
    by_name = open_media(settings_of(journal_path=str(tmp_path / "trio-wa.db")))
    assert await by_name.read("a") == PICTURE
