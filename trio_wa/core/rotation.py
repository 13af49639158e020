"""Which session sends next: round-robin, past shut gates and full bulkheads."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from trio_wa.core.gate import Gate
from trio_wa.core.outcome import Outcome, Rejected, Sent, Unavailable, Unknown
from trio_wa.core.session import Session


@dataclass(slots=True)
class Slot:
    """One session, its own gate and the gate of the WAHA behind it, and its sends in flight."""

    session: Session
    gate: Gate
    origin: Gate
    in_flight: int = 0

    @property
    def works(self) -> bool:
        """Whether nothing is known to stand in its way."""
        return self.gate.is_open and self.origin.is_open

    def opens_at(self) -> float:
        """When the next attempt may go through both gates; infinity while a probe is out."""
        return max(self.gate.opens_at(), self.origin.opens_at())


class Rotation:
    """The sessions in the order in which they take turns, as in the Go service: one shared turn.

    While another session works, none holds more than an equal share and a quarter of the workers:
    a session that hangs leaves the others room (a bulkhead).
    """

    def __init__(self, sessions: Sequence[Session], *, workers: int, retry_base: float) -> None:
        origins = {session.url: Gate(base=retry_base) for session in sessions}
        self.slots = {
            session.name: Slot(session, Gate(base=retry_base), origins[session.url])
            for session in sessions
        }
        self._order = tuple(self.slots.values())
        self._workers = workers
        self._turn = 0

    def pick(self, allowed: tuple[str, ...], now: float) -> Slot | None:
        """The session whose turn it is among those `allowed` (empty: all) that may send now."""
        limit = self._limit()
        for offset in range(len(self._order)):
            slot = self._order[(self._turn + offset) % len(self._order)]
            if allowed and slot.session.name not in allowed:
                continue
            if slot.in_flight < limit and slot.opens_at() <= now:
                return slot
        return None

    def next_opening(self, now: float) -> float:
        """The next time after `now` at which a shut gate lets a probe through."""
        return min((at for slot in self._order if (at := slot.opens_at()) > now), default=inf)

    def opens_at(self, allowed: tuple[str, ...]) -> float:
        """When the first of the `allowed` sessions (empty: all) may be tried; infinity: none."""
        return min(
            (
                slot.opens_at()
                for slot in self._order
                if not allowed or slot.session.name in allowed
            ),
            default=inf,
        )

    def obstacles(self) -> dict[str, str]:
        """For each session with a shut gate the reason; the origin's before its own."""
        return {
            slot.session.name: reason
            for slot in self._order
            if (reason := slot.origin.reason or slot.gate.reason) is not None
        }

    def take(self, slot: Slot) -> None:
        """Give the turn to `slot`: one more send is in flight there."""
        slot.in_flight += 1
        slot.gate.passed()
        slot.origin.passed()
        self._turn = (self._order.index(slot) + 1) % len(self._order)

    def give_back(
        self, name: str, outcome: Outcome | None, *, now: float, jitter: float
    ) -> str | None:
        """Note that a send ended; `None` says that no attempt was made.

        Returns the reason if the outcome shut a gate that was open.
        """
        slot = self.slots[name]
        slot.in_flight -= 1
        match outcome:
            case Unavailable(code, _, "session", retry_after):
                opened = slot.gate.is_open
                slot.gate.shut(now=now, reason=code, jitter=jitter, retry_after=retry_after)
                slot.origin.open(now=now)
                return code if opened else None
            case Unavailable(code, _, "origin", retry_after):
                opened = slot.origin.is_open
                slot.origin.shut(now=now, reason=code, jitter=jitter, retry_after=retry_after)
                slot.gate.probe_lost()
                return code if opened else None
            case Unknown(code, _, answered=False):
                for gate in (slot.gate, slot.origin):
                    if not gate.is_open:
                        gate.shut(now=now, reason=code, jitter=jitter, retry_after=None)
            case None:
                slot.gate.probe_lost()
                slot.origin.probe_lost()
            case Sent() | Rejected() | Unavailable() | Unknown():
                slot.gate.open(now=now)
                slot.origin.open(now=now)
        return None

    def _limit(self) -> int:
        working = sum(slot.works for slot in self._order)
        if working < 2:
            return self._workers
        return max(1, int(self._workers / working + self._workers / 4))
