"""The writer of a store on disk, held open and watched."""

import threading

import trio

from tests.contract.messages import NOW, begun
from trio_wa.adapters.sqlite import SqliteStore
from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.core.outcome import Sent
from trio_wa.core.retry import Final
from trio_wa.core.status import Status
from trio_wa.ports import Attempt


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


async def let_attempts_be_quick(store: SqliteStore) -> None:
    """Send a message in a millisecond: the writer then gathers all that it can."""
    message = await begun(store, "quick")
    attempt = Attempt("default", NOW, NOW + 0.001, Sent("3EB0"))
    await store.settle(message, attempt, Final(Status.SENT, waha_id="3EB0"))


def count_commits(store: SqliteStore) -> list[int]:
    commits: list[int] = []
    connection = store._writer._journal.connection

    def committed() -> bool:
        commits.append(1)
        return False

    connection.set_commit_hook(committed)
    return commits
