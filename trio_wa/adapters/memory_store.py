"""A store in memory: what is accepted lives as long as the process."""

import heapq
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import trio

from trio_wa.adapters import memory_attempts as attempts
from trio_wa.adapters import memory_changes as changes
from trio_wa.adapters import memory_receipts as receipts
from trio_wa.adapters import memory_sessions as sessions
from trio_wa.adapters import memory_upkeep as upkeep
from trio_wa.adapters.memory_row import Row
from trio_wa.adapters.memory_table import Table
from trio_wa.adapters.traffic import histories
from trio_wa.core.message import Message
from trio_wa.core.pace import History
from trio_wa.core.retry import Decision, Final, Requeue
from trio_wa.core.status import Status
from trio_wa.ports import (
    Acceptance,
    Activity,
    Attempt,
    Draft,
    Event,
    Filter,
    Ledger,
    Moved,
    OpenAttempt,
    Publish,
    Receipt,
    Record,
    SessionMemory,
    Unconfirmed,
)

T = TypeVar("T")


class MemoryStore:
    """Keeps every unsettled message, and the newest settled ones, keys, contacts and recipients.

    What is dropped beyond `max_settled` counts as purged. Every change is made in one step.
    """

    def __init__(self, publish: Publish, *, max_settled: int = 10_000) -> None:
        self._table = Table(publish, max_settled)
        self._sessions = sessions.Sessions(max_settled)

    def problem(self) -> str | None:
        """None: memory can always be written."""
        return None

    async def problem_changed(self) -> str | None:
        """Wait for ever: memory can always be written."""
        await trio.sleep_forever()

    async def accept(self, draft: Draft) -> Acceptance:
        """Record a message as queued, and publish it in the same step."""
        return await _write(partial(changes.accept, self._table, draft))

    async def begin(self, message: Message, session: str, at: float) -> bool:
        """Record that an attempt begins; False if the message is not queued any more."""
        return await _write(partial(attempts.begin, self._table, message, session, at))

    async def postpone(self, message: Message, attempt: Attempt, decision: Requeue) -> bool:
        """Record an attempt that was not even begun; False if the message is not queued."""
        return await _write(partial(attempts.postpone, self._table, message, attempt, decision))

    async def settle(self, message: Message, attempt: Attempt, decision: Decision) -> Status:
        """Record how an attempt ended and what follows from it, even for a cancelled caller."""
        status = attempts.settle(self._table, message, attempt, decision)
        await trio.lowlevel.checkpoint()
        return status

    async def resolve(
        self, message: Message, session: str, at: float, decision: Final | Requeue
    ) -> bool:
        """Record what follows for a message that was looked up; False if it is not any more."""
        return await _write(partial(attempts.resolve, self._table, message, session, at, decision))

    async def expire(self, message_id: str, at: float) -> bool:
        """Record that a queued message was not sent in time; False if it is not queued any more."""
        return await _write(
            partial(changes.end, self._table, message_id, Event(at, Status.EXPIRED))
        )

    async def cancel(self, message_id: str, at: float) -> bool:
        """Record that a queued message is not wanted any more; False if it is not queued."""
        return await _write(
            partial(changes.end, self._table, message_id, Event(at, Status.CANCELLED))
        )

    async def retry(self, message_id: str, at: float, expires_at: float) -> bool:
        """Queue a failed, unknown or expired message again, and publish it in the same step."""
        return await _write(partial(changes.retry, self._table, message_id, at, expires_at))

    async def receive(self, receipt: Receipt) -> Moved | None:
        """Record an ack; None if no message changed its state."""
        return await _write(partial(receipts.receive, self._table, receipt))

    async def unconfirmed(
        self, session: str, sent_after: float, limit: int
    ) -> Sequence[Unconfirmed]:
        """What waits for a first ack and was not looked up, the oldest first."""
        await trio.lowlevel.checkpoint()
        return receipts.unconfirmed(self._table, session, sent_after, limit)

    async def flag_unconfirmed(self, session: str, sent_after: float, sent_before: float) -> int:
        """Flag what waits for a first ack, at most 1,000 in a call: repeat it until it says 0."""
        return await _write(
            partial(receipts.flag_unconfirmed, self._table, session, sent_after, sent_before)
        )

    async def mark_unconfirmed(self, message_id: str, at: float) -> bool:
        """Flag a sent message that was looked up in vain; False if it waits for no ack any more."""
        return await _write(partial(receipts.mark_unconfirmed, self._table, message_id, at))

    async def resend(self, message_id: str, at: float) -> bool:
        """Queue a sent message without an ack again, once, behind all others, and publish it."""
        return await _write(partial(changes.resend, self._table, message_id, at))

    async def forget_acks(self, before: float, limit: int) -> int:
        """Forget acks that no message bore; says how many."""
        return await _write(partial(self._table.acks.forget, before, limit))

    async def remember_session(self, session: str, memory: SessionMemory) -> None:
        """Record what outlives a restart of a session."""
        await _write(partial(self._sessions.remember, session, memory))

    async def session_memories(self) -> Mapping[str, SessionMemory]:
        """What was recorded of each session."""
        await trio.lowlevel.checkpoint()
        return dict(self._sessions.memories)

    async def activity(self, now: float) -> Mapping[str, Activity]:
        """What each session sent in the last minute, hour and day."""
        await trio.lowlevel.checkpoint()
        return sessions.activity(self._table, now)

    async def histories(self, now: float) -> Mapping[str, History]:
        """What each session has sent, for its pace."""
        await trio.lowlevel.checkpoint()
        minutes = sorted(self._table.traffic.minutes.items())
        return histories(((session, minute) for (session, _), minute in minutes), now)

    async def remember_recipient(self, session: str, chat_id: str) -> None:
        """Record that a recipient is known to a session."""
        await _write(partial(self._table.recipients.learn, session, chat_id))

    async def forget_histories(self, before: float, limit: int) -> int:
        """Forget begins of before; says of how many minutes. When each session began, stays."""
        return await _write(partial(upkeep.forget_histories, self._table, before, limit))

    async def contact(self, chat_id: str) -> str | None:
        """The chat id under which WhatsApp knows a recipient; None if that is not known."""
        await trio.lowlevel.checkpoint()
        return self._sessions.contact(chat_id)

    async def remember_contact(self, chat_id: str, known_as: str) -> None:
        """Record under which chat id WhatsApp knows a recipient."""
        await _write(partial(self._sessions.remember_contact, chat_id, known_as))

    async def open_attempts(self) -> Sequence[OpenAttempt]:
        """The attempts that were never settled, by `seq`: what a crash left, or is looked up."""
        await trio.lowlevel.checkpoint()
        rows = (row for row in self._table.rows.values() if row.open)
        known_to = self._table.recipients.known_to
        return [row.open_attempt(known_to(row.draft.chat_id)) for row in sorted(rows, key=_seq)]

    async def queued(self, after_seq: int, limit: int) -> Sequence[Message]:
        """The queued messages with the lowest `seq` above `after_seq`, in order."""
        await trio.lowlevel.checkpoint()
        rows = (row for row in self._table.queue() if row.seq > after_seq)
        return [self._table.message(row) for row in heapq.nsmallest(limit, rows, key=_seq)]

    async def expire_overdue(self, after_seq: int, at: float, limit: int) -> int:
        """Expire queued messages above `after_seq` whose time is over; says how many."""
        return await _write(partial(upkeep.expire_overdue, self._table, after_seq, at, limit))

    async def erase_texts(self, settled_before: float, limit: int) -> int:
        """Erase texts of sent, delivered and read messages; says of how many."""
        return await _write(partial(upkeep.erase_texts, self._table, settled_before, limit))

    async def purge(self, settled_before: float, limit: int) -> int:
        """Delete settled messages for good and count them as purged; says how many."""
        return await _write(partial(upkeep.purge, self._table, settled_before, limit))

    async def forget_keys(self, used_before: float, limit: int) -> int:
        """Forget old idempotency keys; says how many."""
        return await _write(partial(self._table.keys.forget, used_before, limit))

    async def get(self, message_id: str) -> Record | None:
        """One message, with its events."""
        await trio.lowlevel.checkpoint()
        row = self._table.rows.get(message_id)
        return None if row is None else row.record(events=True)

    async def find(self, wanted: Filter, limit: int) -> Sequence[Record]:
        """The newest messages that match, without their events."""
        await trio.lowlevel.checkpoint()
        rows = (row for row in self._table.rows.values() if row.matches(wanted))
        newest = heapq.nlargest(limit, rows, key=lambda row: row.place)
        return [row.record(events=False) for row in newest]

    async def ledger(self) -> Ledger:
        """The totals and the count of each state."""
        await trio.lowlevel.checkpoint()
        counts = Counter(row.status for row in self._table.rows.values())
        return Ledger(
            self._table.accepted, self._table.purged, {status: counts[status] for status in Status}
        )


def _seq(row: Row) -> int:
    return row.seq


async def _write(change: Callable[[], T]) -> T:
    await trio.lowlevel.checkpoint_if_cancelled()
    result = change()
    await trio.lowlevel.cancel_shielded_checkpoint()
    return result
