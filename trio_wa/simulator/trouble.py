"""What can be wrong with a session that works, as WAHA says."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import ConfigDict

Until: TypeAlias = Literal["restart", "told"]
"""What ends a trouble: the session's next start, or only `heal`, which ends every other too."""

_ROUNDING = 1e-6  # seconds


@dataclass(frozen=True, slots=True)
class Ghost:
    """The session takes every send, and what it took is never delivered: no ack ever comes."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    session: str
    until: Until = "restart"


@dataclass(frozen=True, slots=True)
class BrokenEngine:
    """Every send over the session is answered 500, Connection Closed, and not delivered."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    session: str
    until: Until = "restart"


@dataclass(frozen=True, slots=True)
class Timelock:
    """For so many seconds WhatsApp refuses, with error 463, what is sent to new contacts.

    Those are people whom the session has reached with nothing yet, and who wrote nothing to it.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    session: str
    seconds: float

    def __post_init__(self) -> None:
        if not 0 < self.seconds < math.inf:
            raise ValueError("a time-lock takes so many seconds, more than 0")


Trouble: TypeAlias = Ghost | BrokenEngine | Timelock


class Health:
    """What is wrong with one session just now."""

    def __init__(self) -> None:
        self._ghost: Ghost | None = None
        self._broken: BrokenEngine | None = None
        self.locked_until = 0.0

    def befall(self, trouble: Trouble, now: float) -> None:
        """Begin a trouble, in the place of one of its kind."""
        match trouble:
            case Ghost():
                self._ghost = trouble
            case BrokenEngine():
                self._broken = trouble
            case Timelock(_, seconds):
                self.locked_until = math.floor((now + seconds) * 1000) / 1000  # as it is told

    @property
    def is_ghost(self) -> bool:
        """Whether nothing that is sent arrives."""
        return self._ghost is not None

    @property
    def is_broken(self) -> bool:
        """Whether every send fails."""
        return self._broken is not None

    def is_locked(self, now: float) -> bool:
        """Whether a time-lock is in force."""
        return now + _ROUNDING < self.locked_until

    def started(self) -> None:
        """End what a start of the session ends."""
        if self._ghost is not None and self._ghost.until == "restart":
            self._ghost = None
        if self._broken is not None and self._broken.until == "restart":
            self._broken = None

    def heal(self) -> None:
        """End every trouble."""
        self._ghost = self._broken = None
        self.locked_until = 0.0
