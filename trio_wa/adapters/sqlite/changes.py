"""How a message enters and leaves the queue: every step is a conditional update of its row."""

# ruff: noqa: S608 - the SQL is put together from constants, its values are always bound

import json

import apsw

from trio_wa.adapters.sqlite.history import APPEND, line
from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.adapters.sqlite.recipients import known_to
from trio_wa.adapters.sqlite.rows import MESSAGE, message, storable
from trio_wa.core.message import Message
from trio_wa.core.status import Status
from trio_wa.ports import (
    Acceptance,
    Accepted,
    Draft,
    Event,
    KeyReused,
    Replayed,
)

_INSERT = """
INSERT INTO messages
    (number, seq, id, status, accepted_at, expires_at, recipient, chat_id, sessions, owner, text,
     on_unknown, history)
VALUES (?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_USED = "SELECT fingerprint, message_id FROM keys WHERE owner = ? AND value = ?"
_USE = "INSERT INTO keys (owner, value, fingerprint, message_id, used_at) VALUES (?, ?, ?, ?, ?)"
_END = f"""
UPDATE messages SET status = ?, settled_at = ?, history = {APPEND}
WHERE id = ? AND status = 'queued'
"""
_RETRY = f"""
UPDATE messages
SET status = 'queued', seq = ?, expires_at = ?, due_at = 0, attempts = 0, deferrals = 0, resent = 0,
    waha_id = NULL, ack = NULL, confirmation = NULL, code = NULL, detail = NULL, settled_at = NULL,
    history = {APPEND}
WHERE id = ? AND status IN ('failed', 'unknown', 'expired') AND settled_at IS NOT NULL
    AND text IS NOT NULL
RETURNING {MESSAGE}
"""


def accept(journal: Journal, draft: Draft) -> Acceptance:
    """Record a message as queued, together with its key; or say what the key was used for.

    Raises ValueError if a message of that id was accepted before.
    """
    key, owner = draft.key, draft.owner or ""
    if key is not None:
        used = journal.cursor.execute(_USED, (owner, key.value)).fetchone()
        if used is not None:
            return Replayed(used[1]) if used[0] == key.fingerprint else KeyReused()
        use = (owner, key.value, key.fingerprint, draft.id, draft.accepted_at)
        journal.cursor.execute(_USE, use)
    number = journal.totals.next()
    journal.totals.accepted += 1
    values = (
        number,
        number,
        draft.id,
        draft.accepted_at,
        draft.expires_at,
        draft.to,
        draft.chat_id,
        json.dumps(draft.sessions) if draft.sessions else None,
        draft.owner,
        draft.text,
        draft.on_unknown,
        line(Event(draft.accepted_at, Status.QUEUED)),
    )
    try:
        journal.cursor.execute(_INSERT, values)
    except apsw.ConstraintError as error:
        raise ValueError(f"a message {draft.id!r} was accepted before") from error
    accepted = Message(
        id=draft.id,
        seq=number,
        chat_id=draft.chat_id,
        text=draft.text,
        accepted_at=draft.accepted_at,
        expires_at=draft.expires_at,
        sessions=draft.sessions,
        on_unknown=draft.on_unknown,
        known_to=known_to(journal, draft.chat_id),
    )
    journal.queued.append(accepted)
    return Accepted(accepted)


def end(journal: Journal, message_id: str, event: Event) -> bool:
    """Take a message out of the queue for good; False if it is not queued."""
    journal.cursor.execute(_END, (event.status, event.at, line(event), storable(message_id)))
    return journal.changed()


def retry(journal: Journal, message_id: str, at: float, expires_at: float) -> bool:
    """Queue a settled, unsent message again, behind all others; False if it is in another state."""
    event = line(Event(at, Status.QUEUED))
    values = (journal.totals.next(), expires_at, event, storable(message_id))
    return requeue(journal, _RETRY, values)


def requeue(journal: Journal, sql: str, values: tuple[str | float, ...]) -> bool:
    """Run the update `sql`, and publish the message that it returns; False if it changes none."""
    queued = [message(row) for row in journal.cursor.execute(sql, values)]
    journal.queued += queued
    return bool(queued)
