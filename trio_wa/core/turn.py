"""What an idle worker gets to do, and what a message waits for: the answers of `core.dispatch`."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from trio_wa.core.message import Message
from trio_wa.core.session import Session


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that may go now, at the time `at`, over `session`."""

    message: Message
    session: Session
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Expiry:
    """A message whose time to live is over; it is settled, not sent."""

    message: Message


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing may go before the time `until`, unless something arrives or ends."""

    until: float


Turn: TypeAlias = Claim | Expiry | Wait


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a queued message waits for, and until when at least where that is known."""

    reason: Literal[
        "turn", "recipient", "retry", "quiet_hours", "pace", "timelock", "session", "schedule"
    ]
    until: float | None = None
