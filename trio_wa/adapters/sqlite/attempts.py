"""An attempt to send: its begin, its end, and what a look-up finds out later."""

# ruff: noqa: S608 - the SQL is put together from constants, its values are always bound

from typing import Any

from trio_wa.adapters.acknowledgement import confirmation, reason, stronger
from trio_wa.adapters.sqlite.history import APPEND, line
from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.adapters.sqlite.recipients import knows, learn
from trio_wa.adapters.sqlite.rows import storable_or_none
from trio_wa.adapters.sqlite.suppressions import unwanted
from trio_wa.adapters.traffic import counts
from trio_wa.core.contacts import is_person
from trio_wa.core.message import Message
from trio_wa.core.retry import Decision, Final, Requeue, call_off, state_after
from trio_wa.core.status import REACHED, Status, joined, may_follow
from trio_wa.ports import Attempt, Event

_BEGIN = f"""
UPDATE messages
SET status = 'sending', session = ?, waha_id = ?, history = {APPEND}
WHERE id = ? AND seq = ? AND status = 'queued'
"""
_REQUEUE = """
UPDATE messages
SET status = 'queued', session = ?, code = ?, detail = ?, waha_id = ?, due_at = ?, attempts = ?,
    deferrals = ?"""
_UNACKED = """
WHERE id = ? AND status = 'sending' AND ack IS NULL AND NOT EXISTS (
    SELECT 1 FROM acks WHERE acks.waha_id = {} AND acks.session = ?
)
"""
"""Nearly always no ack came before; then one statement does."""
_SETTLE_REQUEUE = f"{_REQUEUE}, history = {APPEND}{_UNACKED.format('messages.waha_id')}"
_POSTPONE = f"""
UPDATE messages
SET code = ?, detail = ?, due_at = ?, attempts = ?, deferrals = ?, history = {APPEND}
WHERE id = ? AND seq = ? AND status = 'queued'
"""
_SETTLE = f"""
UPDATE messages
SET status = ?1, session = ?2, code = ?3, detail = ?4, waha_id = coalesce(?5, waha_id),
    settled_at = ?6, history = {APPEND}{_UNACKED.format("coalesce(?5, messages.waha_id)")}
"""
_BORNE = "SELECT status, waha_id, ack FROM messages WHERE id = ?"
_EARLY = "DELETE FROM acks WHERE waha_id = ? AND session = ? RETURNING ack"
_JOIN = f"""
UPDATE messages
SET status = ?, session = ?, code = ?, detail = ?, waha_id = ?, ack = ?, confirmation = ?,
    settled_at = ?, history = {APPEND}
WHERE id = ?
"""
_ASKED = "WHERE id = ? AND status = 'unknown' AND settled_at IS NULL"
_RESOLVE_REQUEUE = f"{_REQUEUE}, history = {APPEND} {_ASKED}"
_RESOLVE = f"""
UPDATE messages
SET status = ?, session = ?, code = ?, detail = ?, waha_id = coalesce(?, waha_id), settled_at = ?,
    history = {APPEND} {_ASKED}
"""


def begin(journal: Journal, message: Message, session: str, at: float) -> bool:
    """Record that an attempt begins; False if the message is not queued in that place any more."""
    event = line(Event(at, Status.SENDING, session))
    values = (session, storable_or_none(message.waha_id), event, message.id, message.seq)
    journal.cursor.execute(_BEGIN, values)
    return journal.changed()


def postpone(journal: Journal, message: Message, attempt: Attempt, decision: Requeue) -> bool:
    """Record an attempt that was not even begun; False if the message is not queued there."""
    session = attempt.session
    code, detail = storable_or_none(decision.code), storable_or_none(decision.detail)
    event = Event(attempt.ended_at, Status.QUEUED, session, code, detail, attempt.began_at)
    where = (line(event), message.id, message.seq)
    _, *counters = _again(decision)
    journal.cursor.execute(_POSTPONE, (code, detail, *counters, *where))
    return journal.changed()


