"""Until when WhatsApp keeps a session from writing to new contacts, from WAHA's answer.

What WAHA 2026.8 answers is not documented. The engines call the members `isActive` and
`timeEnforcementEnds` (Baileys' ReachoutTimelockState), so these are looked for in every place and
notation in which they may come.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime

from trio_wa.adapters.waha.answer import Answer

LONGEST_SECONDS = 30 * 86_400.0
"""No end that lies further ahead is believed: a misread one would hold new contacts for years."""

MILLISECONDS_FROM = 1e11
"""As seconds this is the year 5138, as milliseconds 1973."""

_WITHIN = ("reachout", "timelock", "data")


def timelock_of(answer: Answer) -> float | None:
    """When a session may write to new contacts again, in seconds since the epoch.

    0 if it may now; None where WAHA does not say: an older one, or one that knows no end.
    """
    if not answer.successful:
        return None
    members = answer.members()
    for state in (members, *(members.get(name) for name in _WITHIN)):
        if isinstance(state, dict) and (told := _told(state)) is not None:
            active, end = told
            if active is False or (end is not None and end <= answer.at):
                return 0.0
            return None if end is None else min(end, answer.at + LONGEST_SECONDS)
    return None


def _told(state: Mapping[str, object]) -> tuple[bool | None, float | None] | None:
    """Whether a lock is in force, and its end, as far as this object says; None if not at all."""
    active = state.get("isActive", state.get("is_active"))
    active = active if isinstance(active, bool) else None
    end = _time(state.get("timeEnforcementEnds", state.get("time_enforcement_ends")))
    return None if active is None and end is None else (active, end)


def _time(value: object) -> float | None:
    """Seconds since the epoch; None for what is no time, and for an empty one: Go's is year 1."""
    try:
        seconds = _seconds(value)
    except (ValueError, OverflowError):
        return None
    return seconds if seconds is not None and 0 < seconds < math.inf else None


def _seconds(value: object) -> float | None:
    if isinstance(value, str):
        if not (value.isascii() and value.isdecimal()):
            at = datetime.fromisoformat(value)
            return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = float(value)
    return number / 1000 if number >= MILLISECONDS_FROM else number
