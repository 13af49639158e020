"""What a strict observer says of a session's pace."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pydantic import ConfigDict

from trio_wa.simulator.journal import Attempt

HOUR = 3600.0
WINDOWS = {"per_5s": 5.0, "per_minute": 60.0, "per_hour": HOUR, "per_day": 86_400.0}
"""The windows in which sends are counted, in seconds, by the name of their count."""

ROUNDING = 1e-6
"""Seconds: times since the epoch are no finer, so a window ends so much earlier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceLimit:
    """The most that is allowed in any window of so long, and the least seconds between two sends.

    None allows anything.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    per_5s: int | None = None
    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    new_contacts_per_hour: int | None = None
    gap: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The most that any window of so long held, its end not included, and the least `gap`.

    `gap` is in seconds, None for less than two sends. A new contact is a person to whom the session
    had sent nothing before, and who had written nothing to it.
    """

    sends: int
    per_5s: int
    per_minute: int
    per_hour: int
    per_day: int
    new_contacts_per_hour: int
    gap: float | None

    def violations(self, limit: PaceLimit) -> list[str]:
        """What was too fast, in words; empty if nothing was."""
        found = []
        for name in (*WINDOWS, "new_contacts_per_hour"):
            most, allowed = getattr(self, name), getattr(limit, name)
            if allowed is not None and most > allowed:
                found.append(f"{name}: {most}, and {allowed} are allowed")
        if limit.gap is not None and self.gap is not None and self.gap < limit.gap - ROUNDING:
            found.append(f"gap: {self.gap:.3f} s, and {limit.gap:g} s are asked for")
        return found


def observe(attempts: Iterable[Attempt]) -> Pace:
    """The pace of what WAHA took of one session's sends, by the times at which it received them."""
    taken = [attempt for attempt in attempts if attempt.taken]
    times = sorted(attempt.at for attempt in taken)
    new = sorted(attempt.at for attempt in taken if attempt.new_contact)
    return Pace(
        sends=len(taken),
        **{name: most_within(times, seconds) for name, seconds in WINDOWS.items()},
        new_contacts_per_hour=most_within(new, HOUR),
        gap=min((later - before for before, later in pairwise(times)), default=None),
    )


def most_within(times: Sequence[float], seconds: float) -> int:
    """The most of these ascending times that lie in a window of `seconds`, its end not included."""
    most = first = 0
    for count, at in enumerate(times, start=1):
        while times[first] <= at - seconds + ROUNDING:
            first += 1
        most = max(most, count - first)
    return most
