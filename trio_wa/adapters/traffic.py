"""How the begins of each session are counted, by the minute: for every store."""

from collections.abc import Iterable
from dataclasses import dataclass

from trio_wa.core.outcome import Sent, Unknown
from trio_wa.core.pace import DAY, MINUTE, History
from trio_wa.ports import Attempt

_COUNTED = (Sent, Unknown)


@dataclass(slots=True)
class Minute:
    """The begins of one session in one minute; `new` of them, up to `new_at`, to new contacts."""

    begun: int
    first_at: float
    last_at: float
    new: int = 0
    new_at: float | None = None


class Traffic:
    """Counts begins by session, and by minute since the epoch."""

    def __init__(self) -> None:
        self.minutes: dict[tuple[str, int], Minute] = {}

    def count(self, session: str, at: float, *, new: bool) -> None:
        """Count an attempt that began at that time; `new` says that it was to a new contact."""
        key = session, minute_of(at)
        minute = self.minutes.get(key)
        if minute is None:
            minute = self.minutes[key] = Minute(0, at, at)
        minute.begun += 1
        if at > minute.last_at:
            minute.last_at = at
        elif at < minute.first_at:
            minute.first_at = at
        if new:
            minute.new += 1
            minute.new_at = at if minute.new_at is None else max(minute.new_at, at)


def minute_of(at: float) -> int:
    """The minute since the epoch in which a time lies."""
    return int(at // MINUTE)


def counts(attempt: Attempt) -> bool:
    """Whether an attempt has sent its message, or may have."""
    return isinstance(attempt.outcome, _COUNTED)


def histories(minutes: Iterable[tuple[str, Minute]], now: float) -> dict[str, History]:
    """The history of each session, from its minutes in their order."""
    found: dict[str, list[Minute]] = {}
    for session, minute in minutes:
        found.setdefault(session, []).append(minute)
    return {session: _history(of_session, now) for session, of_session in found.items()}


def _history(minutes: list[Minute], now: float) -> History:
    begun = tuple((each.last_at, each.begun) for each in minutes if each.last_at > now - DAY)
    new = tuple((each.new_at, each.new) for each in minutes if each.new_at is not None)
    return History(begun, minutes[0].first_at, new)
