"""The connections that only read."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import apsw
import trio

from trio_wa.adapters.sqlite.disk import CONDITIONS, describe
from trio_wa.ports import StoreUnavailable

T = TypeVar("T")

READERS = 2
"""How many reads run at a time."""

BUSY_MILLISECONDS = 1000
"""How long a connection waits for another program's lock."""


class Readers:
    """Runs reads in threads, each on a connection of its own that cannot write."""

    def __init__(self, path: Path, *, vfs: str | None = None) -> None:
        self._path = path
        self._vfs = vfs
        self._limiter = trio.CapacityLimiter(READERS)
        self._idle: list[apsw.Connection] = []
        self._closed = False

    async def read(self, query: Callable[[apsw.Connection], T]) -> T:
        """What `query` finds; it has one read transaction, or several short ones.

        Raises `StoreUnavailable` if the disk does not give it. Abandoned when its caller is
        cancelled: the thread ends by itself.
        """
        return await trio.to_thread.run_sync(
            partial(self._run, query), abandon_on_cancel=True, limiter=self._limiter
        )

    def close(self) -> None:
        """Close the connections, and let those that are in use close when they come back."""
        self._closed = True
        self._close_idle()

    def _run(self, query: Callable[[apsw.Connection], T]) -> T:
        try:
            connection = self._take()
            try:
                return query(connection)
            finally:
                self._idle.append(connection)
                if self._closed:
                    self._close_idle()
        except CONDITIONS as error:
            raise StoreUnavailable(describe(error, self._path)) from error

    def _take(self) -> apsw.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def _connect(self) -> apsw.Connection:
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_NOMUTEX
        connection = apsw.Connection(str(self._path), flags=flags, vfs=self._vfs)
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        return connection

    def _close_idle(self) -> None:
        with suppress(IndexError):
            while True:
                self._idle.pop().close()
