"""Many messages in one call: one transaction, all or none of them, in step with other writes."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import trio
import trio.testing

from tests.contract.messages import NOW, accept, draft
from tests.sqlite_hold import Hold, count_commits, let_attempts_be_quick
from trio_wa.adapters.sqlite import SqliteStore, open_sqlite_store
from trio_wa.adapters.sqlite.gathering import MAX_ACCEPTS
from trio_wa.adapters.sqlite.history import first_line, line
from trio_wa.core.message import Message
from trio_wa.core.status import Status
from trio_wa.ports import Accepted, Draft, Event, IdempotencyKey


@pytest.fixture
def published() -> list[Message]:
    return []


@pytest.fixture
async def store(tmp_path: Path, published: list[Message]) -> AsyncIterator[SqliteStore]:
    path = tmp_path / "store.db"
    async with open_sqlite_store(path, published.append, min_free_disk=0, lock_wait=0) as sqlite:
        yield sqlite


@pytest.fixture
def hold(store: SqliteStore) -> Iterator[Hold]:
    hold = Hold(store)
    yield hold
    hold.release()


def drafts(name: str, count: int) -> list[Draft]:
    return [draft(f"{name}{n}", batch=name) for n in range(count)]


async def test_a_batch_is_one_transaction_and_published_in_order(
    store: SqliteStore, published: list[Message]
) -> None:
    commits = count_commits(store)
    acceptances = await store.accept_all(drafts("a", 1000))
    assert len(commits) == 1
    assert [each.message for each in acceptances if isinstance(each, Accepted)] == published
    assert [message.id for message in published] == [f"a{n}" for n in range(1000)]
    assert await store.queued("normal", 0, 2000) == published


async def test_a_bad_draft_leaves_nothing_of_its_batch_and_leaves_others_alone(
    store: SqliteStore, hold: Hold, published: list[Message]
) -> None:
    await accept(store, "known")
    key = IdempotencyKey("key", "f")
    bad = [draft("new", key=key, batch="bad"), draft("known", batch="bad")]

    async def refused() -> None:
        with pytest.raises(ValueError, match="accepted before"):
            await store.accept_all(bad)

    async with trio.open_nursery() as nursery:
        await hold.start(nursery)
        nursery.start_soon(store.accept_all, drafts("a", 3))
        nursery.start_soon(refused)
        nursery.start_soon(store.accept_all, drafts("b", 3))
        nursery.start_soon(accept, store, "single")
        await trio.testing.wait_all_tasks_blocked()
        hold.release()
    assert await store.batch("bad") is None
    assert await store.replayed(bad[0]) is None
    assert [message.seq for message in published] == list(range(1, 9))
    assert await store.queued("normal", 0, 10) == published
    ledger = await store.ledger()
    assert (ledger.accepted, ledger.balanced) == (8, True)


async def test_batches_that_gather_do_not_make_one_long_transaction(
    store: SqliteStore, hold: Hold
) -> None:
    count = MAX_ACCEPTS * 6 // 10
    async with trio.open_nursery() as nursery:
        await let_attempts_be_quick(store)
        await hold.start(nursery)
        commits = count_commits(store)
        for name in "abc":
            nursery.start_soon(store.accept_all, drafts(name, count))
        nursery.start_soon(store.accept_all, drafts("larger", MAX_ACCEPTS + 1))
        for n in range(9):
            nursery.start_soon(accept, store, f"single{n}")
        await trio.testing.wait_all_tasks_blocked()
        hold.release()
    assert len(commits) in range(5, 7), "of what is held, and of the others, however they came"
    assert (await store.ledger()).counts[Status.QUEUED] == 3 * count + MAX_ACCEPTS + 1 + 9


@pytest.mark.parametrize("at", [NOW, 0.0, 1e-7, 1.795e18, 5])
def test_the_first_line_of_a_timeline_is_like_any_other(at: float) -> None:
    assert first_line(at) == line(Event(at, Status.QUEUED))
