"""The presets of `PACE`, and what becomes of them where parts of a pace are set by themselves."""

from dataclasses import replace
from typing import Any, Final, Literal, TypeAlias

from trio_wa.core.pace import Pace

OFF: Final = "off"

Off: TypeAlias = Literal["off"]
"""The value of a part of a pace that is switched off; one that is None is as in the preset."""

GENTLE: Final = Pace(
    rate=20,  # one each 3 s at most: fast for a person, yet no burst, however many wait
    gap=(2.0, 6.0),  # no person types like a metronome; who waits alone still waits 6 s at most
    # No cap and no warm-up: what people wait for, such as a code, must not wait for tomorrow.
    new_contacts=120,  # one each 30 s: the fast end of WAHA's own advice, 30 to 60 s between these
)

CAREFUL: Final = Pace(
    rate=6,  # one each 10 s at most: what a person manages who writes one after another
    gap=(8.0, 20.0),  # about as long as it takes to type a short message
    daily_cap=300,  # a busy person does not send more; at this pace it takes 70 minutes
    warmup=(20, 40, 80, 160),  # doubled each day up to the cap: new numbers are banned first
    new_contacts=20,  # one each 3 minutes: it is strangers who report a number
)

PRESETS: Final = {"off": Pace(), "gentle": GENTLE, "careful": CAREFUL}


def put_together(preset: Pace, **parts: Any) -> Pace:
    """`preset`, with those `parts` in place of its own that are not None; `off` bounds nothing.

    A day of the warm-up has no higher cap than any other day.
    """
    nothing = Pace()
    chosen = {
        name: getattr(nothing, name) if part == OFF else part
        for name, part in parts.items()
        if part is not None
    }
    pace = replace(preset, **chosen)
    if pace.daily_cap is None:
        return pace
    return replace(pace, warmup=tuple(min(cap, pace.daily_cap) for cap in pace.warmup))
