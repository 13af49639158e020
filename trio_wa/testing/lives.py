"""A server that can go down and come back, owned by one task all the while."""

from collections.abc import Awaitable, Callable

import trio

Live = Callable[[trio.TaskStatus[None]], Awaitable[None]]
"""One life of a server: it reports once it serves, and returns, or is cancelled, at its end."""


class Lives:
    """Lives one life after another, the next when it is asked for."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._scope = trio.CancelScope()
        self._wanted = trio.Event()
        self._begun = trio.Event()
        self._over = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Live until cancelled; reports once the first life serves. An error in a life ends it."""
        while True:
            with self._scope:
                try:
                    async with trio.open_nursery() as nursery:
                        await nursery.start(self._start)
                        self._begun.set()
                        task_status.started()
                finally:
                    self._over.set()
                    self._begun.set()  # whoever waits for the begin learns of the end
            await self._wanted.wait()
            task_status = trio.TASK_STATUS_IGNORED

    @property
    def alive(self) -> bool:
        """Whether it serves."""
        return self._begun.is_set() and not self._over.is_set()

    async def begin(self) -> None:
        """Begin the next life, and return once it serves; nothing happens if one does.

        Raises `RuntimeError` if it ended while it began.
        """
        if self.alive:
            return
        await self._over.wait()
        wanted = self._wanted
        self._scope = trio.CancelScope()
        self._wanted, self._begun, self._over = trio.Event(), trio.Event(), trio.Event()
        wanted.set()
        await self._begun.wait()
        if not self.alive:
            raise RuntimeError("it ended while it began")

    async def end(self) -> None:
        """Cancel the present life, and return once nothing of it is left."""
        self._scope.cancel()
        await self._over.wait()

    async def over(self) -> None:
        """Return once the present life has ended."""
        await self._over.wait()

    async def _start(self, *, task_status: trio.TaskStatus[None]) -> None:
        await self._live(task_status)
