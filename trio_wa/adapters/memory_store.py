"""A store in memory: what is accepted lives as long as the process."""

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

import trio

from trio_wa.adapters.memory_keys import Keys
from trio_wa.adapters.memory_row import Row
from trio_wa.core.message import Message
from trio_wa.core.retry import Decision, Final, Requeue
from trio_wa.core.status import Status, may_follow
from trio_wa.ports import (
    Acceptance,
    Accepted,
    Attempt,
    Draft,
    Event,
    Filter,
    Ledger,
    Publish,
    Record,
)

T = TypeVar("T")

_DONE = frozenset({Status.SENT, Status.DELIVERED, Status.READ})
_RETRIED = frozenset({Status.FAILED, Status.UNKNOWN, Status.EXPIRED})


class MemoryStore:
    """Keeps every unsettled message, and of the settled ones and the keys the newest.

    What is dropped beyond `max_settled` counts as purged. Every change is made in one step.
    """

    def __init__(self, publish: Publish, *, max_settled: int = 10_000) -> None:
        self._publish = publish
        self._max_settled = max_settled
        self._counter = itertools.count(1)
        self._rows: dict[str, Row] = {}
        self._settled: dict[str, Row] = {}
        self._keys = Keys(max_settled)
        self._accepted = 0
        self._purged = 0

    def problem(self) -> str | None:
        """None: memory can always be written."""
        return None

    async def accept(self, draft: Draft) -> Acceptance:
        """Record a message as queued, and publish it in the same step."""
        return await _write(partial(self._accept, draft))

    async def begin(self, message: Message, session: str, at: float) -> bool:
        """Record that an attempt begins; False if the message is not queued any more."""
        return await _write(partial(self._begin, message, session, at))

    async def settle(self, message: Message, attempt: Attempt, decision: Decision) -> None:
        """Record how an attempt ended and what follows from it, even for a cancelled caller."""
        self._settle(message, attempt, decision)
        await trio.lowlevel.checkpoint()

    async def expire(self, message_id: str, at: float) -> bool:
        """Record that a queued message was not sent in time; False if it is not queued any more."""
        return await _write(partial(self._end, message_id, Event(at, Status.EXPIRED)))

    async def cancel(self, message_id: str, at: float) -> bool:
        """Record that a queued message is not wanted any more; False if it is not queued."""
        return await _write(partial(self._end, message_id, Event(at, Status.CANCELLED)))

    async def retry(self, message_id: str, at: float, expires_at: float) -> bool:
        """Queue a failed, unknown or expired message again, and publish it in the same step."""
        return await _write(partial(self._retry, message_id, at, expires_at))

    async def begun(self) -> Sequence[Message]:
        """The messages of which an attempt began and was never settled."""
        await trio.lowlevel.checkpoint()
        rows = (row for row in self._rows.values() if row.status is Status.SENDING)
        return [row.message() for row in sorted(rows, key=_seq)]

    async def queued(self, after_seq: int, limit: int) -> Sequence[Message]:
        """The queued messages with the lowest `seq` above `after_seq`, in order."""
        await trio.lowlevel.checkpoint()
        rows = (row for row in self._queue() if row.seq > after_seq)
        return [row.message() for row in heapq.nsmallest(limit, rows, key=_seq)]

    async def expire_overdue(self, after_seq: int, at: float, limit: int) -> int:
        """Expire queued messages above `after_seq` whose time is over; says how many."""
        return await _write(partial(self._expire_overdue, after_seq, at, limit))

    async def erase_texts(self, settled_before: float, limit: int) -> int:
        """Erase texts of sent, delivered and read messages; says of how many."""
        return await _write(partial(self._erase_texts, settled_before, limit))

    async def purge(self, settled_before: float, limit: int) -> int:
        """Delete settled messages for good and count them as purged; says how many."""
        return await _write(partial(self._purge, settled_before, limit))

    async def forget_keys(self, used_before: float, limit: int) -> int:
        """Forget old idempotency keys; says how many."""
        return await _write(partial(self._keys.forget, used_before, limit))

    async def get(self, message_id: str) -> Record | None:
        """One message, with its events."""
        await trio.lowlevel.checkpoint()
        row = self._rows.get(message_id)
        return None if row is None else row.record(events=True)

    async def find(self, wanted: Filter, limit: int) -> Sequence[Record]:
        """The newest messages that match, without their events."""
        await trio.lowlevel.checkpoint()
        rows = (row for row in self._rows.values() if row.matches(wanted))
        newest = heapq.nlargest(limit, rows, key=lambda row: row.place)
        return [row.record(events=False) for row in newest]

    async def ledger(self) -> Ledger:
        """The totals and the count of each state."""
        await trio.lowlevel.checkpoint()
        counts = Counter(row.status for row in self._rows.values())
        return Ledger(self._accepted, self._purged, {status: counts[status] for status in Status})

    def _accept(self, draft: Draft) -> Acceptance:
        if (answer := self._keys.answer(draft)) is not None:
            return answer
        if draft.id in self._rows:
            raise ValueError(f"a message {draft.id!r} was accepted before")
        self._keys.record(draft)
        number = next(self._counter)
        row = Row(replace(draft, text=""), number, number, draft.expires_at, draft.text)
        row.enter(Event(draft.accepted_at, Status.QUEUED))
        self._rows[draft.id] = row
        self._accepted += 1
        message = row.message()
        self._publish(message)
        return Accepted(message)

    def _begin(self, message: Message, session: str, at: float) -> bool:
        row = self._rows.get(message.id)
        if row is None or row.status is not Status.QUEUED or row.seq != message.seq:
            return False
        row.session, row.waha_id = session, None
        row.enter(Event(at, Status.SENDING, session))
        return True

    def _settle(self, message: Message, attempt: Attempt, decision: Decision) -> None:
        after = decision.status if isinstance(decision, Final) else Status.QUEUED
        row = self._rows.get(message.id)
        if row is None or row.status is not Status.SENDING or not may_follow(row.status, after):
            return
        event = Event(
            attempt.ended_at,
            after,
            attempt.session,
            decision.code,
            decision.detail,
            attempt.began_at,
        )
        row.session, row.code, row.detail = attempt.session, decision.code, decision.detail
        match decision:
            case Requeue(requeued):
                row.due_at, row.attempts = requeued.due_at, requeued.attempts
                row.deferrals = requeued.deferrals
                row.enter(event)
            case Final(waha_id=waha_id):
                row.waha_id = waha_id
                self._finish(row, event)

    def _end(self, message_id: str, event: Event) -> bool:
        row = self._rows.get(message_id)
        if row is None or row.status is not Status.QUEUED:
            return False
        self._finish(row, event)
        return True

    def _retry(self, message_id: str, at: float, expires_at: float) -> bool:
        row = self._settled.get(message_id)
        if row is None or row.status not in _RETRIED or row.text is None:
            return False
        del self._settled[message_id]
        row.seq = next(self._counter)
        row.expires_at, row.due_at, row.settled_at = expires_at, 0.0, None
        row.attempts = row.deferrals = 0
        row.code = row.detail = None
        row.enter(Event(at, Status.QUEUED))
        self._publish(row.message())
        return True

    def _finish(self, row: Row, event: Event) -> None:
        row.settled_at = event.at
        row.enter(event)
        self._settled[row.draft.id] = row
        if len(self._settled) > self._max_settled:
            self._delete(next(iter(self._settled)))

    def _delete(self, message_id: str) -> None:
        del self._settled[message_id], self._rows[message_id]
        self._purged += 1

    def _queue(self) -> Iterator[Row]:
        return (row for row in self._rows.values() if row.status is Status.QUEUED)

    def _settled_before(self, time: float) -> Iterator[Row]:
        for row in self._settled.values():
            if row.settled_at is not None and row.settled_at < time:
                yield row

    def _expire_overdue(self, after_seq: int, at: float, limit: int) -> int:
        rows = (row for row in self._queue() if row.seq > after_seq and row.expires_at <= at)
        overdue = list(itertools.islice(rows, limit))
        for row in overdue:
            self._finish(row, Event(at, Status.EXPIRED))
        return len(overdue)

    def _erase_texts(self, settled_before: float, limit: int) -> int:
        rows = (
            row
            for row in self._settled_before(settled_before)
            if row.status in _DONE and row.text is not None
        )
        erased = list(itertools.islice(rows, limit))
        for row in erased:
            row.text = None
        return len(erased)

    def _purge(self, settled_before: float, limit: int) -> int:
        old = list(itertools.islice(self._settled_before(settled_before), limit))
        for row in old:
            self._delete(row.draft.id)
        return len(old)


def _seq(row: Row) -> int:
    return row.seq


async def _write(change: Callable[[], T]) -> T:
    await trio.lowlevel.checkpoint_if_cancelled()
    result = change()
    await trio.lowlevel.cancel_shielded_checkpoint()
    return result
