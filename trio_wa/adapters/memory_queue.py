"""What holds a place in the store in memory: the lanes, and what is scheduled."""

import heapq
from collections.abc import Iterator
from itertools import dropwhile

from trio_wa.adapters.memory_row import Row
from trio_wa.core.live_heap import Entry, LiveHeap
from trio_wa.core.message import LANES, Priority
from trio_wa.core.status import Status
from trio_wa.ports import Place


class Queue:
    """Every message that is not settled, each in its lane or among the scheduled ones.

    A place in a lane is taken with a `seq` that no other had before, so a lane is in that order.
    """

    def __init__(self) -> None:
        self._lanes: dict[Priority, dict[int, Row]] = {priority: {} for priority in LANES}
        self._scheduled: dict[int, Row] = {}
        self._due = LiveHeap(self._waits)

    def enter(self, row: Row) -> None:
        """Give a message a place in its lane, by its `seq`, behind all others."""
        self._lanes[row.draft.priority][row.seq] = row

    def schedule(self, row: Row, send_at: float) -> None:
        """Let a message wait for its time."""
        self._scheduled[row.number] = row
        self._due.push((send_at, row.number, row.draft.id))

    def leave(self, row: Row) -> None:
        """Take the place of a message away."""
        if row.scheduled:
            row.scheduled = False
            del self._scheduled[row.number]
        else:
            del self._lanes[row.draft.priority][row.seq]

    def next_due(self) -> float | None:
        """When the first of the scheduled messages is due; None if there are none."""
        first = self._due.peek()
        return None if first is None else first[0]

    def pop_due(self, at: float) -> Row | None:
        """Take out the first of the scheduled messages if it is due; None if it is not."""
        entry = self._due.pop_until(at)
        if entry is None:
            return None
        row = self._scheduled[entry[1]]
        self.leave(row)
        return row

    def queued(self, priority: Priority, after_seq: int) -> Iterator[Row]:
        """The queued messages of a lane above `after_seq`, in order."""
        rows = dropwhile(lambda row: row.seq <= after_seq, self._lanes[priority].values())
        return (row for row in rows if row.status is Status.QUEUED)

    def open(self) -> Iterator[Row]:
        """The messages that are being sent or looked up, by `seq`."""
        lanes = (lane.values() for lane in self._lanes.values())
        return (row for row in heapq.merge(*lanes, key=lambda row: row.seq) if row.open)

    def cancellable(self) -> Iterator[Row]:
        """What is queued, or scheduled."""
        for priority in LANES:
            yield from self.queued(priority, 0)
        yield from self._scheduled.values()

    def places(self) -> dict[Place, int]:
        """How many places are held."""
        taken: dict[Place, int] = {"scheduled": len(self._scheduled)}
        return taken | {priority: len(lane) for priority, lane in self._lanes.items()}

    def _waits(self, entry: Entry) -> bool:
        return entry[1] in self._scheduled
