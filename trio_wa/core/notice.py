"""What the end of an attempt changed about its session, for those who should hear of it."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class GateShut:
    """A gate that was open is shut: the session's, or that of the WAHA behind it."""

    reason: str


@dataclass(frozen=True, slots=True)
class BreakerOpened:
    """A run of failures opened the breaker, or its `probe` failed; the next goes at `until`."""

    until: float
    probe: bool


@dataclass(frozen=True, slots=True)
class BreakerClosed:
    """A success closed the breaker."""


@dataclass(frozen=True, slots=True)
class Timelocked:
    """WhatsApp lets the session write to no new contact; it is believed until `until`."""

    until: float


@dataclass(frozen=True, slots=True)
class GhostProbed:
    """The probe of a ghost was taken by WAHA under this id; only its ack counts.

    None: WAHA named none, or may have taken it: no ack can tell.
    """

    waha_id: str | None


Notice: TypeAlias = GateShut | BreakerOpened | BreakerClosed | Timelocked | GhostProbed
