"""Times as callers write them."""

import re
from datetime import UTC, datetime

_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d(?:\.\d{1,6})?)\d*([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_SECONDS = re.compile(r"\d{1,10}(\.\d{1,9})?", re.ASCII)
_SPACED_OFFSET = re.compile(r" (?=\d\d:\d\d$)", re.ASCII)


def read_time(text: str) -> float:
    """Seconds since the epoch, of a time in a query: RFC 3339 with an offset, or these seconds.

    A blank for the `+` of an offset is what a query makes of it. Raises ValueError for others.
    """
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        return read_instant(_SPACED_OFFSET.sub("+", text))
    except ValueError:
        raise ValueError(
            "must be a time such as 2026-11-24T08:30:00Z, or seconds since the epoch"
        ) from None


def read_instant(text: str) -> float:
    """Seconds since the epoch, of a time as in RFC 3339, with an offset.

    Raises ValueError for any other, and for what is in UTC before the year 1 or after 9999.
    """
    if (match := _INSTANT.fullmatch(text)) is not None:
        date, time, offset = match.groups()
        try:
            seconds = datetime.fromisoformat(f"{date}T{time}{offset.upper()}").timestamp()
            datetime.fromtimestamp(seconds, UTC)  # it has to be written again
        except (ValueError, OverflowError):
            pass
        else:
            return seconds
    raise ValueError("must be a time with its offset (RFC 3339), such as 2026-11-24T08:30:00+07:00")
