"""Which session sends next: past those that do not work, shut gates and full bulkheads."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from math import inf
from typing import Final

from trio_wa.core.affinity import Allowed, Route, ranking
from trio_wa.core.gate import Gate
from trio_wa.core.message import Message
from trio_wa.core.outcome import Outcome, Rejected, Sent, Unavailable, Unknown
from trio_wa.core.session import Session

WORKING: Final = "WORKING"
STOPPED: Final = "STOPPED"
MISSING: Final = "MISSING"
"""Statuses of a session, as WAHA names them; one that it does not know is `MISSING`."""

RECIPIENTS = 16_384
"""How many recipients' rankings are kept at hand: more than there are in memory by default."""


@dataclass(slots=True)
class Slot:
    """One session, its own gate and the gate of the WAHA behind it, and its sends in flight.

    `status` is None where it cannot be read: then only the gates tell whether the session works.
    """

    session: Session
    gate: Gate
    origin: Gate
    in_flight: int = 0
    status: str | None = None
    paused: bool = False

    @property
    def usable(self) -> bool:
        """Whether it may be tried at all: not paused, and not known not to work."""
        return not self.paused and self.status in (None, WORKING)

    @property
    def works(self) -> bool:
        """Whether nothing is known to stand in its way."""
        return self.usable and self.gate.is_open and self.origin.is_open

    @property
    def obstacle(self) -> str | None:
        """The code of what stands in its way; None if nothing is known to."""
        if self.paused:
            return "paused"
        if self.origin.reason is not None:
            return self.origin.reason
        if not self.usable:
            return "session_missing" if self.status == MISSING else "session_not_working"
        return self.gate.reason

    def opens_at(self) -> float:
        """When the next attempt may pass; infinity while a probe is out, or it is not usable."""
        return max(self.gate.opens_at(), self.origin.opens_at()) if self.usable else inf


class Rotation:
    """The sessions in the order in which they take turns, as in the Go service: one shared turn.

    While another session works, none holds more than an equal share and a quarter of the workers:
    a session that hangs leaves the others room (a bulkhead).

    With `sticky` a recipient keeps its session instead: its first choice is the highest of its
    `ranking` that is usable. A message that prefers a session has that one as its first choice.
    """

    def __init__(
        self,
        sessions: Sequence[Session],
        *,
        workers: int,
        retry_base: float,
        sticky: bool = False,
    ) -> None:
        origins = {session.url: Gate(base=retry_base) for session in sessions}
        self.slots = {
            session.name: Slot(session, Gate(base=retry_base), origins[session.url])
            for session in sessions
        }
        self.sticky = sticky
        # That of some of the sessions is that of all without the others.
        self._ranking = lru_cache(RECIPIENTS)(partial(ranking, names=tuple(self.slots)))
        self._order = tuple(self.slots.values())
        self._workers = workers
        self._turn = 0

    def usable(self, allowed: Allowed = ()) -> tuple[str, ...]:
        """The names of those `allowed` (empty: all) that may be tried at all."""
        return tuple(slot.session.name for slot in self._allowed(allowed) if slot.usable)

    def route(self, message: Message) -> Route:
        """The first choice of a message, if it has one, and the sessions that it allows.

        It changes only as sessions become usable, or cease to be.
        """
        allowed = message.sessions
        first = None
        if message.prefer is not None or self.sticky:
            usable = self.usable(allowed)
            if message.prefer in usable:
                first = message.prefer
            elif self.sticky and usable:
                first = next(name for name in self._ranking(message.chat_id) if name in usable)
        return first, allowed

    def pick(self, message: Message, first: str | None, now: float) -> Slot | None:
        """The session that sends `message` now, whose first choice is `first`; None if none may.

        A message waits for a first choice that is full. Past one with a shut gate it goes over the
        next in its recipient's `ranking` with `sticky`, or else over that whose turn it is.
        """
        limit = self._limit()
        if first is not None and (slot := self.slots[first]).opens_at() <= now:
            return slot if slot.in_flight < limit else None
        for slot in self._candidates(message, first):
            if slot.in_flight < limit and slot.opens_at() <= now:
                return slot
        return None

    def next_opening(self, now: float) -> float:
        """The next time after `now` at which a shut gate lets a probe through."""
        return min((at for slot in self._order if (at := slot.opens_at()) > now), default=inf)

    def opens_at(self, allowed: Allowed) -> float:
        """When the first of the `allowed` sessions (empty: all) may be tried; infinity: none."""
        return min((slot.opens_at() for slot in self._allowed(allowed)), default=inf)

    def obstacles(self) -> dict[str, str]:
        """For each session in whose way something stands, the code of it."""
        return {
            slot.session.name: obstacle
            for slot in self._order
            if (obstacle := slot.obstacle) is not None
        }

    def set_status(self, name: str, status: str | None, now: float) -> None:
        """Note what WAHA says of a session; None if that cannot be read.

        One that has come back is probed at once if its gate is shut.
        """
        slot = self.slots[name]
        if status == WORKING and slot.status not in (None, WORKING):
            slot.gate.admit(now=now)
        slot.status = status

    def set_paused(self, name: str, paused: bool) -> None:
        """Note whether an operator keeps a session from sending."""
        self.slots[name].paused = paused

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

        A session whose status can be read, and that was at fault, is not tried again before WAHA
        says that it works.

        Returns the reason if the outcome shut a gate that was open.
        """
        slot = self.slots[name]
        slot.in_flight -= 1
        match outcome:
            case Unavailable(code, _, "session", retry_after, status):
                if slot.status is not None:
                    slot.status = status or STOPPED
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

    def _allowed(self, allowed: Allowed) -> Iterable[Slot]:
        if not allowed:
            return self._order
        return (slot for slot in self._order if slot.session.name in allowed)

    def _candidates(self, message: Message, first: str | None) -> Iterable[Slot]:
        """The slots that a message allows, in the order in which they are asked."""
        allowed = message.sessions
        order: Iterable[Slot]
        if self.sticky and first is not None:
            order = (self.slots[name] for name in self._ranking(message.chat_id))
        else:
            order = self._order[self._turn :] + self._order[: self._turn]
        return (slot for slot in order if not allowed or slot.session.name in allowed)

    def _limit(self) -> int:
        working = sum(slot.works for slot in self._order)
        if working < 2:
            return self._workers
        return max(1, int(self._workers / working + self._workers / 4))