def settle(journal: Journal, message: Message, attempt: Attempt, decision: Decision) -> Status:
    """Record how an attempt ended, and what follows from it or from an ack that came before."""
    if isinstance(decision, Requeue) and unwanted(journal, message.id):
        decision = call_off(decision)
    after, session = state_after(decision), attempt.session
    if may_follow(Status.SENDING, after):
        code, detail = storable_or_none(decision.code), storable_or_none(decision.detail)
        event = line(Event(attempt.ended_at, after, session, code, detail, attempt.began_at))
        cause = (session, code, detail)
        where = (event, message.id, session)
        if isinstance(decision, Requeue):
            journal.cursor.execute(_SETTLE_REQUEUE, (*cause, *_again(decision), *where))
        else:
            settled_at = attempt.ended_at if isinstance(decision, Final) else None
            named = _named(decision)
            journal.cursor.execute(_SETTLE, (after, *cause, named, settled_at, *where))
        if journal.changed():
            _count(journal, message, attempt, after)
            return after
    row = journal.cursor.execute(_BORNE, (message.id,)).fetchone()
    if row is None:
        return after
    status, *borne = row
    if status != Status.SENDING or not may_follow(Status.SENDING, after):
        _count(journal, message, attempt, None)
        return Status(status)
    after = _join(journal, message.id, attempt, decision, *borne)
    _count(journal, message, attempt, after)
    return after


def resolve(
    journal: Journal, message: Message, session: str, at: float, decision: Final | Requeue
) -> Status | None:
    """Record what follows for a message that was looked up; None if it is not any more."""
    if isinstance(decision, Requeue) and unwanted(journal, message.id):
        decision = call_off(decision)
    after = state_after(decision)
    if after is not Status.UNKNOWN and not may_follow(Status.UNKNOWN, after):
        return None
    code, detail = storable_or_none(decision.code), storable_or_none(decision.detail)
    where = (line(Event(at, after, session, code, detail)), message.id)
    cause = (session, code, detail)
    if isinstance(decision, Requeue):
        journal.cursor.execute(_RESOLVE_REQUEUE, (*cause, *_again(decision), *where))
    else:
        journal.cursor.execute(_RESOLVE, (after, *cause, _named(decision), at, *where))
    if not journal.changed():
        return None
    if after in REACHED and session not in message.known_to:
        learn(journal, session, message.chat_id)
    return after


def _join(
    journal: Journal,
    message_id: str,
    attempt: Attempt,
    decision: Decision,
    borne: str | None,
    ack: int | None,
) -> Status:
    """Settle a message whose row, or whose id, has an ack already."""
    session, named = attempt.session, _named(decision) or borne
    if named != borne:
        ack = None  # it belongs to the id that WhatsApp did not take
    early: list[Any] = journal.cursor.execute(_EARLY, (named, session)).fetchall()
    for (other,) in early:
        ack = stronger(ack, other)
    after = joined(state_after(decision), ack)
    code, detail = (
        (decision.code, decision.detail) if after is state_after(decision) else reason(after)
    )
    code, detail = storable_or_none(code), storable_or_none(detail)
    event = line(Event(attempt.ended_at, after, session, code, detail, attempt.began_at))
    proof = (named, ack, confirmation(ack), attempt.ended_at)
    values = (after, session, code, detail, *proof, event, message_id)
    journal.cursor.execute(_JOIN, values)
    return after


def _count(journal: Journal, message: Message, attempt: Attempt, state: Status | None) -> None:
    """Count an attempt, and note that its recipient is known if it came to such a `state`."""
    session, chat_id = attempt.session, message.chat_id
    counted, new = counts(attempt), False
    if session not in message.known_to:
        if state in REACHED:
            new = learn(journal, session, chat_id)
        else:
            new = counted and not knows(journal, session, chat_id)
    if counted:
        journal.begun.append((session, attempt.began_at, new and is_person(chat_id)))


def _again(decision: Requeue) -> tuple[str | None, float, int, int]:
    message = decision.message
    waha_id = storable_or_none(message.waha_id)
    return waha_id, message.due_at, message.attempts, message.deferrals


def _named(decision: Decision) -> str | None:
    """The id that WAHA's answer named; what was not sent keeps the one that it began with."""
    if isinstance(decision, Final) and decision.status is Status.SENT:
        return storable_or_none(decision.waha_id)
    return None
