"""What can be wrong with the disk that holds the database, in one line with the remedy."""

import os
import time
from collections.abc import Callable
from math import inf
from pathlib import Path

import apsw

CONDITIONS = (
    apsw.FullError,
    apsw.IOError,
    apsw.ReadOnlyError,
    apsw.CantOpenError,
    apsw.PermissionsError,
    apsw.BusyError,
    apsw.LockedError,
    apsw.NoLFSError,
    apsw.NoMemError,
)
"""The errors that may pass by themselves or by an operator's hand, and lose nothing."""

DAMAGE = (apsw.CorruptError, apsw.NotADBError)
"""The errors after which nothing that the file says can be relied on: they end the process."""

CHECK_SECONDS = 1.0
"""How old what is known of the files and of the free space may be."""


def describe(error: apsw.Error, path: Path, errno: int = 0) -> str:
    """Why the database cannot be used, and what would help. `errno` is the system's, 0: none."""
    reason = f" ({os.strerror(errno)})" if errno else ""
    match error:
        case apsw.FullError():
            return f"the disk that holds {path} is full{reason}: free some space"
        case apsw.BusyError() | apsw.LockedError():
            return f"another program has locked {path}: end its transaction"
        case apsw.ReadOnlyError() | apsw.PermissionsError():
            return f"{path} cannot be written{reason}: make it and its directory writable"
        case apsw.CantOpenError():
            return f"{path} cannot be opened{reason}: see that it and its directory are writable"
        case apsw.CorruptError() | apsw.NotADBError():
            return (
                f"{path} is damaged or not a database ({error}): put a good copy in its place,"
                " or move it away to start with an empty one"
            )
        case _:
            return f"{path} cannot be read or written{reason}: look after the disk ({error})"


def free_bytes(path: Path) -> int:
    """How much may still be written to the disk that holds `path`."""
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


class Disk:
    """Watches the files of the database and the space that is free, at most once a second."""

    def __init__(
        self,
        path: Path,
        min_free: int,
        *,
        free: Callable[[Path], int] = free_bytes,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._min_free = min_free
        self._free = free
        self._now = now
        self._checked_at = -inf
        self._problem: str | None = None
        self._opened: dict[str, tuple[int, int]] = {}

    def opened(self) -> str | None:
        """Remember the files, which were just opened, and say what `problem` says."""
        found = ((name, _identity(name)) for name in (str(self._path), f"{self._path}-wal"))
        self._opened = {name: identity for name, identity in found if identity is not None}
        return self.problem()

    def problem(self) -> str | None:
        """Why no more messages should be taken in; None if all is well. May block."""
        now = self._now()
        if now - self._checked_at >= CHECK_SECONDS:
            self._checked_at = now
            self._problem = self._lost() or self._check()
        return self._problem

    def _lost(self) -> str | None:
        # What is written to a file that has no name any more ends with the process.
        for name, identity in self._opened.items():
            if _identity(name) != identity:
                return (
                    f"{name} was removed or replaced while it was in use: put that file back, or"
                    " restart to go on with what is in its place"
                )
        return None

    def _check(self) -> str | None:
        directory = self._path.parent
        try:
            free = self._free(directory)
        except OSError as error:
            return f"{directory} cannot be read ({error.strerror}): see that it is there"
        if free >= self._min_free:
            return None
        return (
            f"only {free / 1e6:.0f} MB are free on the disk that holds {self._path}, less than"
            f" MIN_FREE_DISK ({self._min_free / 1e6:.0f} MB): free some space"
        )


def _identity(name: str) -> tuple[int, int] | None:
    """What tells a file from every other one, also from a later one of its name."""
    try:
        status = os.stat(name)
    except OSError:
        return None
    return status.st_dev, status.st_ino
