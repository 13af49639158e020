"""What a start brings back, and in which order: recovery and the feeding of the window."""

from typing import Any

import pytest
import trio

from tests.contract.messages import NOW, draft
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.clock import Clock
from trio_wa.core.message import Message
from trio_wa.core.retry import OnUnknown, RetryPolicy
from trio_wa.core.status import Status
from trio_wa.ports import Accepted, Store, StoreUnavailable
from trio_wa.scheduler import Scheduler
from trio_wa.window import Window


class Life:
    """One life of a service over a store that outlives it, as far as messages enter memory."""

    def __init__(self, *, capacity: int, max_backlog: int) -> None:
        self.window = Window(capacity=capacity, max_backlog=max_backlog)

    async def accept(self, store: Store, name: str) -> Message:
        assert self.window.reserve()
        accepted = await store.accept(draft(name))
        assert isinstance(accepted, Accepted)
        return accepted.message

    async def take(self, count: int) -> list[str]:
        """What comes into memory next; each leaves it again before the next one is taken."""
        taken = []
        for _ in range(count):
            taken.append((await self.window.receive.receive()).id)
            self.window.leave()
        return taken


def store_of(life: list[Life]) -> MemoryStore:
    """A store that publishes to the newest life."""
    return MemoryStore(lambda message: life[-1].window.publish(message), max_settled=100_000)


class FailingOnce:
    """A store of which the first settle finds the disk full."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._failed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def settle(self, *settled: Any) -> None:
        if not self._failed:
            self._failed = True
            raise StoreUnavailable("the disk is full")
        await self._store.settle(*settled)


async def feed(store: Store, window: Window) -> None:
    await Scheduler(store, window, RetryPolicy(), Clock(), ()).run()


async def test_a_backlog_of_three_windows_comes_in_the_order_of_acceptance(
    autojump_clock: trio.testing.MockClock,
) -> None:
    lives = [Life(capacity=100, max_backlog=400)]
    store = store_of(lives)
    names = [f"m{n}" for n in range(300)]
    for name in names:
        await lives[0].accept(store, name)
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed, store, lives[0].window)
            first = await lives[0].take(150)
            for n in range(300, 350):  # younger ones, while older ones still wait in the store
                await lives[0].accept(store, f"m{n}")
            rest = await lives[0].take(200)
            nursery.cancel_scope.cancel()
    assert first + rest == [f"m{n}" for n in range(350)]


async def test_a_new_message_does_not_overtake_50_000_of_before_the_start(
    autojump_clock: trio.testing.MockClock,
) -> None:
    lives = [Life(capacity=10_000, max_backlog=60_000)]
    store = store_of(lives)
    for n in range(50_000):
        await lives[0].accept(store, f"m{n}")
    lives.append(Life(capacity=10_000, max_backlog=60_000))
    lives[1].window.fall_behind(50_000)
    await lives[1].accept(store, "new")
    with trio.fail_after(600):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed, store, lives[1].window)
            taken = await lives[1].take(50_001)
            nursery.cancel_scope.cancel()
    assert taken == [*(f"m{n}" for n in range(50_000)), "new"]


async def test_once_all_are_in_memory_new_messages_come_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    lives = [Life(capacity=2, max_backlog=10)]
    store = store_of(lives)
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed, store, lives[0].window)
            for n in range(5):
                await lives[0].accept(store, f"m{n}")
            assert await lives[0].take(5) == [f"m{n}" for n in range(5)]
            await trio.testing.wait_all_tasks_blocked()
            await lives[0].accept(store, "new")
            assert lives[0].window.receive.receive_nowait().id == "new"
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("on_unknown", "status"), [("hold", Status.UNKNOWN), ("resend", Status.QUEUED)]
)
async def test_only_what_was_begun_before_the_start_is_what_a_crash_left(
    on_unknown: OnUnknown, status: Status, autojump_clock: trio.testing.MockClock
) -> None:
    lives = [Life(capacity=10, max_backlog=10)]
    store = store_of(lives)
    crashed = await lives[0].accept(store, "crashed")
    await store.begin(crashed, "default", NOW)

    lives.append(Life(capacity=10, max_backlog=10))
    lives[1].window.fall_behind(1)
    scheduler = Scheduler(
        store,
        lives[1].window,
        RetryPolicy(on_unknown=on_unknown),
        Clock(),
        await store.begun(),
    )
    fresh = await lives[1].accept(store, "fresh")  # a worker takes it before the scheduler runs
    await store.begin(fresh, "default", NOW)
    with trio.move_on_after(5):
        await scheduler.run()

    statuses = {name: await store.get(name) for name in ("crashed", "fresh")}
    assert {name: record.status for name, record in statuses.items() if record} == {
        "crashed": status,
        "fresh": Status.SENDING,
    }
    assert lives[1].window.places == (1 if on_unknown == "hold" else 2)


async def test_recovery_goes_on_where_the_disk_failed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    lives = [Life(capacity=10, max_backlog=10)]
    store = store_of(lives)
    for name in ("one", "two"):
        await store.begin(await lives[0].accept(store, name), "default", NOW)
    lives.append(Life(capacity=10, max_backlog=10))
    lives[1].window.fall_behind(2)
    failing: Any = FailingOnce(store)
    scheduler = Scheduler(failing, lives[1].window, RetryPolicy(), Clock(), await store.begun())
    with trio.move_on_after(5):
        await scheduler.run()
    assert (await store.ledger()).counts[Status.UNKNOWN] == 2
    assert lives[1].window.places == 0
