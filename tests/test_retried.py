"""A retried message is sent once, whatever becomes of the copy of it from before the retry."""

from dataclasses import replace
from typing import Any

import pytest
import trio
import trio.testing

from tests.contract.messages import accept, record_of, status_of
from tests.core.messages import message
from tests.fakes import FakeInquiries, FakeStore
from tests.test_dispatcher import DAY, Line
from trio_wa import scheduler as scheduler_module
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.core.message import Message, Priority
from trio_wa.core.retry import RetryPolicy
from trio_wa.core.status import Status
from trio_wa.janitor import Janitor, Retention
from trio_wa.ports import StoreUnavailable
from trio_wa.scheduler import Scheduler

SEND_SECONDS = 61.0


class Tardy(MemoryStore):
    """A store in whose writer each expiry of the normal lane waits for a second."""

    async def expire(self, message: Message, at: float) -> bool:
        await trio.sleep(1.0)
        return await super().expire(message, at)

    async def expire_overdue(
        self, priority: Priority, after_seq: int, at: float, limit: int
    ) -> int:
        if priority == "normal":
            await trio.sleep(1.0)
        return await super().expire_overdue(priority, after_seq, at, limit)


class Life(Line):
    """A line with a scheduler and a janitor, over a store; its one worker is slow."""

    store: Any

    def __init__(self, *, capacity: int) -> None:
        store: Any = Tardy(lambda message: self.window.publish(message))
        super().__init__(workers=1, capacity=capacity, store=store)
        self.gateway.seconds = SEND_SECONDS

    async def take(self, name: str, ttl: float = DAY) -> None:
        """Have a message accepted that lives for `ttl` seconds."""
        assert self.window.reserve("normal")
        now = self.clock.now()
        await accept(self.store, name, chat_id=f"{name}@c.us", at=now, expires_at=now + ttl)

    async def retry(self, name: str) -> None:
        assert self.window.reserve("normal")
        now = self.clock.now()
        assert await self.store.retry(name, now, now + DAY)

    async def cancel(self, name: str) -> None:
        place = await self.store.cancel(name, self.clock.now())
        assert place is not None
        self.dispatcher.discard(name, place)

    async def sweep(self) -> None:
        await Janitor(self.store, self.window, Retention(DAY, DAY), self.clock).sweep()

    async def run(self) -> None:
        scheduler = Scheduler(
            self.store,
            self.window,
            self.dispatcher,
            FakeInquiries(),
            RetryPolicy(),
            self.clock,
            (),
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(super().run)
            nursery.start_soon(scheduler.run)


@pytest.mark.parametrize("before", [2, 3])
async def test_what_came_into_memory_while_it_expired_is_sent_once_it_is_retried(
    before: int, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler_module, "CHUNK", 1)
    life = Life(capacity=2)
    for n in range(before):
        await life.take(f"m{n}")
    await life.take("short", ttl=60.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(life.run)
        await trio.sleep(SEND_SECONDS - 0.5)
        # Meanwhile the first send ends, and its permit goes to the short-lived one; or to the one
        # before that, behind which the feeder reads the short-lived one.
        await life.sweep()
        assert await status_of(life.store, "short") is Status.EXPIRED
        await life.retry("short")
        await trio.sleep(10 * SEND_SECONDS)
        record = await record_of(life.store, "short")
        states = [event.status for event in record.events]
        assert states == ["queued", "expired", "queued", "sending", "sent"]
        assert (life.window.backlog, life.free_permits) == (0, 2)
        nursery.cancel_scope.cancel()


async def test_an_old_copy_that_waits_as_the_new_one_comes_gives_its_permit_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    life = Life(capacity=3)
    for name in ("first", "second", "third"):
        await life.take(name)
    await life.take("short", ttl=60.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(life.run)
        await trio.sleep(SEND_SECONDS - 0.5)
        await life.sweep()
        await life.retry("short")
        assert life.free_permits == 0  # second, third, and the old copy
        await life.cancel("third")
        await trio.sleep(1.0)
        record = await record_of(life.store, "short")
        waiting = life.dispatcher._dispatch.get("short")
        assert waiting is not None
        assert waiting.seq == record.seq
        await trio.sleep(10 * SEND_SECONDS)
        assert await status_of(life.store, "short") is Status.SENT
        assert (life.window.backlog, life.free_permits) == (0, 3)
        nursery.cancel_scope.cancel()


async def test_an_old_copy_that_a_worker_brings_back_gives_its_permit_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Stalled(FakeStore):
        async def begin(self, message: Message, session: str, at: float) -> bool:
            begun.append(message.seq)
            if message.seq == 1:
                await trio.sleep(1.0)
                raise StoreUnavailable("full")
            return await super().begin(message, session, at)

    begun: list[int] = []
    line = Line(store=Stalled())
    line.accept(1, to="x")
    line.accept(2, to="x")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.run)
        await trio.sleep(0.5)
        # It failed by an ack, which gave its place back, and was retried.
        line.window.publish(replace(message(1, to="x", expires_at=line.clock.now() + DAY), seq=3))
        line.window.close()
    assert begun == [1, 2, 3]
    assert line.settled == ["m2", "m1"]
    assert (line.window.backlog, line.free_permits) == (0, 1_000)
