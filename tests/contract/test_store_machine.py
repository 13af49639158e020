"""No sequence of events and crashes breaks the sum, the edges or the order of any store."""

import itertools
import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from dataclasses import replace
from pathlib import Path

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.messages import NOW, accept, requeue, settle
from tests.contract.model import UNSENT, Model
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.adapters.sqlite import open_sqlite_store
from trio_wa.core.message import Message
from trio_wa.core.status import Status
from trio_wa.ports import Store

QUEUED, SENDING = (Status.QUEUED,), (Status.SENDING,)
FINAL = (Status.SENT, Status.FAILED, Status.UNKNOWN)

which = st.integers(0, 7)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("accept"), st.integers(1, 40)),
        st.tuples(st.just("begin"), which),
        st.tuples(st.just("requeue"), which),
        *(st.tuples(st.just(status.value), which) for status in FINAL),
        st.tuples(st.sampled_from(["expire", "cancel", "retry", "expire_overdue"]), which),
        st.tuples(st.sampled_from(["erase", "purge"]), st.integers(0, 30)),
        st.tuples(st.just("crash"), st.just(0)),
    ),
    min_size=10,
    max_size=60,
)

Reopen = Callable[[], AbstractAsyncContextManager[Store]]


class Machine:
    """Takes one step at a time with the store and with the model, and compares them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.model = Model()
        self.messages: dict[str, Message] = {}
        self.clock = itertools.count()

    async def step(self, name: str, number: int) -> None:
        at, store, model = NOW + next(self.clock), self.store, self.model
        if name == "accept":
            message_id = f"m{model.accepted}"
            message = await accept(store, message_id, at=at, expires_at=at + number)
            self.messages[message_id] = message
            model.accept(message_id, message.seq, message.expires_at)
            return
        if name == "erase":
            assert await store.erase_texts(at - number, 1000) == model.erase_texts(at - number)
            return
        if name == "purge":
            assert await store.purge(at - number, 1000) == model.purge(at - number)
            return
        if not self.messages:
            return
        message = list(self.messages.values())[-1 - number % len(self.messages)]
        if name == "begin":
            begun = await store.begin(message, "default", at)
            assert begun == model.move(message.id, QUEUED, Status.SENDING)
        elif name == "requeue":
            later = replace(message, due_at=at + 5, attempts=message.attempts + 1)
            await requeue(store, message, later, at=at)
            if model.move(message.id, SENDING, Status.QUEUED):
                self.messages[message.id] = later
        elif name == "expire":
            expired = await store.expire(message.id, at)
            assert expired == model.move(message.id, QUEUED, Status.EXPIRED, at)
        elif name == "cancel":
            cancelled = await store.cancel(message.id, at)
            assert cancelled == model.move(message.id, QUEUED, Status.CANCELLED, at)
        elif name == "expire_overdue":
            count = await store.expire_overdue(message.seq, at, 1000)
            assert count == model.expire_overdue(message.seq, at)
        elif name == "retry":
            retried = await store.retry(message.id, at, at + 20)
            assert retried == model.retry(message.id, at + 20)
            if retried:
                await self._learn_place(message, at)
        else:
            await settle(store, message, Status(name), at=at)
            model.move(message.id, SENDING, Status(name), at)

    async def _learn_place(self, message: Message, at: float) -> None:
        """A retried message has a place behind all others; which number it is, the store says."""
        last = (await self.store.queued(0, 1000))[-1]
        assert last == replace(
            message, seq=last.seq, expires_at=at + 20, due_at=0.0, attempts=0, deferrals=0
        )
        self.messages[message.id] = last
        others = (entry.seq for key, entry in self.model.entries.items() if key != message.id)
        assert last.seq > max(others, default=0)
        self.model.entries[message.id].seq = last.seq

    async def check(self) -> None:
        """Compare all that can be seen."""
        ledger = await self.store.ledger()
        assert ledger.balanced
        assert (ledger.accepted, ledger.purged) == (self.model.accepted, self.model.purged)
        assert ledger.counts == self.model.counts()
        queued = await self.store.queued(0, 1000)
        assert [(message.seq, message.id) for message in queued] == self.model.queued()
        assert queued == [self.messages[message.id] for message in queued]
        for message_id in self.messages:
            record, entry = await self.store.get(message_id), self.model.entries.get(message_id)
            if entry is None:
                assert record is None
                continue
            assert record is not None
            assert (record.status, record.settled_at) == (entry.status, entry.settled_at)
            assert (record.text is not None) == entry.text
            assert record.events[-1].status is entry.status or entry.status in UNSENT


async def run(sequence: list[tuple[str, int]], *, on_disk: bool) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "0" / "store.db"
        async with AsyncExitStack() as stack:
            machine = Machine(await stack.enter_async_context(opened(path, on_disk=on_disk)))
            for number, (name, argument) in enumerate(sequence):
                if name != "crash":
                    await machine.step(name, argument)
                elif on_disk:
                    # What a killed process leaves: the files as they are, the log among them.
                    path = Path(shutil.copytree(path.parent, path.parents[1] / f"{number + 1}"))
                    path /= "store.db"
                    assert path.with_name("store.db-wal").exists()
                    await stack.aclose()
                    machine.store = await stack.enter_async_context(opened(path, on_disk=True))
                if name == "crash" or not on_disk:
                    await machine.check()
            await machine.check()


def opened(path: Path, *, on_disk: bool) -> AbstractAsyncContextManager[Store]:
    if on_disk:
        return open_sqlite_store(path, lambda _: None, min_free_disk=0, lock_wait=0)
    return nullcontext(MemoryStore(lambda _: None))


@settings(deadline=None, max_examples=100)
@given(steps)
def test_any_sequence_keeps_the_sum_in_memory(sequence: list[tuple[str, int]]) -> None:
    trio.run(lambda: run(sequence, on_disk=False))


@settings(deadline=None, max_examples=30)
@given(steps)
def test_any_sequence_and_crash_keeps_the_sum_on_disk(sequence: list[tuple[str, int]]) -> None:
    trio.run(lambda: run(sequence, on_disk=True))
