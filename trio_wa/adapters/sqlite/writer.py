"""The writer: one task that makes all that was handed over meanwhile durable at once."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

import trio

from trio_wa.adapters.sqlite.disk import CONDITIONS, Disk, describe
from trio_wa.adapters.sqlite.group import Accept, run_all
from trio_wa.adapters.sqlite.journal import Change, Done, Journal
from trio_wa.core.message import Message
from trio_wa.ports import Publish, StoreUnavailable

T = TypeVar("T")

Then: TypeAlias = Callable[[Any], None]
"""Who is given the result of a change for which nobody waits."""

MAX_BATCH = 1000
"""How many messages one transaction accepts at most, but for one change that accepts more."""

MAX_OTHERS = 250
"""How many of the other changes one transaction has at most, but for those that were kept.

So an accept does not wait for what a thousand workers hand over at once.
"""

PROBE_SECONDS = 1.0
"""How often the disk is tried while it is failing or full."""

CLOSE_SECONDS = 2.0
"""How long the end may take: the disk may hang."""

CLOSED = "the store is closed"


@dataclass(slots=True, eq=False)
class _Operation:
    change: Change
    task: trio.lowlevel.Task | None
    takes_in: bool
    size: int
    then: Then | None = None
    started: bool = False
    abandoned: bool = False
    done: Done | None = None


@dataclass(frozen=True, slots=True)
class _Committed:
    done: list[Done]
    queued: tuple[Message, ...]
    fault: str | None
    shortage: str | None


class Writer:
    """Gathers changes while a transaction runs, and makes them the next one (group commit).

    Once it is durable, its callers are woken and what it queued is published, in one step.
    """

    def __init__(
        self,
        journal: Journal,
        path: Path,
        disk: Disk,
        publish: Publish,
        *,
        shortage: str | None = None,
    ) -> None:
        self._journal = journal
        self._path = path
        self._disk = disk
        self._publish = publish
        self._limiter = trio.CapacityLimiter(1)
        self._accepts: list[_Operation] = []
        self._others: list[_Operation] = []
        self._kept: list[_Operation] = []
        self._running: list[_Operation] = []
        self._more = trio.Event()
        self._trouble = trio.Event()
        self._changed = trio.Event()
        self._fault: str | None = None
        self._shortage = shortage
        self._closing = False
        self._closed = False
        self._ended = trio.Event()
        self._scope = trio.CancelScope(shield=True)
        if self._shortage:
            self._trouble.set()

    def problem(self) -> str | None:
        """Why nothing more is taken in: the disk fails, or is nearly full; None if all is well."""
        return self._fault or self._shortage

    async def problem_changed(self) -> str | None:
        """Wait until `problem` says something else than at the call; what it says then."""
        before = self.problem()
        while (problem := self.problem()) == before:
            await self._changed.wait()
        return problem

    @property
    def abandoned(self) -> bool:
        """Whether its thread still hangs in the disk, and the connection with it."""
        return self._scope.cancelled_caught

    async def write(
        self,
        change: Callable[[Journal], T],
        *,
        takes_in: bool = False,
        stays: bool = False,
        size: int = 1,
    ) -> T:
        """Make `change`, and return its result once it is durable.

        A caller that is cancelled before the transaction begins takes it back, and after that
        waits for its end; with `stays` it is made in any case, and a cancelled caller leaves. What
        `takes_in` work is refused while there is a problem. `size` is how many messages it changes.
        Raises `StoreUnavailable`.
        """
        if self._closed or (takes_in and self.problem()):
            await trio.lowlevel.checkpoint()
            raise StoreUnavailable(self.problem() or CLOSED)
        operation = _Operation(change, trio.lowlevel.current_task(), takes_in, size)
        (self._accepts if isinstance(change, Accept) else self._others).append(operation)
        self._more.set()

        def abort(_: Any) -> trio.lowlevel.Abort:
            if operation.started and not stays:
                return trio.lowlevel.Abort.FAILED
            operation.task = None
            operation.abandoned = not stays
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
        if operation.done is None:
            raise StoreUnavailable(self.problem() or CLOSED)
        if operation.done.error is not None:
            raise operation.done.error
        return cast("T", operation.done.result)

    def write_soon(self, change: Callable[[Journal], T], then: Callable[[T], None]) -> None:
        """Make `change` without waiting; `then` is given its result in the step that completes it.

        While the disk fails it is kept, ahead of all that comes later, and tried with that or with
        the next probe. One last try is made at the end.
        """
        if not self._closed:
            self._others.append(_Operation(change, None, takes_in=False, size=1, then=then))
            self._more.set()

    async def run(self) -> None:
        """Commit what is gathered, until `finish`. An unforeseen error ends it.

        Shielded, so that a cancelled service loses nothing that was handed over; `finish` ends it.
        """
        try:
            with self._scope:
                while True:
                    await self._more.wait()
                    closing = self._closing
                    self._running = self._take()
                    if self._running:
                        committed = await trio.to_thread.run_sync(
                            self._commit, abandon_on_cancel=True, limiter=self._limiter
                        )
                        self._complete(committed)
                        if closing and not self._gathered():
                            self._kept.clear()  # that was its last try
                    elif closing:
                        return
        finally:
            self._leave()

    async def watch(self) -> None:
        """While there is a problem, try each second whether it is over."""
        while True:
            await self._trouble.wait()
            self._trouble = trio.Event()
            while self.problem():
                await trio.sleep(PROBE_SECONDS)
                with contextlib.suppress(StoreUnavailable):
                    await self.write(Journal.probe)

    async def finish(self) -> None:
        """Make what was handed over durable, within `CLOSE_SECONDS`, and take no more."""
        self._closing = True
        self._scope.deadline = trio.current_time() + CLOSE_SECONDS
        self._more.set()
        await self._ended.wait()

    def _gathered(self) -> list[_Operation]:
        return self._accepts + self._others

    def _take(self) -> list[_Operation]:
        gathered = _take(self._accepts, MAX_BATCH) + _take(self._others, MAX_OTHERS)
        batch = self._kept + [each for each in gathered if not each.abandoned]
        self._kept = []
        for operation in batch:
            operation.started = True
        if not self._gathered() and not self._closing:
            self._more = trio.Event()
        return batch

    def _commit(self) -> _Committed:
        """Run in the thread: one transaction for the whole batch, but for what is refused."""
        batch, before = self._running, self._journal.changes()
        shortage = self._disk.problem()
        let_in = [each.change for each in batch if not (shortage and each.takes_in)]
        try:
            done = iter(self._journal.run(let_in, run_all))
        except CONDITIONS as error:
            fault = describe(error, self._path, self._journal.connection.system_errno)
            return _Committed([_refused(fault) for _ in batch], (), fault, shortage)
        return _Committed(
            [_refused(shortage) if shortage and each.takes_in else next(done) for each in batch],
            tuple(self._journal.queued),
            self._fault if self._journal.changes() == before else None,
            shortage,
        )

    def _complete(self, committed: _Committed) -> None:
        """Publish and wake in one step, so that no other task sees a half of it."""
        batch, self._running = self._running, []
        before = self.problem()
        self._fault, self._shortage = committed.fault, committed.shortage
        if self.problem() != before:
            self._changed.set()
            self._changed = trio.Event()
        if self.problem():
            self._trouble.set()
        told: list[tuple[Then, Done]] = []
        for operation, done in zip(batch, committed.done, strict=True):
            operation.done = done
            if operation.task is not None:
                trio.lowlevel.reschedule(operation.task)
            elif operation.then is None:
                continue
            elif isinstance(done.error, StoreUnavailable):
                self._kept.append(operation)
            else:
                told.append((operation.then, done))
        for then, done in told:  # once all are woken: what is raised here ends the writer
            if done.error is not None:
                raise done.error
            then(done.result)
        for message in committed.queued:
            self._publish(message)

    def _leave(self) -> None:
        self._closed = True
        for operation in (*self._running, *self._gathered()):
            if operation.task is not None:
                trio.lowlevel.reschedule(operation.task)
        self._accepts.clear()
        self._others.clear()
        self._ended.set()


def _take(gathered: list[_Operation], most: int) -> list[_Operation]:
    """Take out the first of what is gathered, for at most so many messages; but one change."""
    count = size = 0
    for operation in gathered:
        size += operation.size
        if count and size > most:
            break
        count += 1
    taken = gathered[:count]
    del gathered[:count]
    return taken


def _refused(reason: str) -> Done:
    return Done(error=StoreUnavailable(reason))
