"""The hours of the day in which nothing is sent that can wait."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from typing import Final

from trio_wa.core.message import Priority

QUIET: Final[Priority] = "bulk"
"""The one lane that is quiet then: for a login code somebody waits at night too."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` to `end` by the clocks of `zone`, each day; over midnight if `end` is earlier.

    Where clocks are put forward over one of the two, it is as if they had not been; where they are
    put back over one, it is quiet for the longer.
    """

    start: time
    end: time
    zone: tzinfo

    def ends_at(self, now: float) -> float | None:
        """When the quiet hours that hold at `now` are over; None if none do."""
        since, _ = next(self._from(now))
        return self.after(now, 0.0) if since <= now else None

    def after(self, now: float, seconds: float) -> float:
        """The time at which `seconds` outside quiet hours have passed since `now`."""
        for since, until in self._from(now):
            if now + seconds < since:
                break
            seconds = max(0.0, seconds - max(0.0, since - now))
            now = until
        return now + seconds

    def _from(self, now: float) -> Iterator[tuple[float, float]]:
        """The quiet hours that end after `now`, in order, for as long as there are dates."""
        day = datetime.fromtimestamp(now, self.zone).date() - timedelta(days=1)
        over = timedelta(days=1 if self.end <= self.start else 0)
        while True:
            since = datetime.combine(day, self.start, self.zone).timestamp()
            end = datetime.combine(day + over, self.end, self.zone)
            until = max(end.timestamp(), end.replace(fold=1).timestamp())
            if now < until:
                yield since, until
            day += timedelta(days=1)
