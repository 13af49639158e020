"""Rows of the table `messages`, as the values that the port knows."""

import json
from typing import Any

from trio_wa.adapters.sqlite.history import events
from trio_wa.core.message import Message
from trio_wa.core.status import Status
from trio_wa.ports import Record

MESSAGE = "id, seq, chat_id, text, accepted_at, expires_at, sessions, due_at, attempts, deferrals"
"""The columns that `message` reads."""

RECORD = (
    "number, id, recipient, chat_id, text, accepted_at, expires_at, due_at, owner, session,"
    " waha_id, code, detail, settled_at, status, sessions"
)
"""The columns that `record` reads; `history` may follow them."""


def message(row: tuple[Any, ...]) -> Message:
    """The message in a row of `MESSAGE`."""
    id_, seq, chat_id, text, accepted_at, expires_at, sessions, *counters = row
    return Message(
        id_, seq, chat_id, text or "", accepted_at, expires_at, _sessions(sessions), *counters
    )


def record(row: tuple[Any, ...]) -> Record:
    """The record in a row of `RECORD`, with its events if `history` follows."""
    number, id_, to, chat_id, text, accepted_at, expires_at, due_at, owner, session = row[:10]
    waha_id, code, detail, settled_at, status, sessions, *history = row[10:]
    return Record(
        number=number,
        id=id_,
        to=to,
        chat_id=chat_id,
        text=text,
        status=Status(status),
        accepted_at=accepted_at,
        expires_at=expires_at,
        due_at=due_at,
        sessions=_sessions(sessions),
        owner=owner,
        session=session,
        waha_id=waha_id,
        code=code,
        detail=detail,
        settled_at=settled_at,
        events=tuple(events(history[0])) if history else (),
    )


def storable(text: str) -> str:
    """The text without lone surrogates, which the database does not take.

    So what a peer says can always be recorded, and a malformed id simply finds nothing.
    """
    return text.encode("utf-8", "replace").decode()


def _sessions(text: str | None) -> tuple[str, ...]:
    return tuple(json.loads(text)) if text else ()
