"""How quiet hours are read: their zone comes from the system, or from the package tzdata."""

import re
from datetime import time
from zoneinfo import ZoneInfo

from trio_wa.core.quiet_hours import QuietHours

FORM = "such as 21:00-07:00 Asia/Jakarta"

_FORM = re.compile(r"(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)\s+(\S+)")


def parse_quiet_hours(text: str) -> QuietHours:
    """Reads `21:00-07:00 Asia/Jakarta`: the hours, and a zone of the IANA time zone database.

    Raises ValueError where it is something else, names no such zone, or lasts no time.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"must be two times and a time zone, {FORM}")
    try:
        start, end = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
    except ValueError:
        raise ValueError(f"must hold times from 00:00 to 23:59, {FORM}") from None
    if start == end:
        raise ValueError(f"must end at another time than it starts, {FORM}")
    try:
        zone = ZoneInfo(match[5])
    except (OSError, ValueError, LookupError):
        raise ValueError(f"must name a time zone, {FORM}, and not {match[5][:40]!r}") from None
    return QuietHours(start, end, zone)
