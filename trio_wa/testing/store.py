"""The store of the service under test: it outlives the service, and a crash fences it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.config import Settings
from trio_wa.core.message import Message
from trio_wa.ports import Publish, Store

_READS = frozenset(
    {
        "problem",
        "open_attempts",
        "queued",
        "get",
        "find",
        "ledger",
        "unconfirmed",
        "session_memories",
        "activity",
        "contact",
        "histories",
        "next_due",
        "places",
        "replayed",
        "batch",
        "suppression",
        "suppressions",
        "spent_data",
        "holding_data",
        "problem_changed",
    }
)


class Fenced(BaseException):
    """A crashed service wrote to its store; nothing was written.

    No `Exception`, because nothing in the service may live on after it.
    """


class Fence:
    """A store that can be fenced; `written` is told after each write, refused ones apart."""

    def __init__(self, store: Store, written: Callable[[], None]) -> None:
        self._store = store
        self._written = written
        self._up = False

    def put_up(self) -> None:
        """From now on refuse every write with `Fenced`."""
        self._up = True

    def settle_soon(self, *args: Any) -> None:
        """Settle, unless it is fenced: the one write that nobody awaits."""
        if self._up:
            raise Fenced
        self._store.settle_soon(*args)
        self._written()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name in _READS:
            return method

        async def write(*args: Any, **kwargs: Any) -> Any:
            return await self._write(method, *args, **kwargs)

        return write

    async def _write(self, method: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        if self._up:
            raise Fenced
        try:
            return await method(*args, **kwargs)
        finally:
            self._written()


class KeptStore:
    """A store in memory that a service finds again after a restart, as it would one on disk."""

    def __init__(self) -> None:
        self._publish: Publish | None = None
        self._store = MemoryStore(self._pass_on)

    @asynccontextmanager
    async def open(self, _settings: Settings, publish: Publish) -> AsyncIterator[Store]:
        """The store, for one life of a service; `publish` is told what is queued meanwhile."""
        self._publish = publish
        try:
            yield self._store
        finally:
            self._publish = None

    def _pass_on(self, message: Message) -> None:
        if self._publish is not None:
            self._publish(message)
