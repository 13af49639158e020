"""When the next scheduled message is due."""

from math import inf

import trio

from trio_wa.clock import Clock
from trio_wa.places import Places


class Schedule:
    """The places of the messages whose time has not come, and the time of the first.

    The messages themselves wait in the store.
    """

    def __init__(self, limit: int) -> None:
        self.places = Places(limit)
        self._next = inf
        self._sooner = trio.Event()

    def note(self, at: float | None) -> None:
        """Note that a message is due at `at`; None: there is none."""
        if at is not None and at < self._next:
            self._next = at
            self._sooner.set()
            self._sooner = trio.Event()

    def forget(self) -> None:
        """Forget what was noted: whoever is about to read the store will note it anew."""
        self._next = inf

    async def due(self, clock: Clock) -> None:
        """Wait until a message is due."""
        while clock.now() < self._next:
            with trio.CancelScope(deadline=clock.deadline(self._next)):
                await self._sooner.wait()
