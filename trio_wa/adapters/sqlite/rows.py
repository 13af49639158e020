"""Rows of the table `messages`, as the values that the port knows."""

import json
from typing import Any, Final

from trio_wa.adapters.acknowledgement import FLAGS
from trio_wa.adapters.content_json import read_content
from trio_wa.adapters.sqlite.history import events
from trio_wa.core.message import LANES, Message, Priority
from trio_wa.core.status import Status
from trio_wa.ports import OpenAttempt, Place, Record

MESSAGE = (
    "id, seq, chat_id, kind, text, accepted_at, expires_at, sessions, due_at, attempts, deferrals,"
    " on_unknown, waha_id, priority, session, (SELECT json_group_array(session)"
    " FROM recipients WHERE recipients.chat_id = messages.chat_id)"
)
"""The columns that `message` reads."""

RECORD = (
    "number, id, recipient, chat_id, text, accepted_at, expires_at, due_at, owner, session,"
    " waha_id, code, detail, settled_at, on_unknown, ack, status, sessions, confirmation, seq,"
    " kind, priority, send_at, scheduled, batch, metadata, data"
)
"""The columns that `record` reads; `history` may follow them."""

PRIORITY: Final[dict[Priority, int]] = {lane: number for number, lane in enumerate(LANES)}
"""A priority, as its column holds it."""


def message(row: tuple[Any, ...]) -> Message:
    """The message in a row of `MESSAGE`; with an id it prefers the session that had it."""
    id_, seq, chat_id, kind, text, accepted_at, expires_at, sessions, due_at = row[:9]
    attempts, deferrals, on_unknown, waha_id, priority, session, known_to = row[9:]
    return Message(
        id=id_,
        seq=seq,
        chat_id=chat_id,
        content=read_content(kind, text),
        accepted_at=accepted_at,
        expires_at=expires_at,
        sessions=_sessions(sessions),
        due_at=due_at,
        attempts=attempts,
        deferrals=deferrals,
        on_unknown=on_unknown,
        waha_id=waha_id,
        prefer=None if waha_id is None else session,
        known_to=tuple(sorted(_sessions(known_to))),
        priority=LANES[priority],
    )


def open_attempt(row: tuple[Any, ...]) -> OpenAttempt:
    """The open attempt in a row of `MESSAGE`, behind which `status` and `history` follow."""
    *columns, status, history = row
    newest_first = list(events(history))[::-1]
    asked = status == Status.UNKNOWN
    if asked:
        begins = [event.began_at for event in newest_first if event.began_at is not None]
    else:
        begins = [event.at for event in newest_first if event.status is Status.SENDING]
    began_at = begins[0] if begins else newest_first[0].at
    return OpenAttempt(message(tuple(columns)), columns[-2], began_at, asked)


def record(row: tuple[Any, ...]) -> Record:
    """The record in a row of `RECORD`, with its events if `history` follows."""
    number, id_, to, chat_id, text, accepted_at, expires_at, due_at, owner, session = row[:10]
    waha_id, code, detail, settled_at, on_unknown, ack, status, sessions = row[10:18]
    confirmation, seq, kind, priority, send_at, scheduled, batch, metadata, data = row[18:27]
    history = row[27:]
    return Record(
        number=number,
        id=id_,
        to=to,
        chat_id=chat_id,
        content=None if text is None else read_content(kind, text),
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
        on_unknown=on_unknown,
        ack=ack,
        unconfirmed=status == Status.SENT and confirmation in FLAGS,
        seq=seq,
        events=tuple(events(history[0])) if history else (),
        kind=kind or "text",
        priority=LANES[priority],
        send_at=send_at,
        scheduled=bool(scheduled),
        batch=batch,
        metadata=metadata,
        has_data=data is not None,
    )


def place(priority: int, scheduled: int) -> Place:
    """Whose place a message holds, by the two columns."""
    return "scheduled" if scheduled else LANES[priority]


def storable(text: str) -> str:
    """The text without lone surrogates, which the database does not take.

    So what a peer says can always be recorded, and a malformed id simply finds nothing.
    """
    return text.encode("utf-8", "replace").decode()


def storable_or_none(text: str | None) -> str | None:
    """The same, of what may be missing."""
    return None if text is None else storable(text)


def _sessions(text: str | None) -> tuple[str, ...]:
    return tuple(json.loads(text)) if text else ()
