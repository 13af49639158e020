"""A model of a pace and of quiet hours: it looks at everything that ever began."""

from dataclasses import dataclass, field
from math import inf

from trio_wa.core.pace import DAY, HOUR, MINUTE, Pace
from trio_wa.core.quiet_hours import QuietHours

JAKARTA_AHEAD = 7 * HOUR


@dataclass
class Begin:
    """What began; it counts for caps unless it came to nothing."""

    at: float
    new: bool
    spacing: float
    counts: bool = True


@dataclass
class SessionLog:
    """Every begin of one session."""

    pace: Pace
    begins: list[Begin] = field(default_factory=list)

    def begin(self, at: float, *, jitter: float, new: bool) -> None:
        least, most = self.pace.gap or (0.0, 0.0)
        even = MINUTE / self.pace.rate if self.pace.rate else 0.0
        self.begins.append(Begin(at, new, max(even, least + (most - least) * jitter)))

    def undo(self, at: float) -> None:
        next(begin for begin in self.begins if begin.at == at and begin.counts).counts = False

    def spaced_until(self, *, new: bool) -> float:
        ends = [begin.at + begin.spacing for begin in self.begins[-1:]]
        if new and self.pace.new_contacts:
            apart = HOUR / self.pace.new_contacts
            ends += [begin.at + apart for begin in self.begins if begin.new]
        return max(ends, default=0.0)

    def is_capped(self, at: float) -> bool:
        """Whether one more begin then would be too many for the day that it ends."""
        counted = [begin.at for begin in self.begins if begin.counts]
        days = int((at - counted[0]) // DAY) if counted else 0
        caps = (*self.pace.warmup, self.pace.daily_cap)[min(days, len(self.pace.warmup)) :]
        cap = min((cap for cap in caps if cap is not None), default=inf)
        return sum(at - begun < DAY for begun in counted) >= cap

    def capped_until(self, now: float) -> float:
        """The first time from `now` on at which it is not capped, found by trying."""
        counted = [begin.at for begin in self.begins if begin.counts]
        days = [counted[0] + day * DAY for day in range(9)] if counted else []
        moments = [now, *days, *(at + DAY for at in counted)]
        return min(at for at in moments if at >= now and not self.is_capped(at))


def quiet_until(quiet_hours: QuietHours | None, now: float) -> float | None:
    """When quiet hours of Jakarta, where no clock is ever changed, are over; None outside them."""
    if quiet_hours is None:
        return None
    start, end = (
        at.hour * HOUR + at.minute * MINUTE for at in (quiet_hours.start, quiet_hours.end)
    )
    since_start = (now + JAKARTA_AHEAD - start) % DAY
    length = (end - start) % DAY
    return now + length - since_start if since_start < length else None
