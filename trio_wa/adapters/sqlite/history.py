"""A message's timeline, as text in its row: one event a line, the oldest first."""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from trio_wa.core.status import Status
from trio_wa.ports import Event

MAX_LENGTH = 8000
"""How long a timeline may be before its oldest quarter is dropped."""

MAX_DETAIL = 500
"""How much of an event's detail the timeline keeps; the row has all of the newest."""

_QUARTER = MAX_LENGTH // 4

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_quoted = lru_cache(maxsize=1000)(_encode)


def append(text: str) -> str:
    """The SQL expression for a timeline with one more line, which is the expression `text`."""
    return f"""
    CASE WHEN length(history) < {MAX_LENGTH} THEN history
    ELSE substr(history, {_QUARTER} + instr(substr(history, {_QUARTER}), char(10)))
    END || {text}"""


APPEND = append("?")
"""The same for a line that is bound."""


def line(event: Event) -> str:
    """The event as a line of ASCII; what is None at its end is left out.

    By hand for what nearly all are: a batch has hundreds of them.
    """
    if event.code is None and event.detail is None and event.session is not None:
        began_at = "" if event.began_at is None else f",{event.began_at!r}"
        return f'[{event.at!r},"{event.status}",{_quoted(event.session)}{began_at}]\n'
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
