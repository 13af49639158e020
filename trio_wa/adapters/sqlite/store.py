"""The store on disk, over one writer and a few readers."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import trio

from trio_wa.adapters.sqlite import (
    attempts,
    changes,
    queries,
    receipts,
    recipients,
    sessions,
    traffic,
    upkeep,
)
from trio_wa.adapters.sqlite.disk import Disk
from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.adapters.sqlite.lock import locked
from trio_wa.adapters.sqlite.opening import Mode, locate, open_journal
from trio_wa.adapters.sqlite.readers import Readers
from trio_wa.adapters.sqlite.writer import CLOSE_SECONDS, Writer
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


class SqliteStore:
    """Keeps every message in an SQLite file, and answers a write once that is on disk."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    def problem(self) -> str | None:
        """Why nothing can be written now; None if all is well."""
        return self._writer.problem()

    async def problem_changed(self) -> str | None:
        """Wait until `problem` says something else than at the call; what it says then."""
        return await self._writer.problem_changed()

    async def accept(self, draft: Draft) -> Acceptance:
        """Record a message as queued, and publish it in the step that completes the record."""
        return await self._writer.write(partial(changes.accept, draft=draft), takes_in=True)

    async def begin(self, message: Message, session: str, at: float) -> bool:
        """Record that an attempt begins; False if the message is not queued any more."""
        change = partial(attempts.begin, message=message, session=session, at=at)
        return await self._writer.write(change, takes_in=True)

    async def postpone(self, message: Message, attempt: Attempt, decision: Requeue) -> bool:
        """Record an attempt that was not even begun; False if the message is not queued."""
        change = partial(attempts.postpone, message=message, attempt=attempt, decision=decision)
        return await self._writer.write(change)

    async def settle(self, message: Message, attempt: Attempt, decision: Decision) -> Status:
        """Record how an attempt ended and what follows from it, even for a cancelled caller."""
        change = partial(attempts.settle, message=message, attempt=attempt, decision=decision)
        return await self._writer.write(change, stays=True)

    async def resolve(
        self, message: Message, session: str, at: float, decision: Final | Requeue
    ) -> bool:
        """Record what follows for a message that was looked up; False if it is not any more."""
        resolve = partial(attempts.resolve, message=message, session=session, at=at)
        return await self._writer.write(partial(resolve, decision=decision))

    async def expire(self, message_id: str, at: float) -> bool:
        """Record that a queued message was not sent in time; False if it is not queued any more."""
        return await self._end(message_id, Event(at, Status.EXPIRED))

    async def cancel(self, message_id: str, at: float) -> bool:
        """Record that a queued message is not wanted any more; False if it is not queued."""
        return await self._end(message_id, Event(at, Status.CANCELLED))

    async def retry(self, message_id: str, at: float, expires_at: float) -> bool:
        """Queue a failed, unknown or expired message again, behind all others, and publish it."""
        change = partial(changes.retry, message_id=message_id, at=at, expires_at=expires_at)
        return await self._writer.write(change)

    async def receive(self, receipt: Receipt) -> Moved | None:
        """Record an ack; None if no message changed its state."""
        return await self._writer.write(partial(receipts.receive, receipt=receipt))

    async def unconfirmed(
        self, session: str, sent_after: float, limit: int
    ) -> Sequence[Unconfirmed]:
        """What waits for a first ack and was not looked up, the oldest first."""
        query = partial(receipts.unconfirmed, session=session, sent_after=sent_after, limit=limit)
        return await self._readers.read(query)

    async def flag_unconfirmed(self, session: str, sent_after: float, sent_before: float) -> int:
        """Flag what waits for a first ack, at most 1,000 in a call: repeat it until it says 0."""
        flag = partial(receipts.flag_unconfirmed, session=session)
        change = partial(flag, sent_after=sent_after, sent_before=sent_before)
        return await self._writer.write(change)

    async def mark_unconfirmed(self, message_id: str, at: float) -> bool:
        """Flag a sent message that was looked up in vain; False if it waits for no ack any more."""
        change = partial(receipts.mark_unconfirmed, message_id=message_id, at=at)
        return await self._writer.write(change)

    async def resend(self, message_id: str, at: float) -> bool:
        """Queue a sent message without an ack again, once, behind all others, and publish it."""
        change = partial(receipts.resend, message_id=message_id, at=at)
        return await self._writer.write(change)

    async def forget_acks(self, before: float, limit: int) -> int:
        """Forget acks that no message bore; says how many."""
        change = partial(receipts.forget_acks, before=before, limit=limit)
        return await self._writer.write(change)

    async def remember_session(self, session: str, memory: SessionMemory) -> None:
        """Record what outlives a restart of a session."""
        change = partial(sessions.remember_session, session=session, memory=memory)
        await self._writer.write(change)

    async def session_memories(self) -> Mapping[str, SessionMemory]:
        """What was recorded of each session."""
        return await self._readers.read(sessions.session_memories)

    async def activity(self, now: float) -> Mapping[str, Activity]:
        """What each session sent in the last minute, hour and day."""
        return await self._readers.read(partial(sessions.activity, now=now))

    async def histories(self, now: float) -> Mapping[str, History]:
        """What each session has sent, for its pace."""
        return await self._readers.read(partial(traffic.histories, now=now))

    async def remember_recipient(self, session: str, chat_id: str) -> None:
        """Record that a recipient is known to a session."""
        change = partial(recipients.remember_recipient, session=session, chat_id=chat_id)
        await self._writer.write(change)

    async def forget_histories(self, before: float, limit: int) -> int:
        """Forget begins of before; says of how many minutes. When each session began, stays."""
        change = partial(upkeep.forget_histories, before=before, limit=limit)
        return await self._writer.write(change)

    async def contact(self, chat_id: str) -> str | None:
        """The chat id under which WhatsApp knows a recipient; None if that was never asked."""
        return await self._readers.read(partial(sessions.contact, chat_id=chat_id))

    async def remember_contact(self, chat_id: str, known_as: str) -> None:
        """Record under which chat id WhatsApp knows a recipient."""
        change = partial(sessions.remember_contact, chat_id=chat_id, known_as=known_as)
        await self._writer.write(change)

    async def open_attempts(self) -> Sequence[OpenAttempt]:
        """The attempts that were never settled, by `seq`: what a crash left, or is looked up."""
        return await self._readers.read(queries.open_attempts)

    async def queued(self, after_seq: int, limit: int) -> Sequence[Message]:
        """The queued messages with the lowest `seq` above `after_seq`, in order."""
        return await self._readers.read(partial(queries.queued, after_seq=after_seq, limit=limit))

    async def expire_overdue(self, after_seq: int, at: float, limit: int) -> int:
        """Expire queued messages above `after_seq` whose time is over; says how many."""
        change = partial(upkeep.expire_overdue, after_seq=after_seq, at=at, limit=limit)
        return await self._writer.write(change)

    async def erase_texts(self, settled_before: float, limit: int) -> int:
        """Erase texts of sent, delivered and read messages; says of how many."""
        change = partial(upkeep.erase_texts, settled_before=settled_before, limit=limit)
        return await self._writer.write(change)

    async def purge(self, settled_before: float, limit: int) -> int:
        """Delete settled messages for good and count them as purged; says how many."""
        change = partial(upkeep.purge, settled_before=settled_before, limit=limit)
        return await self._writer.write(change)

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

    async def ledger(self) -> Ledger:
        """The totals and the count of each state, read in one transaction."""
        return await self._readers.read(queries.ledger)

    async def _end(self, message_id: str, event: Event) -> bool:
        change = partial(changes.end, message_id=message_id, event=event)
        return await self._writer.write(change)


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
        shortage = await trio.to_thread.run_sync(disk.problem)
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
                with trio.move_on_after(CLOSE_SECONDS, shield=True):
                    await trio.to_thread.run_sync(_close, journal, readers, abandon_on_cancel=True)


def _close(journal: Journal, readers: Readers) -> None:
    readers.close()
    journal.connection.close()  # the last: it empties the write-ahead log into the database
