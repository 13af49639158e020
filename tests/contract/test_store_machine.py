"""No sequence of events and crashes breaks the sum, the edges or the order of any store."""

import shutil
import tempfile
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from pathlib import Path

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.machine import Machine
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.adapters.sqlite import open_sqlite_store
from trio_wa.ports import Store

ENTRIES = ("accept", "accept", "schedule", "accept_all")
CROWD = ("release", "release", "cancel_batch", "suppress", "allow", "contact", "forget_data")
ENDS = ("sent", "failed", "unknown", "requeue", "inquire")
RESOLUTIONS = ("resolve_sent", "resolve_failed", "resolve_unknown", "resolve_again")
ACKS = ("ack-1", "ack0", "ack1", "ack2", "ack3")
CHANGES = ("expire", "cancel", "retry", "resend", "expire_overdue", "mark", "remember")

which = st.integers(0, 7)
steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(ENTRIES), st.integers(1, 40)),
        st.tuples(st.sampled_from(CROWD), st.integers(0, 19)),
        st.tuples(st.just("begin"), which),
        *(st.tuples(st.just(end), which) for end in ENDS),
        st.tuples(st.sampled_from(RESOLUTIONS), which),
        st.tuples(st.sampled_from(ACKS), which),
        st.tuples(st.sampled_from(CHANGES), which),
        st.tuples(st.sampled_from(["erase", "purge", "flag"]), st.integers(0, 30)),
        st.tuples(st.sampled_from(["later", "forget"]), st.sampled_from([0, 1, 9, 1440])),
        st.tuples(st.just("crash"), st.just(0)),
    ),
    min_size=10,
    max_size=60,
)


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


@settings(deadline=None, max_examples=250)
@given(steps)
def test_any_sequence_keeps_the_sum_in_memory(sequence: list[tuple[str, int]]) -> None:
    trio.run(lambda: run(sequence, on_disk=False))


@settings(deadline=None, max_examples=40)
@given(steps)
def test_any_sequence_and_crash_keeps_the_sum_on_disk(sequence: list[tuple[str, int]]) -> None:
    trio.run(lambda: run(sequence, on_disk=True))
