"""A message's timeline, as text in its row: one event a line, the oldest first."""

import json
from collections.abc import Iterator
from typing import Any

from trio_wa.core.status import Status
from trio_wa.ports import Event

MAX_LENGTH = 8000
"""How long a timeline may be before its oldest quarter is dropped."""

MAX_DETAIL = 500
"""How much of an event's detail the timeline keeps; the row has all of the newest."""

_QUARTER = MAX_LENGTH // 4

APPEND = f"""
    CASE WHEN length(history) < {MAX_LENGTH} THEN history
    ELSE substr(history, {_QUARTER} + instr(substr(history, {_QUARTER}), char(10)))
    END || ?"""
"""The SQL expression for a timeline with one more line."""

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def line(event: Event) -> str:
    """The event as a line of ASCII; what is None at its end is left out."""
    detail = event.detail[:MAX_DETAIL] if event.detail else event.detail
    fields = [event.at, event.status, event.session, event.began_at, event.code, detail]
    while fields[-1] is None:
        fields.pop()
    return _encode(fields) + "\n"


def first_line(at: float) -> str:
    """The line of the event that every timeline begins with, by hand: a batch has 1,000 of them."""
    return f'[{at!r},"queued"]\n'


def events(history: str) -> Iterator[Event]:
    """The events in a timeline, the oldest first."""
    for text in history.splitlines():
        fields: list[Any] = json.loads(text)
        at, status, session, began_at, code, detail = fields + [None] * (6 - len(fields))
        yield Event(at, Status(status), session, code, detail, began_at)
