"""The store on disk, over one writer and a few readers."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import trio

from trio_wa.adapters.sqlite import (
    acceptance,
    attempts,
    batches,
    cancellations,
    changes,
    data,
    queries,
    schedule,
    upkeep,
)
from trio_wa.adapters.sqlite.disk import Disk
from trio_wa.adapters.sqlite.group import Accept, Begin, Settle
from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.adapters.sqlite.lock import locked
from trio_wa.adapters.sqlite.opening import Mode, locate, open_journal
from trio_wa.adapters.sqlite.readers import Readers
from trio_wa.adapters.sqlite.receipt_part import Receipts
from trio_wa.adapters.sqlite.session_part import Sessions, Suppressions
from trio_wa.adapters.sqlite.writer import Writer
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
    OpenAttempt,
    Place,
    Publish,
    Record,
    Replayed,
)


class SqliteStore(Receipts, Sessions, Suppressions):
    """Keeps every message in an SQLite file, and answers a write once that is on disk."""

    def problem(self) -> str | None:
        """Why nothing can be written now; None if all is well."""
        return self._writer.problem()

    async def problem_changed(self) -> str | None:
        """Wait until `problem` says something else than at the call; what it says then."""
        return await self._writer.problem_changed()

    async def accept(self, draft: Draft) -> Acceptance:
        """Record a message as queued, and publish it in the step that completes the record."""
        [acceptance] = await self._writer.write(Accept((draft,)), takes_in=True)
        return acceptance

    async def accept_all(self, drafts: Sequence[Draft]) -> Sequence[Acceptance]:
        """Accept several, each as `accept` does, in one transaction and in their order."""
        return await self._writer.write(Accept(drafts), takes_in=True, size=len(drafts))

    async def replayed(self, draft: Draft) -> Replayed | KeyReused | None:
        """What the key of `draft` was used for before; None if it is new, or there is none."""
        return await self._readers.read(partial(acceptance.replayed, draft=draft))

    async def release_due(self, at: float, limit: int) -> Sequence[Message]:
        """Queue the scheduled messages whose time has come, by their time, and publish them."""
        return await self._writer.write(partial(schedule.release_due, at=at, limit=limit))

    async def next_due(self) -> float | None:
        """When the first of the scheduled messages is due; None if there are none."""
        return await self._readers.read(schedule.next_due)

    async def begin(self, message: Message, session: str, at: float) -> bool:
        """Record that an attempt begins; False if the message is not queued any more."""
        return await self._writer.write(Begin(message, session, at), takes_in=True)

    async def postpone(self, message: Message, attempt: Attempt, decision: Requeue) -> bool:
        """Record an attempt that was not even begun; False if the message is not queued."""
        change = partial(attempts.postpone, message=message, attempt=attempt, decision=decision)
        return await self._writer.write(change)

    async def settle(self, message: Message, attempt: Attempt, decision: Decision) -> Status:
        """Record how an attempt ended and what follows from it, even for a cancelled caller."""
        return await self._writer.write(Settle(message, attempt, decision), stays=True)

    def settle_soon(
        self, message: Message, attempt: Attempt, decision: Decision, then: Callable[[Status], None]
    ) -> None:
        """Settle without waiting; while the store cannot write, it keeps this and tries again."""
        self._writer.write_soon(Settle(message, attempt, decision), then)

    async def resolve(
        self, message: Message, session: str, at: float, decision: Final | Requeue
    ) -> Status | None:
        """Record what follows for a message that was looked up; None if it is not any more."""
        resolve = partial(attempts.resolve, message=message, session=session, at=at)
        return await self._writer.write(partial(resolve, decision=decision))

    async def expire(self, message: Message, at: float) -> bool:
        """Record that a queued message was not sent in time; False if it is not queued any more."""
        return await self._writer.write(partial(changes.expire, message=message, at=at))

    async def cancel(self, message_id: str, at: float) -> Place | None:
        """Record that a queued message is not wanted any more; whose place it held, if any."""
        change = partial(cancellations.cancel, message_id=message_id, at=at)
        return await self._writer.write(change)

    async def cancel_batch(self, batch: str, at: float, limit: int) -> Mapping[str, Place]:
        """Cancel what is queued of a batch, the oldest first: their ids, and the places held."""
        change = partial(cancellations.cancel_batch, batch=batch, at=at, limit=limit)
        return await self._writer.write(change)

    async def retry(self, message_id: str, at: float, expires_at: float) -> bool:
        """Queue a failed, unknown or expired message again, behind all others, and publish it."""
        change = partial(changes.retry, message_id=message_id, at=at, expires_at=expires_at)
        return await self._writer.write(change)

    async def open_attempts(self) -> Sequence[OpenAttempt]:
        """The attempts that were never settled, by `seq`: what a crash left, or is looked up."""
        return await self._readers.read(queries.open_attempts)

    async def queued(self, priority: Priority, after_seq: int, limit: int) -> Sequence[Message]:
        """The queued messages of a lane with the lowest `seq` above `after_seq`, in order."""
        query = partial(queries.queued, priority=priority, after_seq=after_seq, limit=limit)
        return await self._readers.read(query)

    async def places(self) -> Mapping[Place, int]:
        """How many places are held: by what is queued, being sent, looked up, or scheduled."""
        return await self._readers.read(queries.places)

    async def expire_overdue(
        self, priority: Priority, after_seq: int, at: float, limit: int
    ) -> int:
        """Expire queued messages of a lane above `after_seq` whose time is over; says how many."""
        expire = partial(upkeep.expire_overdue, priority=priority, after_seq=after_seq)
        return await self._writer.write(partial(expire, at=at, limit=limit))

    async def erase_texts(self, settled_before: float, limit: int) -> int:
        """Erase the contents of sent, delivered and read messages; says of how many."""
        change = partial(upkeep.erase_texts, settled_before=settled_before, limit=limit)
        return await self._writer.write(change)

    async def purge(self, settled_before: float, limit: int) -> int:
        """Delete settled messages for good and count them as purged; says how many."""
        change = partial(upkeep.purge, settled_before=settled_before, limit=limit)
        return await self._writer.write(change)

    async def spent_data(self, limit: int) -> Sequence[str]:
        """The ids of settled messages whose data are not forgotten yet."""
        return await self._readers.read(partial(data.spent_data, limit=limit))

    async def forget_data(self, message_ids: Sequence[str]) -> None:
        """Record that the data of those of the messages that are settled are gone."""
        await self._writer.write(partial(data.forget_data, message_ids=message_ids))

    async def holding_data(self, message_ids: Sequence[str]) -> frozenset[str]:
        """Those of the messages that are not settled, and came with the data of a file."""
        return await self._readers.read(partial(data.holding_data, message_ids=message_ids))

    async def forget_keys(self, used_before: float, limit: int) -> int:
        """Forget old idempotency keys; says how many."""
        change = partial(upkeep.forget_keys, used_before=used_before, limit=limit)
        return await self._writer.write(change)

    async def get(self, message_id: str) -> Record | None:
        """One message, with its events."""
        return await self._readers.read(partial(queries.get, message_id=message_id))

    async def find(self, wanted: Filter, limit: int) -> Sequence[Record]:
        """The newest messages that match, without their events."""
        return await self._readers.read(partial(queries.find, wanted=wanted, limit=limit))

    async def batch(self, batch: str) -> Batch | None:
        """How the messages of a batch stand; None if none is kept."""
        return await self._readers.read(partial(batches.batch, batch_id=batch))

    async def ledger(self) -> Ledger:
        """The totals and the count of each state, read in one transaction."""
        return await self._readers.read(queries.ledger)


@asynccontextmanager
async def open_sqlite_store(
    path: Path, publish: Publish, *, min_free_disk: int, lock_wait: float
) -> AsyncIterator[SqliteStore]:
    """The store in the file `path`, for this process alone, made if there is none.

    It takes nothing in while less than `min_free_disk` bytes are free; another process has
    `lock_wait` seconds to end. Raises `StoreUnusable`. The end makes durable what was handed over.
    """
    disk = Disk(path, min_free_disk)
    async with open_store(path, publish, disk, lock_wait=lock_wait, mode=Mode()) as store:
        yield store


@asynccontextmanager
async def open_store(
    path: Path, publish: Publish, disk: Disk, *, lock_wait: float, mode: Mode
) -> AsyncIterator[SqliteStore]:
    """The same, over any `disk` and in any `mode`."""
    path = locate(path)
    async with locked(path, wait=lock_wait):
        journal = await trio.to_thread.run_sync(open_journal, path, mode)
        readers = Readers(path, vfs=mode.vfs)
        shortage = await trio.to_thread.run_sync(disk.opened)
        writer = Writer(journal, path, disk, publish, shortage=shortage)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(writer.run, name="store-writer")
                nursery.start_soon(writer.watch, name="store-watch")
                try:
                    yield SqliteStore(writer, readers)
                finally:
                    # Unshielded, the outcomes of a cancelled service's attempts would be lost. The
                    # scope of the writer itself has the deadline.
                    with trio.CancelScope(shield=True):
                        await writer.finish()
                    nursery.cancel_scope.cancel()
        finally:
            if not writer.abandoned:
                # Unshielded, a cancelled service would leave the whole log to the next start.
                with trio.move_on_at(writer.closes_by, shield=True):
                    await trio.to_thread.run_sync(_close, journal, readers, abandon_on_cancel=True)


def _close(journal: Journal, readers: Readers) -> None:
    readers.close()
    journal.connection.close()  # the last: it empties the write-ahead log into the database
