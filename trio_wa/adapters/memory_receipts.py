"""What the store in memory learns of messages once they have gone out."""

import heapq
from collections.abc import Iterator

from trio_wa.adapters.acknowledgement import (
    MAX_FLAGGED,
    OVERDUE,
    UNCONFIRMED,
    confirmation,
    reason,
    received,
)
from trio_wa.adapters.memory_row import Row
from trio_wa.adapters.memory_table import Table
from trio_wa.core.status import Status
from trio_wa.ports import Event, Moved, Receipt, Unconfirmed


def receive(table: Table, receipt: Receipt) -> Moved | None:
    """Record an ack of the message that bears its id, or keep it for one that will."""
    row = table.bearer(receipt.session, receipt.waha_id)
    if row is None:
        table.acks.keep(receipt)
        return None
    before = row.status
    opened = before is Status.UNKNOWN and row.settled_at is None
    after, row.ack = received(before, row.ack, receipt.ack)
    if before is not Status.SENDING:
        row.confirmation = confirmation(row.ack) or row.confirmation
    if after is before:
        return None
    row.code, row.detail = reason(after)
    at = max(receipt.at, row.draft.accepted_at)  # else it would be dropped as an old one
    table.finish(row, Event(at, after, receipt.session, row.code, row.detail))
    return Moved(row.draft.id, before, after, opened, row.draft.priority)


def unconfirmed(table: Table, session: str, sent_after: float, limit: int) -> list[Unconfirmed]:
    """What waits for a first ack and was not looked up, the oldest first."""
    oldest = heapq.nsmallest(limit, _awaiting(table, session, sent_after))
    return [
        Unconfirmed(
            row.draft.id, row.draft.chat_id, row.waha_id or "", at, priority=row.draft.priority
        )
        for at, _, row in oldest
    ]


def flag_unconfirmed(table: Table, session: str, sent_after: float, sent_before: float) -> int:
    """Flag what waits for a first ack and was settled between the times, up to `MAX_FLAGGED`."""
    late = (
        (at, number, row)
        for at, number, row in _awaiting(table, session, sent_after)
        if at <= sent_before and row.confirmation is None
    )
    flagged = heapq.nsmallest(MAX_FLAGGED, late)
    for _, _, row in flagged:
        row.confirmation = OVERDUE
    return len(flagged)


def mark_unconfirmed(table: Table, message_id: str, at: float) -> bool:
    """Flag a sent message that was looked up in vain; False if it waits for no ack any more."""
    row = table.settled.get(message_id)
    if row is None or not row.awaits_ack:
        return False
    row.confirmation = UNCONFIRMED
    row.enter(Event(at, Status.SENT, row.session, UNCONFIRMED))
    return True


def _awaiting(table: Table, session: str, after: float) -> Iterator[tuple[float, int, Row]]:
    for row in table.settled.values():
        at = row.settled_at
        if row.session == session and at is not None and at > after and row.awaits_ack:
            yield at, row.number, row
