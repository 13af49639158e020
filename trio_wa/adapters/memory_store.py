"""A store in memory: what is accepted lives as long as the process."""

import heapq
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice

import trio

from trio_wa.adapters import memory_attempts as attempts
from trio_wa.adapters import memory_changes as changes
from trio_wa.adapters import memory_receipts as receipts
from trio_wa.adapters import memory_upkeep as upkeep
from trio_wa.adapters.memory_session_store import MemorySessionStore, write
from trio_wa.adapters.memory_table import Table
from trio_wa.core.message import Message, Priority
from trio_wa.core.retry import Decision, Final, Requeue
from trio_wa.core.status import Status
from trio_wa.ports import (
    Acceptance,
    Attempt,
    Batch,
    Draft,
    Filter,
    KeyReused,
    Ledger,
    Moved,
    OpenAttempt,
    Place,
    Publish,
    Receipt,
    Record,
    Replayed,
    Unconfirmed,
)


class MemoryStore(MemorySessionStore):
    """Keeps every unsettled message, and the newest settled ones, keys, contacts and recipients.

    What is dropped beyond `max_settled` counts as purged. Every change is made in one step.
    """

    def __init__(self, publish: Publish, *, max_settled: int = 10_000) -> None:
        super().__init__(Table(publish, max_settled))

    def problem(self) -> str | None:
        """None: memory can always be written."""
        return None

    async def problem_changed(self) -> str | None:
        """Wait for ever: memory can always be written."""
        await trio.sleep_forever()

    async def accept(self, draft: Draft) -> Acceptance:
        """Record a message as queued, and publish it in the same step unless it is scheduled."""
        [answer] = await self.accept_all([draft])
        return answer

    async def accept_all(self, drafts: Sequence[Draft]) -> Sequence[Acceptance]:
        """Accept several, each as `accept` does, in one step and in their order."""
        return await write(partial(changes.accept_all, self._table, drafts))

    async def replayed(self, draft: Draft) -> Replayed | KeyReused | None:
        """What the key of `draft` was used for before; None if it is new, or there is none."""
        await trio.lowlevel.checkpoint()
        return self._table.keys.answer(draft)

    async def release_due(self, at: float, limit: int) -> Sequence[Message]:
        """Queue the scheduled messages whose time has come, behind all others, and publish them."""
        return await write(partial(changes.release_due, self._table, at, limit))

    async def next_due(self) -> float | None:
        """When the first of the scheduled messages is due; None if there are none."""
        await trio.lowlevel.checkpoint()
        return self._table.queue.next_due()

    async def begin(self, message: Message, session: str, at: float) -> bool:
        """Record that an attempt begins; False if the message is not queued any more."""
        # Whoever begins sends at once: a yield between would have all of them go out together.
        await trio.lowlevel.checkpoint_if_cancelled()
        return attempts.begin(self._table, message, session, at)

    async def postpone(self, message: Message, attempt: Attempt, decision: Requeue) -> bool:
        """Record an attempt that was not even begun; False if the message is not queued."""
        return await write(partial(attempts.postpone, self._table, message, attempt, decision))

    async def settle(self, message: Message, attempt: Attempt, decision: Decision) -> Status:
        """Record how an attempt ended and what follows from it, even for a cancelled caller."""
        status = attempts.settle(self._table, message, attempt, decision)
        await trio.lowlevel.checkpoint()
        return status

    def settle_soon(
        self, message: Message, attempt: Attempt, decision: Decision, then: Callable[[Status], None]
    ) -> None:
        """Record how an attempt ended; `then` is called before this returns."""
        then(attempts.settle(self._table, message, attempt, decision))

    async def resolve(
        self, message: Message, session: str, at: float, decision: Final | Requeue
    ) -> Status | None:
        """Record what follows for a message that was looked up; None if it is not any more."""
        return await write(partial(attempts.resolve, self._table, message, session, at, decision))

    async def expire(self, message: Message, at: float) -> bool:
        """Record that a queued message was not sent in time; False if it is not queued any more."""
        return await write(partial(changes.expire, self._table, message, at))

    async def cancel(self, message_id: str, at: float) -> Place | None:
        """Record that a queued message is not wanted any more, and say whose place it held."""
        return await write(partial(changes.cancel, self._table, message_id, at))

    async def cancel_batch(self, batch: str, at: float, limit: int) -> Mapping[str, Place]:
        """Cancel what is queued of a batch, the oldest first: their ids, and the places held."""
        return await write(partial(changes.cancel_batch, self._table, batch, at, limit))

    async def retry(self, message_id: str, at: float, expires_at: float) -> bool:
        """Queue a failed, unknown or expired message again, and publish it in the same step."""
        return await write(partial(changes.retry, self._table, message_id, at, expires_at))

    async def receive(self, receipt: Receipt) -> Moved | None:
        """Record an ack; None if no message changed its state."""
        return await write(partial(receipts.receive, self._table, receipt))

    async def unconfirmed(
        self, session: str, sent_after: float, limit: int
    ) -> Sequence[Unconfirmed]:
        """What waits for a first ack and was not looked up, the oldest first."""
        await trio.lowlevel.checkpoint()
        return receipts.unconfirmed(self._table, session, sent_after, limit)

    async def flag_unconfirmed(self, session: str, sent_after: float, sent_before: float) -> int:
        """Flag what waits for a first ack, at most 1,000 in a call: repeat it until it says 0."""
        return await write(
            partial(receipts.flag_unconfirmed, self._table, session, sent_after, sent_before)
        )

    async def mark_unconfirmed(self, message_id: str, at: float) -> bool:
        """Flag a sent message that was looked up in vain; False if it waits for no ack any more."""
        return await write(partial(receipts.mark_unconfirmed, self._table, message_id, at))

    async def resend(self, message_id: str, at: float) -> bool:
        """Queue a sent message without an ack again, once, behind all others, and publish it."""
        return await write(partial(changes.resend, self._table, message_id, at))

    async def forget_acks(self, before: float, limit: int) -> int:
        """Forget acks that no message bore; says how many."""
        return await write(partial(self._table.acks.forget, before, limit))

    async def open_attempts(self) -> Sequence[OpenAttempt]:
        """The attempts that were never settled, by `seq`: what a crash left, or is looked up."""
        await trio.lowlevel.checkpoint()
        known_to = self._table.recipients.known_to
        return [row.open_attempt(known_to(row.draft.chat_id)) for row in self._table.queue.open()]

    async def queued(self, priority: Priority, after_seq: int, limit: int) -> Sequence[Message]:
        """The queued messages of a lane with the lowest `seq` above `after_seq`, in order."""
        await trio.lowlevel.checkpoint()
        rows = islice(self._table.queue.queued(priority, after_seq), limit)
        return [self._table.message(row) for row in rows]

    async def places(self) -> Mapping[Place, int]:
        """How many places are held, in each lane and by what is scheduled."""
        await trio.lowlevel.checkpoint()
        return self._table.queue.places()

    async def expire_overdue(
        self, priority: Priority, after_seq: int, at: float, limit: int
    ) -> int:
        """Expire queued messages of a lane above `after_seq` whose time is over; says how many."""
        expire = partial(upkeep.expire_overdue, self._table, priority, after_seq, at, limit)
        return await write(expire)

    async def erase_texts(self, settled_before: float, limit: int) -> int:
        """Erase the contents of sent, delivered and read messages; says of how many."""
        return await write(partial(upkeep.erase_texts, self._table, settled_before, limit))

    async def purge(self, settled_before: float, limit: int) -> int:
        """Delete settled messages for good and count them as purged; says how many."""
        return await write(partial(upkeep.purge, self._table, settled_before, limit))

    async def spent_data(self, limit: int) -> Sequence[str]:
        """The ids of settled messages whose data are not forgotten yet."""
        await trio.lowlevel.checkpoint()
        return list(islice(self._table.spent, limit))

    async def forget_data(self, message_ids: Sequence[str]) -> None:
        """Record that the data of messages are gone."""
        await write(partial(upkeep.forget_data, self._table, message_ids))

    async def holding_data(self, message_ids: Sequence[str]) -> frozenset[str]:
        """Those of the messages that are not settled, and came with the data of a file."""
        await trio.lowlevel.checkpoint()
        return upkeep.holding_data(self._table, message_ids)

    async def forget_keys(self, used_before: float, limit: int) -> int:
        """Forget old idempotency keys; says how many."""
        return await write(partial(self._table.keys.forget, used_before, limit))

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

    async def batch(self, batch: str) -> Batch | None:
        """How the messages of a batch stand; None if none is kept."""
        await trio.lowlevel.checkpoint()
        rows = list(self._table.batches.get(batch, {}).values())
        if not rows:
            return None
        first = rows[0].draft
        scheduled = sum(row.scheduled for row in rows)
        counts = Counter(row.status for row in rows)
        return Batch(batch, first.owner, first.accepted_at, scheduled, dict(counts))

    async def ledger(self) -> Ledger:
        """The totals and the count of each state."""
        await trio.lowlevel.checkpoint()
        counts = Counter(row.status for row in self._table.rows.values())
        return Ledger(
            self._table.accepted, self._table.purged, {status: counts[status] for status in Status}
        )
