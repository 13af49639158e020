"""One session in the rotation: everything that may stand in the way of its next send."""

from dataclasses import dataclass, field
from math import inf
from typing import Final, Literal, TypeAlias

from trio_wa.core.breaker import Breaker
from trio_wa.core.gate import Gate
from trio_wa.core.outcome import UNREACHABLE
from trio_wa.core.pace import Pacer
from trio_wa.core.session import Session

WORKING: Final = "WORKING"
STOPPED: Final = "STOPPED"
MISSING: Final = "MISSING"
"""Statuses of a session, as WAHA names them; one that it does not know is `MISSING`."""

Ghost: TypeAlias = Literal["out", "probe", "probing"]
"""A session that delivers nothing: it is out; it may send one message as a probe; that is sent."""

Barrier: TypeAlias = Literal["session", "pace", "timelock"]


@dataclass(slots=True)
class Slot:
    """One session, its own gate and the gate of the WAHA behind it, and its sends in flight.

    `status` is None where it cannot be read: then only the gates tell whether the session works.
    Until `locked_until` it may write to no new contact. `probed_at` is when the last probe of it as
    a ghost was taken.
    """

    session: Session
    gate: Gate
    origin: Gate
    pacer: Pacer
    breaker: Breaker = field(default_factory=Breaker)
    in_flight: int = 0
    status: str | None = None
    paused: bool = False
    ghost: Ghost | None = None
    probed_at: float = 0.0
    locked_until: float = 0.0

    def set_status(self, status: str | None, now: float) -> None:
        """Note what WAHA says of the session; None if that cannot be read.

        One that has come back is probed at once if its gate is shut or its breaker open. A WAHA
        that says anything can be reached: that needs no send as a probe, for which a pace may have
        to be waited for.
        """
        if status == WORKING and self.status not in (None, WORKING):
            self.gate.admit(now=now)
            self.breaker.admit(now)
        if status is not None and self.origin.reason == UNREACHABLE:
            self.origin.open(now=now)
        self.status = status

    @property
    def usable(self) -> bool:
        """Whether it may be tried at all: not paused, no ghost, and not known not to work."""
        return self._is_up and self.ghost in (None, "probe")

    def lets_go(self, taken_at: float) -> bool:
        """Whether what was taken for it then may still go out: of a ghost its probe alone."""
        is_probe = self.ghost == "probing" and taken_at >= self.probed_at
        return self._is_up and (self.ghost is None or is_probe)

    @property
    def works(self) -> bool:
        """Whether nothing is known to stand in its way but its pace."""
        return self.usable and self.clear

    @property
    def clear(self) -> bool:
        """Whether its gates and its breaker let everything pass."""
        return self.gate.is_open and self.origin.is_open and self.breaker.state == "closed"

    @property
    def obstacle(self) -> str | None:
        """The code of what stands in its way; None if nothing is known to."""
        if self.paused:
            return "paused"
        if self.origin.reason is not None:
            return self.origin.reason
        if self.status not in (None, WORKING):
            return "session_missing" if self.status == MISSING else "session_not_working"
        if self.ghost is not None:
            return "ghost"
        if self.breaker.state != "closed":
            return "breaker_open"
        return self.gate.reason

    @property
    def _is_up(self) -> bool:
        return not self.paused and self.status in (None, WORKING)

    def obstructed_until(self, *, new: bool) -> float:
        """Until when something other than spacing keeps it from a send; infinity: not known.

        `new` says that the send is the first to its contact.
        """
        if not self.usable:
            return inf
        lock = self.locked_until if new else 0.0
        gates = max(self.gate.opens_at(), self.origin.opens_at(), self.breaker.opens_at())
        return max(gates, self.pacer.capped_until, lock)

    def opens_at(self, *, new: bool = False) -> float:
        """When the next attempt may pass; infinity while a probe is out, or it is not usable."""
        spaced = self.pacer.opens_for_new_at if new else self.pacer.opens_at
        return max(self.obstructed_until(new=new), spaced)

    def barrier(self, *, new: bool) -> tuple[float, Barrier]:
        """When the next attempt may pass, and what it waits for until then."""
        at = self.opens_at(new=new)
        if new and self.locked_until == at:
            return at, "timelock"
        paced = self.pacer.opens_for_new_at if new else self.pacer.opens_at
        return at, "pace" if at == paced else "session"
