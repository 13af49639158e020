"""The writer of a store on disk, held open and watched."""

import threading

import trio

from trio_wa.adapters.sqlite import SqliteStore
from trio_wa.adapters.sqlite.journal import Journal


class Hold:
    """Keeps a transaction open until it is released, so that what comes meanwhile gathers."""

    def __init__(self, store: SqliteStore) -> None:
        self._writer = store._writer
        self.begun = threading.Event()
        self._released = threading.Event()

    def __call__(self, journal: Journal) -> None:
        self.begun.set()
        assert self._released.wait(10)

    async def start(self, nursery: trio.Nursery) -> None:
        nursery.start_soon(self._writer.write, self)
        assert await trio.to_thread.run_sync(self.begun.wait, 10)

    def release(self) -> None:
        self._released.set()


def count_commits(store: SqliteStore) -> list[int]:
    commits: list[int] = []
    connection = store._writer._journal.connection

    def committed() -> bool:
        commits.append(1)
        return False

    connection.set_commit_hook(committed)
    return commits
