"""Scheduled messages: they wait in the store, and come up as their time does."""

from math import inf

import pytest
import trio
import trio.testing

from tests.contract.messages import draft, record_of, status_of
from tests.fakes import FailingStore, FakeInquiries
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.clock import Clock
from trio_wa.core.message import Message
from trio_wa.core.retry import RetryPolicy
from trio_wa.core.status import Status
from trio_wa.ports import Accepted, Store
from trio_wa.schedule import Schedule
from trio_wa.scheduler import AGAIN_SECONDS, Scheduler
from trio_wa.window import Window


class Timetable:
    """A store in memory, a window and a scheduler; it notes what comes up, and when."""

    def __init__(self, *, capacity: int = 100, max_scheduled: int = 1_000) -> None:
        self.clock = Clock()
        self.window = Window(capacity=capacity, max_backlog=100, max_scheduled=max_scheduled)
        self.store = MemoryStore(self.window.publish)
        self.came: list[tuple[str, float]] = []
        self.began = self.clock.now()

    async def accept(self, name: str, after: float | None = None, **fields: object) -> Message:
        """Have a message accepted that is due `after` so many seconds."""
        now = self.clock.now()
        send_at = None if after is None else now + after
        accepting = draft(name, at=now, expires_at=now + 3600, send_at=send_at, **fields)  # type: ignore[arg-type]
        assert self.window.reserve(accepting.place)
        acceptance = await self.store.accept(accepting)
        assert isinstance(acceptance, Accepted)
        if accepting.place == "scheduled":
            self.window.schedule.note(send_at)
        return acceptance.message

    async def run(self, store: Store | None = None) -> None:
        """Bring up what is due, for ever."""
        scheduler = Scheduler(
            store or self.store,
            self.window,
            Holds(),
            FakeInquiries(),
            RetryPolicy(),
            self.clock,
            (),
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(scheduler.run)
            for lane in self.window.lanes.values():
                nursery.start_soon(self._note, lane.receive)

    async def _note(self, arrivals: trio.MemoryReceiveChannel[Message]) -> None:
        async for message in arrivals:
            self.came.append((message.id, round(self.clock.now() - self.began, 3)))
            self.window.lanes[message.priority].leave()


class Holds:
    """Holds no recipients."""

    def block(self, message: Message) -> None:
        raise AssertionError(message)


async def test_each_comes_up_at_its_time_and_not_before(
    autojump_clock: trio.testing.MockClock,
) -> None:
    table = Timetable()
    await table.accept("third", 30.0)
    await table.accept("first", 10.5)
    await table.accept("now")
    with trio.move_on_after(3600):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(table.run)
            await trio.sleep(5)
            await table.accept("second", 10.0)
            await table.accept("soon", 0.25)
    assert table.came == [
        ("now", 0.0),
        ("soon", 5.25),
        ("first", 10.5),
        ("second", 15.0),
        ("third", 30.0),
    ]


async def test_a_scheduled_message_holds_a_place_of_its_own_until_its_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    table = Timetable()
    await table.accept("later", 10.0, priority="bulk")
    assert (table.window.backlog, table.window.places("scheduled").taken) == (0, 1)
    with trio.move_on_after(9):
        await table.run()
    assert (table.window.backlog, table.window.places("scheduled").taken) == (0, 1)
    with trio.move_on_after(2):
        await table.run()
    assert table.window.places("bulk").taken == 1
    assert table.window.places("scheduled").taken == 0
    assert await status_of(table.store, "later") is Status.QUEUED


async def test_what_came_up_goes_behind_what_was_accepted_before_its_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    table = Timetable()
    early = await table.accept("scheduled", 10.0)
    with trio.move_on_after(11):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(table.run)
            await trio.sleep(9)
            accepted = await table.accept("accepted")
    assert [name for name, _ in table.came] == ["accepted", "scheduled"]
    released = await record_of(table.store, "scheduled")
    assert released.seq > accepted.seq > early.seq


async def test_what_is_due_together_comes_in_the_order_of_acceptance(
    autojump_clock: trio.testing.MockClock,
) -> None:
    table = Timetable(capacity=5_000)
    names = [f"m{number}" for number in range(1_200)]
    table.window.places("scheduled").limit = 2_000
    for name in names:
        await table.accept(name, 10.0)
    with trio.move_on_after(60):
        await table.run()
    assert [name for name, _ in table.came] == names


async def test_a_full_lane_takes_what_is_due_all_the_same(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It was accepted: only new messages are refused then."""
    table = Timetable(capacity=3)
    for number in range(100):
        await table.accept(f"m{number}")
    for number in range(10):
        await table.accept(f"s{number}", 1.0)
    assert not table.window.reserve("normal")
    with trio.move_on_after(60):
        await table.run()
    assert [name for name, _ in table.came] == [
        *(f"m{number}" for number in range(100)),
        *(f"s{number}" for number in range(10)),
    ]
    assert table.window.places("normal").taken == 110


async def test_a_start_brings_up_what_was_due_meanwhile(
    autojump_clock: trio.testing.MockClock,
) -> None:
    table = Timetable()
    await table.accept("due", 10.0)
    await table.accept("later", 100.0)
    await trio.sleep(50)
    window = Window(capacity=10, max_backlog=10, max_scheduled=10)
    window.recall(await table.store.places())
    assert window.places("scheduled").taken == 2
    with trio.move_on_after(200):
        await table.run()
    assert table.came == [("due", 50.0), ("later", 100.0)]


async def test_a_store_that_fails_is_asked_again(autojump_clock: trio.testing.MockClock) -> None:
    table = Timetable()
    await table.accept("due", 10.0)
    failing = FailingStore(table.store, release_due=2, next_due=1)
    with trio.move_on_after(60):
        await table.run(failing)
    assert [name for name, _ in table.came] == ["due"]
    assert table.came[0][1] <= 10.0 + 3 * AGAIN_SECONDS


@pytest.mark.parametrize("noted", [5.0, inf, None])
async def test_the_schedule_waits_for_the_first(
    autojump_clock: trio.testing.MockClock, noted: float | None
) -> None:
    clock, schedule = Clock(), Schedule(10)
    began = clock.now()
    schedule.note(began + 3.0)
    schedule.note(None if noted is None else began + noted)
    await schedule.due(clock)
    assert clock.now() - began == pytest.approx(3.0)
    schedule.forget()
    with trio.move_on_after(1_000) as scope:
        await schedule.due(clock)
    assert scope.cancelled_caught
