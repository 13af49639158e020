"""A heap whose entries may die while they wait in it."""

import heapq
from collections.abc import Callable
from typing import TypeAlias

Entry: TypeAlias = tuple[float, int, str]
"""What it is ordered by, a number that no other entry bears, and the id of a message."""

SLACK = 16


class LiveHeap:
    """The lowest live entry of many, at the cost of the logarithm of the live ones' number.

    The dead go when they come up, or together once they may be more than half, so that a heap
    never holds more than twice what lived at its last sweep, and `SLACK`.
    """

    __slots__ = ("_entries", "_lives", "_sweep_above")

    def __init__(self, lives: Callable[[Entry], bool]) -> None:
        self._lives = lives
        self._entries: list[Entry] = []
        self._sweep_above = SLACK

    def __len__(self) -> int:
        """How many entries it holds, dead ones among them."""
        return len(self._entries)

    def living(self) -> list[Entry]:
        """The live entries, in no order."""
        return [entry for entry in self._entries if self._lives(entry)]

    def push(self, entry: Entry) -> None:
        """Put in an entry."""
        heapq.heappush(self._entries, entry)
        if len(self._entries) > self._sweep_above:
            self._entries = self.living()
            heapq.heapify(self._entries)
            self._sweep_above = 2 * len(self._entries) + SLACK

    def peek(self) -> Entry | None:
        """The lowest live entry; None if there is none."""
        while self._entries:
            if self._lives(self._entries[0]):
                return self._entries[0]
            heapq.heappop(self._entries)
        return None

    def pop_until(self, rank: float) -> Entry | None:
        """Take out the lowest live entry if its rank is `rank` or lower."""
        entry = self.peek()
        if entry is None or entry[0] > rank:
            return None
        return heapq.heappop(self._entries)
