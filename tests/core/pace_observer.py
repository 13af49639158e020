"""An observer of one session's sends who never loses count, whatever is restarted."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from math import inf

import pytest

from trio_wa.core.pace import DAY, HOUR, MINUTE, History, Pace, Pacer

START = 1_764_000_000.0
TOLERANCE = 1e-6


@dataclass
class Begin:
    """One begin: its true time, and what the clock said; it counts unless it came to nothing.

    `spacing` is what has to lie between it and the next one.
    """

    at: float
    stamp: float
    new: bool
    spacing: float
    counts: bool = True


@dataclass
class Life:
    """A session's sends under an observer who never loses count, whatever is restarted.

    True time is that of the observer. `behind` is how far the clock was set back so far. A step
    forward while the service is down cannot be told from time that passed: here it is that.
    `kept` is the highest rate of the last minute, as the service remembers it.
    """

    pace: Pace
    now: float = START
    behind: float = 0.0
    log: list[Begin] = field(default_factory=list)
    restarted: bool = False
    lowered: bool = False
    kept: int | None = None
    started: float = -inf

    def __post_init__(self) -> None:
        self.pacer = Pacer(self.pace, History(), self.clock)

    @property
    def clock(self) -> float:
        return self.now - self.behind

    @property
    def counted(self) -> list[Begin]:
        return [begin for begin in self.log if begin.counts]

    def send(self, jitter: float, late: float, *, new: bool) -> Begin:
        """Begin as early as may be, or so much later."""
        opens_at = self.pacer.opens_for_new_at if new else self.pacer.opens_at
        self.now = max(self.now, opens_at + self.behind) + late
        self.pacer.begin(self.clock, jitter=jitter, new=new)
        begin = Begin(self.now, self.clock, new, self.pace.spacing(jitter))
        self.check_spacing(begin)
        self.log.append(begin)
        self.check_windows(begin)
        return begin

    def undo(self, begin: Begin) -> None:
        begin.counts = False
        self.pacer.undo(begin.stamp)

    def restart(self, down: float, back: float, pace: Pace, open_attempts: int) -> None:
        """Make a pacer of what a store keeps; the last attempts were open as the service ended."""
        self.now += down
        self.behind += back
        if self.now - self.started >= MINUTE:
            self.kept = self.pace.rate
        self.lowered = self.kept is None or self.kept > (pace.rate or 0)
        rate, self.pace = self.kept, pace
        self.kept = max(rate, pace.rate) if rate and pace.rate else None
        self.restarted, self.started = True, self.now
        self.log = [replace(begin, spacing=pace.spacing(1.0)) for begin in self.counted]
        settled = self.counted[: len(self.counted) - open_attempts]
        begun = [begin.stamp for begin in self.counted[len(settled) :]]
        self.pacer = Pacer(pace, stored(settled, self.clock, rate).with_begins(begun), self.clock)

    def within(self, seconds: float, begins: Iterable[Begin], now: float) -> int:
        """How many lie in the window of so many seconds that ends with `now`."""
        return sum(now - begin.at < seconds - TOLERANCE for begin in begins if begin.at <= now)

    def cap(self, now: float) -> float:
        """The cap in force, as it is set."""
        days = int((now - self.counted[0].at) // DAY) if self.counted else 0
        caps = (*self.pace.warmup, self.pace.daily_cap)
        cap = caps[min(days, len(self.pace.warmup))]
        return inf if cap is None else cap

    def check_spacing(self, begin: Begin) -> None:
        for last in self.log[-1:]:
            assert begin.at - last.at >= last.spacing - TOLERANCE
        known = self.pace.new_contacts is None or not begin.new
        for last in [] if known else [each for each in self.log if each.new][-1:]:
            assert begin.at - last.at >= HOUR / (self.pace.new_contacts or 1) - TOLERANCE

    def check_windows(self, begin: Begin) -> None:
        assert self.within(MINUTE, self.counted, self.now) <= (self.pace.rate or inf)
        if begin.new:  # to who is known it may send as soon as a lower rate of new ones is set
            new = [each for each in self.counted if each.new]
            assert self.within(HOUR, new, self.now) <= (self.pace.new_contacts or inf)
        assert self.within(DAY, self.counted, self.now) <= self.cap(self.now)

    def check_waits(self) -> None:
        """Nothing waits longer than its pace explains; without a restart, exactly as long."""
        opens_at = self.pacer.opens_at + self.behind
        longest = self.pace.spacing(1.0)
        if self.pace.rate and self.lowered:
            longest = max(longest, MINUTE)
        if any(self.pace.caps):
            longest = DAY
        assert opens_at <= self.now + longest + TOLERANCE
        spread = HOUR / self.pace.new_contacts if self.pace.new_contacts else 0.0
        if self.restarted and spread:
            spread = HOUR
        opens_for_new_at = self.pacer.opens_for_new_at + self.behind
        assert opens_for_new_at <= max(opens_at, self.now + spread + TOLERANCE)
        if not self.restarted:
            assert max(opens_at, self.now) == pytest.approx(self.free_at(), abs=TOLERANCE)

    def free_at(self) -> float:
        """The first time from now on that breaks nothing, found by trying."""
        if not self.log:
            return self.now
        spaced = max(self.now, self.log[-1].at + self.log[-1].spacing)
        firsts = [self.counted[0].at + day * DAY for day in range(6)] if self.counted else []
        moments = [spaced, *firsts, *(begin.at + DAY for begin in self.counted)]
        return min(at for at in moments if at >= spaced and self.is_free(at))

    def is_free(self, at: float) -> bool:
        days = int((at - self.counted[0].at) // DAY) if self.counted else 0
        caps = (*self.pace.warmup, self.pace.daily_cap)[min(days, len(self.pace.warmup)) :]
        return self.within(DAY, self.counted, at) < min(
            (cap for cap in caps if cap is not None), default=inf
        )


def stored(begins: list[Begin], now: float, rate: int | None) -> History:
    """What a store makes of begins: those of a minute at the latest time in it."""
    begun = by_minute(begin.stamp for begin in begins)
    return History(
        begun=tuple((at, number) for at, number in begun if at > now - DAY),
        first_at=begins[0].stamp if begins else None,
        new=by_minute(begin.stamp for begin in begins if begin.new),
        rate=rate,
    )


def by_minute(stamps: Iterable[float]) -> tuple[tuple[float, int], ...]:
    minutes: dict[int, list[float]] = {}
    for stamp in stamps:
        minutes.setdefault(int(stamp // MINUTE), []).append(stamp)
    return tuple((max(found), len(found)) for found in minutes.values())
