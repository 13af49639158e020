"""What an operator allows each session."""

from dataclasses import dataclass, field

from trio_wa.core.pace import Pace


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds each session: its pace, and the hold in seconds after a time-lock."""

    pace: Pace = field(default_factory=Pace)
    timelock_hold: float = 6 * 3600.0


UNLIMITED = Limits()
