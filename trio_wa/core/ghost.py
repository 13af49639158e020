"""When a session that works, as WAHA says, is a ghost: nothing that it sends arrives."""

from collections import OrderedDict
from dataclasses import dataclass

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
    at: float
    acked: bool = False


class Deliveries:
    """What one session sent lately, and how much of it WhatsApp acknowledged.

    A session is a ghost once its newest `SENDS` sends have no ack, or once less than `share` of
    those of the last `SAMPLE_SECONDS` have one. A send counts once it was acknowledged, or has had
    twice the time that the slowest ack took, and `MATURE_SECONDS` at least: so a session with slow
    acks is none. While no ack has shown how long they take, it counts after `SAMPLE_SECONDS`.
    """

    def __init__(self) -> None:
        self._sends: OrderedDict[str, _Send] = OrderedDict()
        self._early: OrderedDict[str, None] = OrderedDict()
        self._slowest: float | None = None

    def sent(self, waha_id: str, at: float) -> None:
        """Note that WAHA took a message."""
        self._sends[waha_id] = _Send(at, acked=waha_id in self._early)
        self._early.pop(waha_id, None)
        if len(self._sends) > SENDS_MAX:
            self._sends.popitem(last=False)

    def acked(self, waha_id: str, at: float) -> None:
        """Note that WhatsApp answered to a message: it was delivered, or refused.

        That can come before `sent`.
        """
        send = self._sends.get(waha_id)
        if send is None:
            self._early[waha_id] = None
            if len(self._early) > SENDS_MAX:
                self._early.popitem(last=False)
        elif not send.acked:
            send.acked = True
            self._slowest = max(self._slowest or 0.0, at - send.at)

    def forget(self) -> None:
        """Begin anew, as after a restart of the session."""
        self._sends.clear()

    @property
    def any_acked(self) -> bool:
        """Whether anything that it sent was acknowledged."""
        return any(each.acked for each in self._sends.values())

    def any_overdue(self, now: float) -> bool:
        """Whether anything without an ack counts."""
        return any(not each.acked and self._is_mature(each, now) for each in self._sends.values())

    @property
    def maturity(self) -> float:
        """Seconds after which a send without an ack counts."""
        if self._slowest is None:
            return SAMPLE_SECONDS
        return max(MATURE_SECONDS, 2 * self._slowest)

    def next_at(self, now: float) -> float | None:
        """When the next send without an ack counts; None if none is to come."""
        mature = now - self.maturity
        young = (each.at for each in self._sends.values() if not each.acked and each.at > mature)
        first = min(young, default=None)
        return None if first is None else first + self.maturity

    def is_ghost(self, now: float, share: float) -> bool:
        """Whether too little of what counts was acknowledged."""
        counts = [each for each in self._sends.values() if each.acked or self._is_mature(each, now)]
        newest = counts[-SENDS:]
        if len(newest) < SENDS:
            return False
        if not any(each.acked for each in newest):
            return True
        sample = [each for each in counts if each.at > now - SAMPLE_SECONDS]
        if len(sample) < SENDS:
            sample = newest
        return sum(each.acked for each in sample) < share * len(sample)

    def _is_mature(self, send: _Send, now: float) -> bool:
        return send.at <= now - self.maturity
