"""What a start brings back, and in which order: recovery and the feeding of the window."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import trio
import trio.testing

from tests.contract.messages import (
    NOW,
    accept,
    begun,
    draft,
    inquire,
    receive,
    requeue,
    status_of,
)
from tests.fakes import FailingStore, FakeInquiries
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.clock import Clock
from trio_wa.core.message import Message
from trio_wa.core.retry import OnUnknown, RetryPolicy
from trio_wa.core.status import Status
from trio_wa.ports import Accepted, OpenAttempt, Store, Suppression
from trio_wa.scheduler import Scheduler
from trio_wa.window import Window


class Life:
    """One life of a service over a store that outlives it, as far as messages enter memory."""

    def __init__(self, *, capacity: int, max_backlog: int) -> None:
        self.window = Window(capacity=capacity, max_backlog=max_backlog, max_scheduled=1_000)
        self.inquiries = FakeInquiries()
        self.holder = FakeHolder(self.window)

    @property
    def free_permits(self) -> int:
        return self.window.lanes["normal"]._permits.value

    async def accept(self, store: Store, name: str) -> Message:
        assert self.window.reserve("normal")
        accepted = await store.accept(draft(name, expires_at=NOW * 2))
        assert isinstance(accepted, Accepted)
        return accepted.message

    async def take(self, count: int) -> list[str]:
        """What comes into memory next; each leaves it again before the next one is taken."""
        taken = []
        for _ in range(count):
            taken.append((await self.window.lanes["normal"].receive.receive()).id)
            self.window.lanes["normal"].leave()
        return taken


def store_of(life: list[Life]) -> MemoryStore:
    """A store that publishes to the newest life."""
    return MemoryStore(lambda message: life[-1].window.publish(message), max_settled=100_000)


@dataclass
class FakeHolder:
    """Notes whose recipients are held, and what was in the window by then."""

    window: Window
    blocked: list[tuple[str, int]] = field(default_factory=list)

    def block(self, message: Message) -> None:
        self.blocked.append(
            (message.id, self.window.lanes["normal"].receive.statistics().current_buffer_used)
        )


def scheduler_of(
    store: Any,
    life: Life,
    left: Sequence[OpenAttempt] = (),
    *,
    tells: bool = False,
    policy: RetryPolicy | None = None,
) -> Scheduler:
    inquiries = life.inquiries = FakeInquiries(tells=tells)
    holder = life.holder = FakeHolder(life.window)
    policy = policy or RetryPolicy()
    return Scheduler(store, life.window, holder, inquiries, policy, Clock(), left)


async def feed(store: Store, life: Life) -> None:
    await scheduler_of(store, life).run()


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
            nursery.start_soon(feed, store, lives[0])
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
    lives[1].window.recall({"normal": 50_000})
    await lives[1].accept(store, "new")
    with trio.fail_after(600):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed, store, lives[1])
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
            nursery.start_soon(feed, store, lives[0])
            for n in range(5):
                await lives[0].accept(store, f"m{n}")
            assert await lives[0].take(5) == [f"m{n}" for n in range(5)]
            await trio.testing.wait_all_tasks_blocked()
            await lives[0].accept(store, "new")
            assert lives[0].window.lanes["normal"].receive.receive_nowait().id == "new"
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
    lives[1].window.recall({"normal": 1})
    left = await store.open_attempts()
    policy = RetryPolicy(on_unknown=on_unknown)
    scheduler = scheduler_of(store, lives[1], left, policy=policy)
    fresh = await lives[1].accept(store, "fresh")  # a worker takes it before the scheduler runs
    await store.begin(fresh, "default", NOW)
    with trio.move_on_after(5):
        await scheduler.run()

    statuses = {name: await store.get(name) for name in ("crashed", "fresh")}
    assert {name: record.status for name, record in statuses.items() if record} == {
        "crashed": status,
        "fresh": Status.SENDING,
    }
    assert lives[1].window.backlog == (1 if on_unknown == "hold" else 2)


async def test_recovery_goes_on_where_the_disk_failed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    lives = [Life(capacity=10, max_backlog=10)]
    store = store_of(lives)
    for name in ("one", "two"):
        await store.begin(await lives[0].accept(store, name), "default", NOW)
    lives.append(Life(capacity=10, max_backlog=10))
    lives[1].window.recall({"normal": 2})
    failing = FailingStore(store, settle=1)
    scheduler = scheduler_of(failing, lives[1], await store.open_attempts())
    with trio.move_on_after(5):
        await scheduler.run()
    assert (await store.ledger()).counts[Status.UNKNOWN] == 2
    assert lives[1].window.backlog == 0


class Restart:
    """A second life: `begun` was being sent when the first ended, `asked` was being looked up."""

    def __init__(self, *, capacity: int = 10) -> None:
        self.lives = [Life(capacity=100, max_backlog=100)]
        self.store = store_of(self.lives)
        self.capacity = capacity

    async def leave(
        self, *, begun: Sequence[str] = (), asked: Sequence[str] = (), at: float = NOW
    ) -> None:
        for name in (*begun, *asked):
            message = replace(
                await accept(self.store, name, expires_at=NOW * 2), waha_id=f"3EB0{name}"
            )
            assert await self.store.begin(message, "default", at)
            if name in asked:
                assert await inquire(self.store, message) is Status.UNKNOWN

    async def start(self, **options: Any) -> tuple[Life, Scheduler]:
        life = Life(capacity=self.capacity, max_backlog=100)
        self.lives.append(life)
        left = await self.store.open_attempts()
        queued = await self.store.queued("normal", 0, 1_000)
        life.window.recall({"normal": len(left) + len(queued)})
        store = FailingStore(self.store, **options.pop("failures", {}))
        return life, scheduler_of(store, life, left, **options)


async def test_what_is_open_holds_its_recipient_before_anything_is_fed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    restart = Restart()
    await restart.leave(begun=["begun"], asked=["asked"])
    await accept(restart.store, "behind")
    life, scheduler = await restart.start(tells=True)
    with trio.move_on_after(5):
        await scheduler.run()
    assert life.holder.blocked == [("begun", 0), ("asked", 0)]
    opened = [attempt.message.id for attempt in life.inquiries.opened]
    assert opened == ["begun", "asked"]
    assert [attempt.message.waha_id for attempt in life.inquiries.opened] == [
        "3EB0begun",
        "3EB0asked",
    ]
    assert await status_of(restart.store, "begun") is Status.UNKNOWN
    assert [attempt.asked for attempt in await restart.store.open_attempts()] == [True, True]
    assert life.window.lanes["normal"].receive.receive_nowait().id == "behind"
    assert (life.window.backlog, life.free_permits) == (3, 7)


async def test_what_a_crash_left_is_looked_up_from_its_begin(
    autojump_clock: trio.testing.MockClock,
) -> None:
    restart = Restart()
    await restart.leave(begun=["begun"])
    life, scheduler = await restart.start(tells=True)
    with trio.move_on_after(5):
        await scheduler.run()
    assert [attempt.began_at for attempt in life.inquiries.opened] == [NOW]


async def test_what_a_clock_that_ran_ahead_left_is_looked_up_and_tried_from_now_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    start = Clock().now()
    restart = Restart()
    await restart.leave(begun=["begun"], at=start + 86_400)
    retried = await begun(restart.store, "retried", expires_at=start * 2)
    later = replace(retried, due_at=start + 86_400)
    await requeue(restart.store, retried, later, at=start)
    life, scheduler = await restart.start(tells=True)
    with trio.move_on_after(5):
        await scheduler.run()
    [attempt] = life.inquiries.opened
    assert start <= attempt.began_at <= start + 1
    fed = life.window.lanes["normal"].receive.receive_nowait()
    assert fed.id == "retried"
    assert start <= fed.due_at <= start + 1


async def test_what_cannot_be_looked_up_gives_its_place_back_and_takes_no_permit(
    autojump_clock: trio.testing.MockClock,
) -> None:
    restart = Restart()
    await restart.leave(begun=["one", "two"])
    life, scheduler = await restart.start(tells=False)
    with trio.move_on_after(5):
        await scheduler.run()
    assert (life.window.backlog, life.free_permits) == (0, 10)
    assert life.holder.blocked == []
    assert (await restart.store.ledger()).counts[Status.UNKNOWN] == 2
    assert await restart.store.open_attempts() == []


async def test_what_a_crash_left_is_not_sent_again_to_somebody_who_wants_no_messages(
    autojump_clock: trio.testing.MockClock,
) -> None:
    restart = Restart()
    await restart.leave(begun=["begun"])
    await restart.store.suppress(Suppression("6281234567890@c.us", NOW))
    policy = RetryPolicy(on_unknown="resend")
    life, scheduler = await restart.start(tells=False, policy=policy)
    with trio.move_on_after(5):
        await scheduler.run()
    assert await status_of(restart.store, "begun") is Status.CANCELLED
    assert (life.window.backlog, life.free_permits) == (0, 10)
    assert life.holder.blocked == []


async def test_what_was_acknowledged_before_the_crash_is_not_looked_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    restart = Restart()
    await restart.leave(begun=["begun"])
    await receive(restart.store, "3EB0begun", 2)
    life, scheduler = await restart.start(tells=True)
    with trio.move_on_after(5):
        await scheduler.run()
    assert await status_of(restart.store, "begun") is Status.DELIVERED
    assert life.inquiries.opened == []
    assert (life.window.backlog, life.free_permits) == (0, 10)


async def test_an_open_attempt_waits_for_a_permit_and_nothing_passes_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    restart = Restart(capacity=2)
    await restart.leave(asked=["one", "two", "three"])
    await accept(restart.store, "behind")
    life, scheduler = await restart.start(tells=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scheduler.run)
        await trio.sleep(60)
        assert len(life.inquiries.opened) == 2
        assert life.window.lanes["normal"].receive.statistics().current_buffer_used == 0
        life.window.lanes["normal"].leave()  # one of them is settled
        await trio.sleep(1)
        assert len(life.inquiries.opened) == 3
        life.window.lanes["normal"].leave()
        await trio.sleep(1)
        assert life.window.lanes["normal"].receive.receive_nowait().id == "behind"
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("failures", [{"settle": 3}, {"queued": 3}])
async def test_a_store_that_fails_delays_the_recovery_and_repeats_none_of_it(
    failures: dict[str, int], autojump_clock: trio.testing.MockClock
) -> None:
    restart = Restart()
    await restart.leave(begun=["begun"], asked=["asked"])
    await accept(restart.store, "behind")
    life, scheduler = await restart.start(tells=True, failures=failures)
    with trio.move_on_after(20):
        await scheduler.run()
    assert [name for name, _ in life.holder.blocked] == ["begun", "asked"]
    assert life.window.lanes["normal"].receive.receive_nowait().id == "behind"
    assert (life.window.backlog, life.free_permits) == (3, 7)


async def test_a_recovery_that_is_cut_leaves_what_is_open_in_the_store(
    autojump_clock: trio.testing.MockClock,
) -> None:
    restart = Restart(capacity=1)
    await restart.leave(begun=["one", "two"])
    _, scheduler = await restart.start(tells=True)
    with trio.move_on_after(5):
        await scheduler.run()  # the second waits for a permit
    left = await restart.store.open_attempts()
    assert [attempt.message.id for attempt in left] == ["one", "two"]
    assert (await restart.store.ledger()).balanced


async def test_what_is_queued_after_the_close_stays_in_the_store() -> None:
    window = Window(capacity=10, max_backlog=10, max_scheduled=1_000)
    store = MemoryStore(window.publish)
    window.close()
    assert isinstance(await store.accept(draft("late")), Accepted)
    assert (await store.ledger()).counts[Status.QUEUED] == 1
    with pytest.raises(trio.EndOfChannel):
        window.lanes["normal"].receive.receive_nowait()
