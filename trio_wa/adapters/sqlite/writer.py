"""The writer: one task that makes all that was handed over meanwhile durable at once."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import trio

from trio_wa.adapters.sqlite.disk import CONDITIONS, Disk, describe
from trio_wa.adapters.sqlite.gathering import Gathering, Operation, Then
from trio_wa.adapters.sqlite.group import run_all
from trio_wa.adapters.sqlite.journal import Done, Journal
from trio_wa.core.message import Message
from trio_wa.ports import Publish, StoreUnavailable

T = TypeVar("T")

PROBE_SECONDS = 1.0
"""How often the disk is tried while it is failing or full."""

CLOSE_SECONDS = 1.0
"""How long the end may take, the last transaction and the closing: the disk may hang."""

CLOSED = "the store is closed"


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
        self._gathering = Gathering()
        self._running: list[Operation] = []
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

    @property
    def closes_by(self) -> float:
        """When the end is over, by Trio's clock; inf before `finish`."""
        return self._scope.deadline

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
        operation = Operation(change, trio.lowlevel.current_task(), takes_in, size)
        self._gathering.add(operation)
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
            self._gathering.add(Operation(change, None, takes_in=False, size=1, then=then))
            self._more.set()

    async def run(self) -> None:
        """Commit what is gathered, until `finish`. An unforeseen error ends it.

        Shielded, so that a cancelled service loses nothing that was handed over; `finish` ends it.
        """
        try:
            with self._scope:
                while True:
                    await self._gathered()
                    closing = self._closing
                    self._running = self._gathering.take()
                    if not self._gathering and not closing:
                        self._more = trio.Event()
                    if self._running:
                        committed = await trio.to_thread.run_sync(
                            self._commit, abandon_on_cancel=True, limiter=self._limiter
                        )
                        self._complete(committed)
                        if closing and not self._gathering:
                            self._gathering.drop_kept()  # that was its last try
                    elif closing and not self._gathering:
                        return
        finally:
            self._leave()

    async def _gathered(self) -> None:
        """Wait until there is something to do, and for what comes at once with it."""
        await self._more.wait()
        while self._gathering.grows():
            for _ in range(2):  # in one pass of the loop we may come before others
                await trio.lowlevel.checkpoint()

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
        self._gathering.done()
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
                self._gathering.keep(operation)
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
        for operation in (*self._running, *self._gathering.take_all()):
            if operation.task is not None:
                trio.lowlevel.reschedule(operation.task)
        self._ended.set()


def _refused(reason: str) -> Done:
    return Done(error=StoreUnavailable(reason))
