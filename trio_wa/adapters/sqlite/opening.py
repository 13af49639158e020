"""The way to the database file: made if there is none, and looked at before it is trusted."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import apsw

from trio_wa.adapters.sqlite.disk import describe
from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.adapters.sqlite.readers import BUSY_MILLISECONDS
from trio_wa.adapters.sqlite.schema import migrate
from trio_wa.ports import StoreUnusable

_MAGIC = b"SQLite format 3\0"

_LONGEST_SUFFIX = "-journal"
"""Of what stands beside the file: the data of files, the lock, SQLite's logs and their index."""

_SMALL = 64 * 2**20
"""Up to this size, in bytes, every page is looked at when the file is opened."""

_WAL_BYTES = 64 * 2**20
"""How large the write-ahead log may stay once a burst is over."""


@dataclass(frozen=True, slots=True)
class Mode:
    """How the file is written; tests alone need another mode than the default.

    `exclusive` keeps the WAL's index in memory, for a `vfs` that cannot share it: then nothing
    else can read.
    """

    synchronous: str = "FULL"
    vfs: str | None = None
    exclusive: bool = False


def locate(path: Path) -> Path:
    """The one name of the file `path`, so that two names of it have one lock.

    Its directory is made, for this user only, if it alone is missing. Raises `StoreUnusable`.
    """
    path = Path(os.path.realpath(path))
    directory = path.parent
    try:
        path.with_name(path.name + _LONGEST_SUFFIX).exists()
    except OSError as error:
        raise StoreUnusable(
            f"{path} cannot be reached ({error.strerror}): set JOURNAL_PATH to another place"
        ) from error
    try:
        if not directory.exists() and directory.parent.is_dir():
            directory.mkdir(mode=0o700)
    except OSError as error:
        raise StoreUnusable(
            f"the directory {directory} cannot be made ({error.strerror}): make it, or set"
            " JOURNAL_PATH to another place"
        ) from error
    if not directory.is_dir():
        raise StoreUnusable(
            f"{directory} is not a directory: make it, or set JOURNAL_PATH to another place"
        )
    if path.exists() and not path.is_file():
        raise StoreUnusable(f"{path} is not a file: set JOURNAL_PATH to the path of a file")
    return path


def open_journal(path: Path, mode: Mode) -> Journal:
    """Open the database for writing, and bring it to the newest schema.

    Raises `StoreUnusable`, and has overwritten nothing, if it is not a sound database of ours. Of
    a large file the head, the length, the schema and the totals are looked at, of one up to 64 MB
    every page: that takes a fraction of a second.
    """
    _touch(path)
    _look(path)
    connection: apsw.Connection | None = None
    try:
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOMUTEX
        connection = apsw.Connection(str(path), flags=flags, vfs=mode.vfs)
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        if mode.exclusive:
            connection.pragma("locking_mode", "EXCLUSIVE")
        if path.stat().st_size <= _SMALL:
            _check(connection)
        migrate(connection, str(path))
        _tune(connection, path, mode)
        journal = Journal(connection)
    except (apsw.Error, StoreUnusable) as error:
        errno = connection.system_errno if connection is not None else 0
        if connection is not None:
            connection.close()
        if isinstance(error, StoreUnusable):
            raise
        raise StoreUnusable(describe(error, path, errno)) from error
    return journal


def _touch(path: Path) -> None:
    """Make an empty file, readable for this user only, if there is none."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnusable(
            f"{path} cannot be opened ({error.strerror}): make it and its directory writable for"
            " this user, or set JOURNAL_PATH to another place"
        ) from error
    os.close(file)
    _restrict(path)


def _look(path: Path) -> None:
    """See that the file is empty, or has the head and the length of a database."""
    with path.open("rb") as file:
        head = file.read(32)
    if head and not head.startswith(_MAGIC):
        raise StoreUnusable(f"{path} is not a database: set JOURNAL_PATH to another file")
    wal, undo = (path.with_name(path.name + suffix) for suffix in ("-wal", "-journal"))
    logged, torn = (beside.exists() and beside.stat().st_size > 0 for beside in (wal, undo))
    if not head and logged:
        # No crash leaves that: the first log is begun once the schema is in the file, and synced.
        # SQLite would delete it.
        raise StoreUnusable(
            f"{path} is empty or was missing, and {wal} is not: put a good copy of both in their"
            f" place, or move {wal.name} away to start with an empty one"
        )
    if not head or logged or torn:
        return  # SQLite puts it right: from the log, or where its making was torn, from the journal
    page_size = int.from_bytes(head[16:18], "big")
    pages = int.from_bytes(head[28:32], "big")
    size, expected = path.stat().st_size, pages * (65536 if page_size == 1 else page_size)
    if size < expected:
        raise StoreUnusable(
            f"{path} is damaged: it has {size} of {expected} bytes; put a good copy in its place,"
            " or move it away to start with an empty one"
        )


def _check(connection: apsw.Connection) -> None:
    answer = str(connection.execute("PRAGMA quick_check(1)").get)
    if answer != "ok":
        raise apsw.CorruptError(answer.splitlines()[-1])


def _tune(connection: apsw.Connection, path: Path, mode: Mode) -> None:
    if connection.pragma("journal_mode", "WAL") != "wal":
        raise StoreUnusable(
            f"the file system of {path} cannot hold a write-ahead log: set JOURNAL_PATH to a"
            " local disk"
        )
    connection.pragma("synchronous", mode.synchronous)
    connection.pragma("secure_delete", True)
    connection.pragma("journal_size_limit", _WAL_BYTES)


def _restrict(path: Path) -> None:
    """Let this user alone read the files: they hold texts and phone numbers.

    Files that SQLite makes beside the database get its mode.
    """
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):  # missing, or on a file system without modes
            path.with_name(path.name + suffix).chmod(0o600)
