"""When a session that works, as WAHA says, is a ghost: nothing that it sends arrives."""

import itertools
from collections import OrderedDict
from dataclasses import dataclass

from trio_wa.core.live_heap import Entry, LiveHeap

SENDS = 10
"""How many sends tell a ghost at least, and how many in a row without an ack are enough."""

SAMPLE_SECONDS = 600.0
"""How far back sends count, and further if there were fewer than `SENDS`."""

MATURE_SECONDS = 90.0
"""How long a send may take to be acknowledged before it counts; longer where acks are slow."""

SENDS_MAX = 1_000
"""How many sends of a session are kept."""


@dataclass(slots=True)
class _Send:
    """A send, and how many seconds its ack took; None if it has none."""

    at: float
    took: float | None = None


class Deliveries:
    """What one session sent lately, and how much of it WhatsApp acknowledged.

    A session is a ghost once its newest `SENDS` sends have no ack, or once less than `share` of
    those of the last `SAMPLE_SECONDS` have one. A send counts once it was acknowledged, or has had
    twice the time that the slowest ack took of the `SENDS_MAX` newest sends, and `MATURE_SECONDS`
    at least: so a session with slow acks is none. While no ack has shown how long they take, it
    counts after `SAMPLE_SECONDS`.
    """

    def __init__(self) -> None:
        self._sends: OrderedDict[str, _Send] = OrderedDict()
        self._early: OrderedDict[str, None] = OrderedDict()
        self._slow = LiveHeap(self._is_kept)  # the slowest first
        self._numbers = itertools.count()
        self._slowest_before: float | None = None  # until so many were sent since `forget`

    def sent(self, waha_id: str, at: float) -> None:
        """Note that WAHA took a message."""
        self._sends[waha_id] = _Send(at)
        if waha_id in self._early:
            del self._early[waha_id]
            self._took(waha_id, 0.0)
        if len(self._sends) > SENDS_MAX:
            self._sends.popitem(last=False)
            self._slowest_before = None

    def acked(self, waha_id: str, at: float) -> None:
        """Note that WhatsApp answered to a message: it was delivered, or refused.

        That can come before `sent`.
        """
        send = self._sends.get(waha_id)
        if send is None:
            self._early[waha_id] = None
            if len(self._early) > SENDS_MAX:
                self._early.popitem(last=False)
        elif send.took is None:
            self._took(waha_id, max(0.0, at - send.at))

    def forget(self) -> None:
        """Begin anew, as after a restart of the session."""
        self._slowest_before = self._slowest()
        self._sends.clear()

    @property
    def any_acked(self) -> bool:
        """Whether anything that it sent was acknowledged."""
        return any(each.took is not None for each in self._sends.values())

    def any_overdue(self, now: float) -> bool:
        """Whether anything without an ack counts."""
        maturity = self.maturity
        return any(each.took is None and each.at + maturity <= now for each in self._sends.values())

    @property
    def maturity(self) -> float:
        """Seconds after which a send without an ack counts."""
        slowest = self._slowest()
        return SAMPLE_SECONDS if slowest is None else max(MATURE_SECONDS, 2 * slowest)

    def next_at(self, now: float) -> float | None:
        """When the next send without an ack counts; None if none is to come."""
        maturity = self.maturity
        unacked = (each.at + maturity for each in self._sends.values() if each.took is None)
        return min((at for at in unacked if at > now), default=None)

    def is_ghost(self, now: float, share: float) -> bool:
        """Whether too little of what counts was acknowledged."""
        maturity = self.maturity
        counts = [
            each
            for each in self._sends.values()
            if each.took is not None or each.at + maturity <= now
        ]
        newest = counts[-SENDS:]
        if len(newest) < SENDS:
            return False
        if all(each.took is None for each in newest):
            return True
        sample = [each for each in counts if each.at > now - SAMPLE_SECONDS]
        if len(sample) < SENDS:
            sample = newest
        return sum(each.took is not None for each in sample) < share * len(sample)

    def _took(self, waha_id: str, seconds: float) -> None:
        self._sends[waha_id].took = seconds
        self._slow.push((-seconds, next(self._numbers), waha_id))

    def _slowest(self) -> float | None:
        """How long the slowest ack took, of what is kept or was before `forget`."""
        entry = self._slow.peek()
        slowest = [] if entry is None else [-entry[0]]
        if self._slowest_before is not None:
            slowest.append(self._slowest_before)
        return max(slowest, default=None)

    def _is_kept(self, entry: Entry) -> bool:
        send = self._sends.get(entry[2])
        return send is not None and send.took == -entry[0]
