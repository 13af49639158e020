"""What is to happen later, in one task."""

import heapq
import itertools
import math
from collections.abc import Callable

import trio


class Agenda:
    """Calls functions at their time while `run` runs; those of the same time in order.

    The functions are synchronous, so that one task suffices for any number of them.
    """

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._woken = trio.Event()

    def call_later(self, delay: float, function: Callable[[], None]) -> None:
        """Call `function` in `delay` seconds of Trio's clock."""
        entry = (trio.current_time() + delay, next(self._order), function)
        heapq.heappush(self._due, entry)
        if self._due[0] is entry:
            self._woken.set()

    async def run(self) -> None:
        """Keep the agenda until cancelled."""
        while True:
            while self._due and self._due[0][0] <= trio.current_time():
                heapq.heappop(self._due)[2]()
            self._woken = trio.Event()
            with trio.move_on_at(self._due[0][0] if self._due else math.inf):
                await self._woken.wait()
