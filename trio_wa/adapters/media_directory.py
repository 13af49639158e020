"""The data of files, each in a file of its own, in a directory beside the database."""

import errno
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import trio

from trio_wa.ports import StoreUnavailable

T = TypeVar("T")

THREADS = 8
"""How many files are written or read at a time: a disk syncs several for the price of one."""

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What a message's id is made of, and therefore no path."""

_PART: Final = ".part"
"""Ends the name of a file that is being written: no id has a dot."""

_OPEN = os.O_CLOEXEC | os.O_NOFOLLOW


class MediaDirectory:
    """Keeps data in `path`, for this user alone; the directory is made when first needed.

    A call that is cancelled leaves its thread behind, as the disk may hang; a `put` then removes
    what it has written, or is whole already. `sync` is the system's: tests alone need another.
    """

    def __init__(self, path: Path, *, sync: Callable[[int], None] = os.fsync) -> None:
        self._path = path
        self._sync = sync
        self._limiter = trio.CapacityLimiter(THREADS)
        self._made = False
        self._writing: set[str] = set()

    async def put(self, data: Mapping[str, bytes]) -> None:
        """Keep the data of new messages, all or none; on disk on return."""
        if wrong := [message_id for message_id in data if not _ID.fullmatch(message_id)]:
            raise ValueError(f"not the id of a message: {wrong[0]!r}")
        unwanted = threading.Event()
        try:
            await self._run(partial(self._put, data, unwanted))
        except trio.Cancelled:
            unwanted.set()
            raise

    async def read(self, message_id: str) -> bytes | None:
        """The data of a message; None if they are gone."""
        return await self._run(partial(self._read, message_id))

    async def remove(self, message_ids: Sequence[str]) -> None:
        """Remove data; what is gone already does not matter.

        Not synced: what a power cut brings back is data of no message, which the next start finds.
        """
        await self._run(partial(self._remove, message_ids))

    async def kept(self) -> Sequence[str]:
        """The ids of the messages whose data are kept; what a crash left half written goes."""
        return await self._run(self._kept)

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await trio.to_thread.run_sync(
                work, abandon_on_cancel=True, limiter=self._limiter
            )
        except OSError as error:
            raise StoreUnavailable(_describe(error, self._path)) from error

    def _put(self, data: Mapping[str, bytes], unwanted: threading.Event) -> None:
        self._make()
        with self._directory() as directory:
            self._writing.update(data)
            whole = False
            try:
                for message_id, content in data.items():
                    if unwanted.is_set():
                        return
                    self._write(directory, message_id + _PART, content)
                for message_id in data:
                    part = message_id + _PART
                    os.rename(part, message_id, src_dir_fd=directory, dst_dir_fd=directory)
                self._sync(directory)
                whole = not unwanted.is_set()
            finally:
                if not whole:
                    for message_id in data:
                        _unlink(directory, message_id + _PART)
                        _unlink(directory, message_id)
                self._writing.difference_update(data)

    def _write(self, directory: int, name: str, content: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _OPEN
        with os.fdopen(os.open(name, flags, 0o600, dir_fd=directory), "wb") as file:
            file.write(content)
            file.flush()
            self._sync(file.fileno())

    def _read(self, message_id: str) -> bytes | None:
        if not _ID.fullmatch(message_id):
            return None
        with suppress(FileNotFoundError), self._directory() as directory:
            handle = os.open(message_id, os.O_RDONLY | _OPEN, dir_fd=directory)
            with os.fdopen(handle, "rb") as file:
                return file.read()
        return None

    def _remove(self, message_ids: Sequence[str]) -> None:
        with suppress(FileNotFoundError), self._directory() as directory:
            for message_id in filter(_ID.fullmatch, message_ids):
                with suppress(FileNotFoundError):
                    os.unlink(message_id, dir_fd=directory)

    def _kept(self) -> Sequence[str]:
        kept = []
        with suppress(FileNotFoundError), self._directory() as directory:
            with os.scandir(directory) as entries:
                names = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
            for name in names:
                if _ID.fullmatch(name):
                    kept.append(name)
                elif name.endswith(_PART) and name.removesuffix(_PART) not in self._writing:
                    _unlink(directory, name)
        return kept

    @contextmanager
    def _directory(self) -> Iterator[int]:
        directory = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield directory
        finally:
            os.close(directory)

    def _make(self) -> None:
        """Make the directory if it is missing, and see once that its name is on disk."""
        try:
            self._path.mkdir(mode=0o700)
        except FileExistsError:
            if self._made:
                return
            with suppress(OSError):  # on a file system without modes
                self._path.chmod(0o700)
        parent = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._sync(parent)
        finally:
            os.close(parent)
        self._made = True


def _unlink(directory: int, name: str) -> None:
    """Remove a file as well as the disk allows: the next start tries again."""
    with suppress(OSError):
        os.unlink(name, dir_fd=directory)


def _describe(error: OSError, path: Path) -> str:
    """Why data cannot be kept, and what would help, in one line."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"the disk that holds {path} is full ({reason}): free some space"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"{path} cannot be used ({reason}): make it and its directory writable"
        case errno.ENOTDIR:
            return f"{path} is not a directory: move away what is there"
        case errno.ENOENT:
            return f"{path} cannot be made ({reason}): see that the directory above it is there"
        case _:
            return f"{path} cannot be read or written ({reason}): look after the disk"
