"""An attempt to send, for the store in memory: its begin, its end, and what is found out later."""

from trio_wa.adapters.acknowledgement import confirmation, reason, stronger
from trio_wa.adapters.memory_row import Row
from trio_wa.adapters.memory_table import Table
from trio_wa.adapters.traffic import counts
from trio_wa.core.contacts import is_person
from trio_wa.core.message import Message
from trio_wa.core.retry import Decision, Final, Requeue, call_off, state_after
from trio_wa.core.status import EDGES, Status, joined, may_follow
from trio_wa.ports import Attempt, Event

_ENDS = tuple(EDGES[Status.SENDING])
"""How an attempt may end: a tuple, for the hash of a state takes longer than to compare it."""


def begin(table: Table, message: Message, session: str, at: float) -> bool:
    """Record that an attempt begins; False if the message is not queued in that place any more."""
    row = table.queued(message)
    if row is None:
        return False
    table.bear(row, session, message.waha_id)
    row.enter(Event(at, Status.SENDING, session))
    return True


def postpone(table: Table, message: Message, attempt: Attempt, decision: Requeue) -> bool:
    """Record an attempt that was not even begun; False if the message is not queued there."""
    row = table.queued(message)
    if row is None:
        return False
    row.code, row.detail = decision.code, decision.detail
    event = Event(
        attempt.ended_at,
        Status.QUEUED,
        attempt.session,
        row.code,
        row.detail,
        attempt.began_at,
    )
    _wait(row, decision, event)
    return True


def settle(table: Table, message: Message, attempt: Attempt, decision: Decision) -> Status:
    """Record how an attempt ended, and what follows from it or from an ack that came before."""
    row = table.rows.get(message.id)
    if row is None:
        return state_after(decision)
    if isinstance(decision, Requeue) and table.suppressions.against(row.draft) is not None:
        decision = call_off(decision)
    after = state_after(decision)
    if counts(attempt):
        chat_id = row.draft.chat_id
        new = is_person(chat_id) and table.recipients.is_new(attempt.session, chat_id)
        table.traffic.count(attempt.session, attempt.began_at, new=new)
    if row.status is not Status.SENDING or after not in _ENDS:
        return row.status
    named = _named(decision) or row.waha_id
    ack = _known(table, row, attempt.session, named)
    state = joined(after, ack)
    row.code, row.detail = (decision.code, decision.detail) if state is after else reason(state)
    event = Event(attempt.ended_at, state, attempt.session, row.code, row.detail, attempt.began_at)
    if ack is None and isinstance(decision, Requeue):
        _requeue(table, row, attempt.session, decision, event)
        return state
    table.bear(row, attempt.session, named)
    row.ack, row.confirmation = ack, confirmation(ack)
    if state is Status.UNKNOWN and not isinstance(decision, Final):
        row.enter(event)
    else:
        table.finish(row, event)
    return state


def resolve(
    table: Table, message: Message, session: str, at: float, decision: Final | Requeue
) -> Status | None:
    """Record what follows for a message that was looked up; None if it is not any more."""
    row = table.rows.get(message.id)
    if row is None or row.status is not Status.UNKNOWN or row.settled_at is not None:
        return None
    if isinstance(decision, Requeue) and table.suppressions.against(row.draft) is not None:
        decision = call_off(decision)
    after = state_after(decision)
    if after is not Status.UNKNOWN and not may_follow(Status.UNKNOWN, after):
        return None
    row.code, row.detail = decision.code, decision.detail
    event = Event(at, after, session, row.code, row.detail)
    if isinstance(decision, Requeue):
        _requeue(table, row, session, decision, event)
    else:
        table.bear(row, session, _named(decision) or row.waha_id)
        table.finish(row, event)
    return after


def _known(table: Table, row: Row, session: str, named: str | None) -> int | None:
    """The ack that came before the end of the attempt, whether the row bore its id or none did."""
    if named is None:
        return None
    ack = row.ack if named == row.waha_id else None
    early = table.acks.take(session, named)
    return ack if early is None else stronger(ack, early)


def _requeue(table: Table, row: Row, session: str, decision: Requeue, event: Event) -> None:
    table.bear(row, session, decision.message.waha_id)
    _wait(row, decision, event)


def _wait(row: Row, decision: Requeue, event: Event) -> None:
    message = decision.message
    row.due_at, row.attempts, row.deferrals = message.due_at, message.attempts, message.deferrals
    row.enter(event)


def _named(decision: Decision) -> str | None:
    """The id that WAHA's answer named; what was not sent keeps the one that it began with."""
    if isinstance(decision, Final) and decision.status is Status.SENT:
        return decision.waha_id
    return None
