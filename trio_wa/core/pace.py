"""The pace that an operator sets, and how one session keeps it."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import inf, nextafter

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Pace:
    """What each session may send at most; what is None, or empty, bounds nothing.

    `rate` is in messages a minute, evenly spaced. `gap` holds the least and the most seconds
    between two begins, which are at random between them. `daily_cap` bounds any 24 hours. `warmup`
    gives the caps that stand in its place in a session's first days, one for each.
    `new_contacts` is how many recipients an hour a session may write to for the first time, evenly
    spaced.
    """

    rate: int | None = None
    gap: tuple[float, float] | None = None
    daily_cap: int | None = None
    warmup: tuple[int, ...] = ()
    new_contacts: int | None = None

    @property
    def is_off(self) -> bool:
        """Whether it bounds nothing."""
        bounds = (self.rate, self.gap, self.daily_cap, self.new_contacts)
        return bounds == (None, None, None, None) and not self.warmup

    def spacing(self, jitter: float) -> float:
        """Seconds from one begin to the next at least; `jitter` is uniform in [0, 1)."""
        least, most = self.gap or (0.0, 0.0)
        return max(MINUTE / self.rate if self.rate else 0.0, least + (most - least) * jitter)

    def least_spacing(self, *, new: bool) -> float:
        """The same with the smallest gap; of first messages to a contact, if they are `new`."""
        contacts = HOUR / self.new_contacts if new and self.new_contacts else 0.0
        return max(self.spacing(0.0), contacts)

    @property
    def caps(self) -> tuple[int | None, ...]:
        """The cap of each day of the warm-up, and that of all days after it.

        A day never has more than a later one, whose cap its last hours would break.
        """
        caps = [self.daily_cap]
        for cap in reversed(self.warmup):
            caps.append(cap if caps[-1] is None else min(cap, caps[-1]))
        return tuple(reversed(caps))


@dataclass(frozen=True, slots=True)
class History:
    """What a session has sent so far, as far as its pace asks.

    `begun` holds the begins of the last 24 hours, together with how many there were up to each
    since the one before it; `new` the same of those to new contacts. `first_at` is its first begin
    ever. Times are seconds since the epoch. `rate` is that of the pace that was kept until then;
    None: there was none, or it is not known.
    """

    begun: tuple[tuple[float, int], ...] = ()
    first_at: float | None = None
    new: tuple[tuple[float, int], ...] = ()
    rate: int | None = None

    def is_recent(self, now: float) -> bool:
        """Whether anything began in the minute before `now`."""
        return any(at > now - MINUTE for at, _ in self.begun[-1:])

    def with_begins(self, begun: Iterable[float]) -> "History":
        """The same with more begins in it; each may have been to a new contact."""
        more = sorted(begun)
        if not more:
            return self
        ones = tuple((at, 1) for at in more)
        return replace(
            self,
            begun=self.begun + ones,
            first_at=more[0] if self.first_at is None else min(self.first_at, more[0]),
            new=self.new + ones,
        )


class Pacer:
    """Says when one session may send next: it counts begins, and gives back what came to nothing.

    A history may be of a clock that ran ahead: what lies after `now` counts as if it were now. It
    may be of a faster pace: then the minute, the hour and the day before the start hold up what
    comes next.
    """

    def __init__(self, pace: Pace, history: History, now: float) -> None:
        self._pace = pace
        self._caps = pace.caps
        self._begun: deque[float] = deque(maxlen=max(cap or 0 for cap in self._caps))
        self._recent: deque[float] = deque(maxlen=pace.rate or 0)
        self._new: deque[float] = deque(maxlen=pace.new_contacts or 0)
        self._first_at = None if history.first_at is None else min(history.first_at, now)
        self._spaced_until = 0.0
        self._new_until = 0.0
        # A rate that was no higher has spaced them well enough, and better than is known here.
        kept = history.rate is not None and history.rate <= (pace.rate or 0)
        _fill(self._begun, history.begun, now)
        _fill(self._recent, () if kept else history.begun, now)
        _fill(self._new, history.new, now)
        if history.begun:
            # How large the gap was drawn is not known: the largest is right for sure.
            self._space(min(max(history.begun)[0], now), 1.0)
        if self._new:
            self._space_contacts()
        self._capped_until = self._cap_opens_at()

    @property
    def opens_at(self) -> float:
        """When the next message may begin; 0 if that was always so."""
        return max(self._spaced_until, self._capped_until)

    @property
    def opens_for_new_at(self) -> float:
        """When the next message to a new contact may begin."""
        return max(self.opens_at, self._new_until)

    @property
    def capped_until(self) -> float:
        """When the cap of the day lets the next message begin."""
        return self._capped_until

    def cap(self, now: float) -> int | None:
        """How many messages the 24 hours up to `now` may hold; None without a cap."""
        days = 0 if self._first_at is None else int((now - self._first_at) // DAY)
        return self._caps[min(days, len(self._caps) - 1)]

    def begin(self, now: float, *, jitter: float, new: bool) -> None:
        """Note that a message begins; `new` says that it is the first to its contact."""
        if self._first_at is None:
            self._first_at = now
        if new:
            self._new.append(now)
            self._space_contacts()
        self._begun.append(now)
        self._recent.append(now)
        self._space(now, jitter)
        self._capped_until = self._cap_opens_at()

    def undo(self, began_at: float) -> None:
        """Note that what began then was not sent: it does not count for a cap any more.

        Nor does it begin the warm-up. The spacing stays: whoever refused it was asked all the same.
        """
        if began_at in self._begun:
            self._begun.remove(began_at)
        if began_at == self._first_at:
            self._first_at = self._begun[0] if self._begun else None
        self._capped_until = self._cap_opens_at()

    def _space(self, at: float, jitter: float) -> None:
        self._spaced_until = _later(at, self._pace.spacing(jitter))
        rate = self._pace.rate
        if rate is not None and len(self._recent) >= rate:
            self._spaced_until = max(self._spaced_until, _later(self._recent[-rate], MINUTE))

    def _space_contacts(self) -> None:
        if (number := self._pace.new_contacts) is None:
            return
        self._new_until = _later(self._new[-1], HOUR / number)
        if len(self._new) >= number:
            self._new_until = max(self._new_until, _later(self._new[-number], HOUR))

    def _cap_opens_at(self) -> float:
        """The first time at which the cap in force then is not reached."""
        if self._first_at is None:
            return 0.0
        opens_at = 0.0
        for day, cap in enumerate(self._caps):
            opens_at = self._first_at + day * DAY
            until = opens_at + DAY
            if cap is not None and len(self._begun) >= cap:
                opens_at = max(opens_at, _later(self._begun[-cap], DAY))
            if opens_at < until:
                break
        return opens_at


def pacers(
    pace: Pace,
    names: Iterable[str],
    histories: Mapping[str, History],
    rates: Mapping[str, int | None],
    begun: Iterable[tuple[str, float]],
    now: float,
) -> dict[str, Pacer]:
    """The pacers of the sessions `names` as they stood before a restart.

    `rates` says which rate each session kept until then. `begun` gives the session and the begin of
    each attempt that is in no history yet.
    """
    missed: dict[str, list[float]] = {}
    for name, at in begun:
        missed.setdefault(name, []).append(at)
    found = {}
    for name in names:
        history = replace(histories.get(name, History()), rate=rates.get(name))
        found[name] = Pacer(pace, history.with_begins(missed.get(name, [])), now)
    return found


def _fill(begins: deque[float], history: Iterable[tuple[float, int]], now: float) -> None:
    for at, number in sorted(history):
        begins.extend([min(at, now)] * min(number, begins.maxlen or 0))


def _later(at: float, seconds: float) -> float:
    """The first time that is `seconds` after another: a sum may be rounded down."""
    later = at + seconds
    return later if later - at >= seconds else nextafter(later, inf)
