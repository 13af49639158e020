"""How the store on disk gathers writes, and what becomes of those who wait for them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import apsw
import pytest
import trio
import trio.testing

from tests.contract.messages import NOW, accept, draft, settle, status_of
from tests.sqlite_hold import Hold, count_commits, let_attempts_be_quick
from trio_wa.adapters.sqlite import SqliteStore, acceptance, open_sqlite_store
from trio_wa.adapters.sqlite.gathering import MAX_OTHERS, PART_OTHERS
from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.adapters.sqlite.writer import CLOSE_SECONDS
from trio_wa.core.message import Message
from trio_wa.core.status import Status
from trio_wa.ports import StoreUnavailable


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


async def test_all_that_gathers_is_one_transaction(store: SqliteStore, hold: Hold) -> None:
    async with trio.open_nursery() as nursery:
        await hold.start(nursery)
        commits = count_commits(store)
        for n in range(64):
            nursery.start_soon(accept, store, f"m{n}")
        await trio.testing.wait_all_tasks_blocked()
        hold.release()
    assert len(commits) == 2, "the held one, and one for 64 messages"
    assert (await store.ledger()).accepted == 64


@pytest.mark.parametrize(("quick", "transactions"), [(True, 3), (False, 13)])
async def test_a_batch_is_bounded(
    store: SqliteStore, hold: Hold, *, quick: bool, transactions: int
) -> None:
    if quick:
        await let_attempts_be_quick(store)
    async with trio.open_nursery() as nursery:
        await hold.start(nursery)
        commits = count_commits(store)
        for n in range(2500):
            nursery.start_soon(accept, store, f"m{n}")
        await trio.testing.wait_all_tasks_blocked()
        hold.release()
    assert len(commits) == 1 + transactions


async def test_a_bad_row_does_not_fail_its_batch(
    store: SqliteStore, hold: Hold, published: list[Message]
) -> None:
    await accept(store, "known")
    errors: dict[str, BaseException] = {}

    async def attempt(message_id: str, **fields: object) -> None:
        try:
            await accept(store, message_id, **fields)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            errors[message_id] = error

    async with trio.open_nursery() as nursery:
        await hold.start(nursery)
        commits = count_commits(store)
        for message_id, chat_id in [
            ("one", "1@c.us"),
            ("known", "1@c.us"),
            ("two", "1@c.us"),
            ("lone surrogate", "\ud800"),
            ("three", "1@c.us"),
        ]:
            nursery.start_soon(partial(attempt, message_id, chat_id=chat_id))
        await trio.testing.wait_all_tasks_blocked()
        hold.release()
    assert {name: type(error) for name, error in errors.items()} == {
        "known": ValueError,
        "lone surrogate": UnicodeEncodeError,
    }
    assert len(commits) == 2
    assert {message.id for message in published} == {"known", "one", "two", "three"}
    assert await store.queued("normal", 0, 10) == published
    ledger = await store.ledger()
    assert ledger.accepted == 4
    assert ledger.balanced


async def test_what_a_failed_change_queued_is_not_published(
    store: SqliteStore, published: list[Message]
) -> None:
    def half(journal: Journal) -> None:
        acceptance.accept_all(journal, [draft("half")])
        raise RuntimeError("half of it is done")

    with pytest.raises(RuntimeError):
        await store._writer.write(half)
    assert published == []
    assert await store.get("half") is None
    whole = await accept(store, "whole")
    assert whole.seq == 1


async def test_a_pending_write_is_taken_back_and_a_begun_one_is_waited_for(
    store: SqliteStore, hold: Hold, published: list[Message]
) -> None:
    begun, pending = trio.CancelScope(), trio.CancelScope()
    results: list[object] = []

    async def within(scope: trio.CancelScope, message_id: str) -> None:
        with scope:
            results.append(await store.accept(draft(message_id)))

    async with trio.open_nursery() as nursery:
        # Both are handed over in one step, so that they are in one transaction with the hold.
        nursery.start_soon(within, begun, "begun")
        nursery.start_soon(store._writer.write, hold)
        await trio.to_thread.run_sync(hold.begun.wait, 10)
        nursery.start_soon(within, pending, "pending")
        await trio.testing.wait_all_tasks_blocked()
        begun.cancel()
        pending.cancel()
        await trio.testing.wait_all_tasks_blocked()
        assert pending.cancelled_caught
        assert not begun.cancelled_caught
        assert results == []
        hold.release()
    assert not begun.cancelled_caught
    assert len(results) == 1
    await accept(store, "behind")
    assert [message.id for message in published] == ["begun", "behind"]
    assert await store.get("pending") is None


@pytest.mark.parametrize("running", [True, False])
async def test_a_settle_stays_although_its_caller_leaves(
    store: SqliteStore, hold: Hold, running: bool
) -> None:
    message = await accept(store, "a")
    await store.begin(message, "default", NOW)
    async with trio.open_nursery() as nursery:
        if not running:
            await hold.start(nursery)
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as settling:
                settling.start_soon(
                    partial(settle, store, message, Status.SENT, at=NOW + 1), name="settle"
                )
                if running:
                    await hold.start(nursery)
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
        assert scope.cancelled_caught, "it leaves while the transaction is held"
        hold.release()
    await accept(store, "behind")
    assert await status_of(store, "a") is Status.SENT


async def test_closing_finishes_what_was_handed_over(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    opened = partial(open_sqlite_store, path, lambda _: None, min_free_disk=0, lock_wait=0)
    with trio.CancelScope() as scope:
        async with opened() as store:
            message = await accept(store, "a")
            await store.begin(message, "default", NOW)
            scope.cancel()
            await settle(store, message, Status.SENT, at=NOW + 1)
    assert scope.cancelled_caught
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.accept(draft("b"))
    async with opened() as store:
        assert await status_of(store, "a") is Status.SENT


async def test_a_hanging_disk_does_not_hold_up_the_end(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    path = tmp_path / "store.db"
    outcomes: list[str] = []

    async def submit(write: Callable[[], Awaitable[object]]) -> None:
        try:
            await write()
        except StoreUnavailable as condition:
            outcomes.append(str(condition))

    async with trio.open_nursery() as nursery:
        async with open_sqlite_store(path, print, min_free_disk=0, lock_wait=0) as store:
            hold = Hold(store)
            nursery.start_soon(submit, partial(store._writer.write, hold))
            assert await trio.to_thread.run_sync(hold.begun.wait, 10)
            nursery.start_soon(submit, partial(accept, store, "a"))
            await trio.testing.wait_all_tasks_blocked()
            before = trio.current_time()
        assert trio.current_time() - before == CLOSE_SECONDS
        assert store._writer.abandoned
    assert outcomes == ["the store is closed"] * 2
    hold.release()


async def test_an_unforeseen_error_ends_the_scope_and_frees_who_waits(tmp_path: Path) -> None:
    path = tmp_path / "store.db"

    def broken(journal: Journal) -> None:
        raise apsw.CorruptError("database disk image is malformed")

    ended: list[str] = []
    with pytest.RaisesGroup(apsw.CorruptError):
        async with open_sqlite_store(path, print, min_free_disk=0, lock_wait=0) as store:

            async def submit(message_id: str) -> None:
                with trio.CancelScope(shield=True):
                    try:
                        await accept(store, message_id)
                    except StoreUnavailable:
                        ended.append(message_id)

            async with trio.open_nursery() as nursery:
                for n in range(3):
                    nursery.start_soon(submit, f"m{n}")
                with pytest.raises(StoreUnavailable):
                    await store._writer.write(broken)
                await trio.sleep_forever()
    assert sorted(ended) == ["m0", "m1", "m2"]


@pytest.mark.parametrize(("quick", "parts"), [(True, [MAX_OTHERS] * 5), (False, [PART_OTHERS] * 2)])
async def test_an_accept_does_not_wait_for_all_that_came_before_it(
    store: SqliteStore, hold: Hold, *, quick: bool, parts: list[int]
) -> None:
    """Whoever accepts is in the next transaction, and so is a part of what else has gathered."""
    ends: list[str] = []
    if quick:
        await let_attempts_be_quick(store)

    async def end(write: Awaitable[object], name: str) -> None:
        await write
        ends.append(name)

    async with trio.open_nursery() as nursery:
        await hold.start(nursery)
        commits = count_commits(store)
        for n in range(sum(parts)):
            nursery.start_soon(end, store.cancel(f"{n}", NOW), "cancel")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(end, accept(store, "a"), "accept")
        await trio.testing.wait_all_tasks_blocked()
        hold.release()
    assert "accept" in ends[: parts[0] + 1]
    assert len(commits) == 1 + len(parts)


async def test_where_attempts_are_quick_a_transaction_waits_for_what_comes_pass_by_pass(
    store: SqliteStore,
) -> None:
    """Workers whose answers come one after another begin and end together."""
    await let_attempts_be_quick(store)
    commits = count_commits(store)
    async with trio.open_nursery() as nursery:
        for n in range(9):
            nursery.start_soon(store.cancel, f"{n}", NOW)
            await trio.lowlevel.checkpoint()
    assert len(commits) == 1
