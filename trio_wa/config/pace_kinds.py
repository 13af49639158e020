"""How the parts of a pace are read: each is a number or more, or `off`."""

import contextlib
from collections.abc import Callable
from typing import Annotated

from pydantic import BeforeValidator

from trio_wa.config.kinds import read_whole
from trio_wa.config.pace import OFF, Off
from trio_wa.config.quiet_hours import parse_quiet_hours
from trio_wa.core.duration import parse_duration
from trio_wa.core.quiet_hours import QuietHours

_MOST_SECONDS = 3600.0
_MOST_MESSAGES = 1_000_000
_MOST_DAYS = 60


def or_off(read: Callable[[object], object]) -> BeforeValidator:
    """Reads `off`, or what `read` does."""

    def read_either(value: object) -> object:
        if isinstance(value, str) and value.strip().lower() == OFF:
            return OFF
        try:
            return read(value)
        except ValueError as error:
            raise ValueError(f"{error}, or off") from None

    return BeforeValidator(read_either)


def _gap(value: object) -> object:
    ends = value
    if isinstance(value, str):
        least, dash, most = value.partition("-")
        with contextlib.suppress(ValueError):
            ends = parse_duration(least), parse_duration(most if dash else least)
    match ends:
        case [float() | int() as low, float() | int() as high] if 0 <= low <= high <= _MOST_SECONDS:
            return (float(low), float(high)) if high else OFF
    raise ValueError("must be the least and the most seconds between two sends, from 0 to 3600")


def _warmup(value: object) -> object:
    caps = value.split(",") if isinstance(value, str) else value
    if isinstance(caps, list | tuple) and 1 <= len(caps) <= _MOST_DAYS:
        with contextlib.suppress(ValueError):
            return tuple(map(read_whole(1, _MOST_MESSAGES), caps))
    raise ValueError(
        f"must be whole numbers from 1 to {_MOST_MESSAGES}, separated by commas, one for each of"
        f" the first 1 to {_MOST_DAYS} days"
    )


def _quiet_hours(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.strip().lower() == OFF:
        return None
    return parse_quiet_hours(value)


def _number(value: object) -> object:
    return 0 if value == OFF else value


Rate = Annotated[int | Off, or_off(read_whole(1, 6_000))]
Gap = Annotated[tuple[float, float] | Off, or_off(_gap)]
DailyCap = Annotated[int | Off, or_off(read_whole(1, _MOST_MESSAGES))]
Warmup = Annotated[tuple[int, ...] | Off, or_off(_warmup)]
NewContactRate = Annotated[int | Off, or_off(read_whole(1, 3_600))]
Quiet = Annotated[QuietHours | None, BeforeValidator(_quiet_hours)]
Restarts = Annotated[int, BeforeValidator(_number), or_off(read_whole(0, 10))]
