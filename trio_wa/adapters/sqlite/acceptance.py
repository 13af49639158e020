"""How messages are taken in, many in one step as well as one."""

# ruff: noqa: S608 - the SQL is put together from constants, its values are always bound

import json
from collections.abc import Sequence
from typing import Any

import apsw

from trio_wa.adapters.content_json import write_content
from trio_wa.adapters.sqlite import many
from trio_wa.adapters.sqlite.history import first_line
from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.adapters.sqlite.recipients import known_to
from trio_wa.adapters.sqlite.rows import PRIORITY, storable_or_none
from trio_wa.adapters.sqlite.suppressions import suppressed
from trio_wa.core.content import holds_data
from trio_wa.core.message import Message
from trio_wa.ports import (
    Acceptance,
    Accepted,
    Draft,
    IdempotencyKey,
    KeyReused,
    Replayed,
    Suppressed,
)

_INSERT = f"""
INSERT INTO messages
    (number, seq, id, accepted_at, expires_at, recipient, chat_id, sessions, owner, kind, text,
     on_unknown, history, priority, send_at, scheduled, batch, metadata, data, ignore_suppression,
     status)
SELECT column1, *, 'queued' FROM {many.ROWS} WHERE column1 IS NOT NULL
"""
_USED = "SELECT fingerprint, message_id FROM keys WHERE owner = ? AND value = ?"
_USE = "INSERT INTO keys (owner, value, fingerprint, message_id, used_at) VALUES (?, ?, ?, ?, ?)"


def accept_all(journal: Journal, drafts: Sequence[Draft]) -> list[Acceptance]:
    """Record messages as queued, in their order and with their keys; or say why one is not.

    Raises ValueError if a message of the same id was accepted before; then a part of them may be
    recorded.
    """
    known = known_to(journal, [draft.chat_id for draft in drafts])
    acceptances: list[Acceptance] = []
    rows: list[tuple[Any, ...]] = []
    for draft in drafts:
        sessions = known.get(draft.chat_id, ())
        refusal = _refusal(journal, draft, sessions)
        if refusal is not None:
            acceptances.append(refusal)
            continue
        number = journal.totals.next()
        rows.append(_row(draft, number))
        accepted = _message(draft, number, sessions)
        acceptances.append(Accepted(accepted))
        if draft.place != "scheduled":
            journal.queued.append(accepted)
    journal.totals.accepted += len(rows)
    try:
        many.update(journal.connection, _INSERT, rows)
    except apsw.ConstraintError as error:
        raise ValueError("a message of the same id was accepted before") from error
    return acceptances


def used(
    connection: apsw.Connection | apsw.Cursor, owner: str | None, key: IdempotencyKey
) -> Replayed | KeyReused | None:
    """What a key was used for before; None if it is new."""
    row: Any = connection.execute(_USED, (owner or "", key.value)).fetchone()
    if row is None:
        return None
    fingerprint, message_id = row
    return Replayed(message_id) if fingerprint == key.fingerprint else KeyReused()


def replayed(connection: apsw.Connection, draft: Draft) -> Replayed | KeyReused | None:
    """What the key of `draft` was used for before; None if it is new, or there is none."""
    return None if draft.key is None else used(connection, draft.owner, draft.key)


def _refusal(journal: Journal, draft: Draft, sessions: tuple[str, ...]) -> Acceptance | None:
    """Why a message is not recorded; None, and its key is used, if it is to be."""
    key = draft.key
    before = None if key is None else used(journal.cursor, draft.owner, key)
    if before is not None:
        return before
    if journal.suppresses and not draft.ignore_suppression:
        suppression = suppressed(journal.cursor, draft.chat_id)
        if suppression is not None:
            return Suppressed(suppression)
    if (late := draft.late(sessions)) is not None:
        return late
    if key is not None:
        use = (draft.owner or "", key.value, key.fingerprint, draft.id, draft.accepted_at)
        journal.cursor.execute(_USE, use)
    return None


def _row(draft: Draft, number: int) -> tuple[Any, ...]:
    kind, text = write_content(draft.content)
    return (
        number,
        draft.id,
        draft.accepted_at,
        draft.expires_at,
        draft.to,
        draft.chat_id,
        json.dumps(draft.sessions) if draft.sessions else None,
        draft.owner,
        kind,
        text,
        draft.on_unknown,
        first_line(draft.accepted_at),
        PRIORITY[draft.priority],
        draft.send_at,
        draft.place == "scheduled",
        draft.batch,
        storable_or_none(draft.metadata),
        1 if holds_data(draft.content) else None,
        draft.ignore_suppression,
    )


def _message(draft: Draft, number: int, sessions: tuple[str, ...]) -> Message:
    return Message(
        id=draft.id,
        seq=number,
        chat_id=draft.chat_id,
        content=draft.content,
        accepted_at=draft.accepted_at,
        expires_at=draft.expires_at,
        sessions=draft.sessions,
        on_unknown=draft.on_unknown,
        known_to=sessions,
        priority=draft.priority,
    )
