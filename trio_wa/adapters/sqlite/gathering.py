"""What was handed over to the writer, and how much of it the next transaction takes."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any, TypeAlias

import trio

from trio_wa.adapters.sqlite.group import Accept, Settle
from trio_wa.adapters.sqlite.journal import Change, Done

Then: TypeAlias = Callable[[Any], None]
"""Who is given the result of a change for which nobody waits."""

MAX_ACCEPTS = 1000
"""How many messages one transaction accepts at most, but for one change that accepts more."""

MAX_OTHERS = 250
"""How many of the other changes it has at most, but for those that were kept.

So an accept does not wait for what a thousand workers hand over at once.
"""

PART_ACCEPTS = 200
"""How many messages a transaction accepts where attempts are slow: the first of many batches does
not wait for all of them."""

PART_OTHERS = 4
"""How many other changes it has where attempts are slow.

Fifty workers that were woken together would else begin together, wait for WAHA together and come
back together: for the last of them that is a twentieth of its time, where WAHA takes 50 ms. In
small parts they drift apart.
"""

BEHIND_SECONDS = 0.03
"""After so long in which each part left others behind, parts may have twice as many."""

PART_BESIDE = 16
"""How many others a part has at most while messages are accepted: beside workers that make the
interpreter busy each costs a tenth of a millisecond, and an accept waits for two parts."""

BESIDE_SECONDS = 0.1
"""How long after an accept the next one is expected."""

OVERLOAD_SECONDS = 1.0
"""After so long behind it is no burst: the disk is slow, or the load high, and parts have to be as
large as they grow, beside accepts too."""

RELIEF_SECONDS = 10.0
"""How long they are that large then. One that takes in all workers leaves nothing behind, and so
does not tell that all is well."""

PAUSE_SECONDS = 0.01
"""After so long without anything to do, parts are small again."""


@dataclass(slots=True, eq=False)
class Operation:
    """One change, and who waits for it: a task, or somebody who is told; or nobody any more."""

    change: Change
    task: trio.lowlevel.Task | None
    takes_in: bool
    size: int
    then: Then | None = None
    started: bool = False
    abandoned: bool = False
    done: Done | None = None


class Gathering:
    """Accepts, which go first, and all other changes, in the order in which they came.

    What was kept because the disk failed is a part of every transaction until it succeeds.
    """

    def __init__(self) -> None:
        self._accepts: list[Operation] = []
        self._others: list[Operation] = []
        self._kept: list[Operation] = []
        self._slow = True
        self._part = PART_OTHERS
        self._behind_since = inf
        self._grown_at = -inf
        self._relief_until = -inf
        self._seen = 0
        self._taken = False
        self._done_at = trio.current_time()
        self._accepted_at = -inf

    def __len__(self) -> int:
        """How many wait, but for those that were kept."""
        return len(self._accepts) + len(self._others)

    def add(self, operation: Operation) -> None:
        """Put it behind those of its kind."""
        if not self and not self._taken and trio.current_time() > self._done_at + PAUSE_SECONDS:
            self._part = PART_OTHERS
        if isinstance(operation.change, Settle):
            self._slow = operation.change.attempt.is_slow
        if isinstance(operation.change, Accept):
            self._accepts.append(operation)
            self._accepted_at = trio.current_time()
        else:
            self._others.append(operation)

    def grows(self) -> bool:
        """Whether more came since the last question, and it is better to wait for the rest.

        Workers that share the processor cost it a fifth less if all begin and end together.
        """
        before, self._seen = self._seen, len(self._others)
        if self._slow or self._accepts:
            return False
        return before < self._seen < MAX_OTHERS

    def keep(self, operation: Operation) -> None:
        """Put it into the next transaction once more, ahead of all that comes later."""
        self._kept.append(operation)

    def drop_kept(self) -> None:
        """Give up what was kept."""
        self._kept.clear()

    def take(self) -> list[Operation]:
        """Take out what the next transaction has; empty if there is nothing to do."""
        if self._slow:
            gathered = _take(self._accepts, PART_ACCEPTS) + self._take_part()
        else:
            gathered = _take(self._accepts, MAX_ACCEPTS) + _take(self._others, MAX_OTHERS)
            self._behind_since = inf
        self._seen = 0
        self._taken = True
        batch = self._kept + [each for each in gathered if not each.abandoned]
        self._kept = []
        for operation in batch:
            operation.started = True
        return batch

    def _take_part(self) -> list[Operation]:
        now = trio.current_time()
        if now > max(self._behind_since, self._grown_at) + BEHIND_SECONDS:
            self._part = min(MAX_OTHERS, 2 * self._part)
            self._grown_at = now
        if now >= self._behind_since + OVERLOAD_SECONDS:
            self._relief_until = now + RELIEF_SECONDS
        beside = self._relief_until <= now < self._accepted_at + BESIDE_SECONDS
        part = _take(self._others, min(self._part, PART_BESIDE) if beside else self._part)
        self._behind_since = min(self._behind_since, now) if self._others else inf
        return part

    def done(self) -> None:
        """Note that the transaction with what was taken is over."""
        self._taken = False
        self._done_at = trio.current_time()

    def take_all(self) -> list[Operation]:
        """Take out all that waits, as at the end."""
        waiting = self._accepts + self._others
        self._accepts, self._others = [], []
        return waiting


def _take(gathered: list[Operation], most: int) -> list[Operation]:
    """Take out the first of what is gathered, for at most so many messages; but one change."""
    count = size = 0
    for operation in gathered:
        size += operation.size
        if count and size > most:
            break
        count += 1
    taken = gathered[:count]
    del gathered[:count]
    return taken
