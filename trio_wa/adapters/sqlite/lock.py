"""The lock that keeps a second process away from the database."""

import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
import trio

from trio_wa.ports import StoreUnusable

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.05


@asynccontextmanager
async def locked(path: Path, *, wait: float) -> AsyncIterator[None]:
    """Hold the lock of the database `path`, the file `<path>.lock`, waiting `wait` seconds for it.

    The system frees it when the process ends, however it ends. The file stays: removing it could
    give two processes a lock each. Raises `StoreUnusable` if another process keeps it.
    """
    lock = path.with_name(f"{path.name}.lock")
    try:
        file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnusable(
            f"{lock} cannot be written ({error.strerror}): make {path.parent} writable for this"
            " user, or set JOURNAL_PATH to another place"
        ) from error
    try:
        if wait and not _try_lock(file):
            log.info("store.locked", path=str(path), holder=_holder(file), wait=wait)
        with trio.move_on_after(wait):
            while not _try_lock(file):  # noqa: ASYNC110 - flock knows no time-out and no event
                await trio.sleep(POLL_SECONDS)
        if not _try_lock(file):
            raise StoreUnusable(
                f"{path} is in use by {_holder(file)}: end that one first, or wait for it with"
                " LOCK_WAIT"
            )
        with contextlib.suppress(OSError):  # on a full disk the line below lacks the pid, no more
            os.fchmod(file, 0o600)
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(file)


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(file: int) -> str:
    text = os.pread(file, 32, 0).strip()
    return f"process {int(text)}" if text.isdigit() else "another process"
