"""What goes when its time is over, and whose places become free."""

from dataclasses import replace

import trio
import trio.testing

from tests.contract.messages import NOW, draft, finish, status_of
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.clock import Clock
from trio_wa.core.content import Text
from trio_wa.core.pace import History
from trio_wa.core.status import Status
from trio_wa.janitor import ACK_SECONDS, CHUNK, HISTORY_SECONDS, Janitor, Retention
from trio_wa.ports import Accepted, Receipt
from trio_wa.window import Window

DAY = 86_400.0


class At(Clock):
    """A clock that stands at one time."""

    def __init__(self, now: float) -> None:
        self._now = now

    def now(self) -> float:
        return self._now


def janitor_at(now: float, store: MemoryStore, window: Window) -> Janitor:
    return Janitor(store, window, Retention(text=DAY, rows=30 * DAY), At(now))


async def test_texts_go_after_a_day_and_rows_after_a_month(
    autojump_clock: trio.testing.MockClock,
) -> None:
    window = Window(capacity=10, max_backlog=10, max_scheduled=1_000)
    store = MemoryStore(window.publish)
    for name, status in (("sent", Status.SENT), ("failed", Status.FAILED)):
        accepted = await store.accept(draft(name))
        assert isinstance(accepted, Accepted)
        await finish(store, accepted.message, status, at=NOW)

    await janitor_at(NOW + DAY - 1, store, window).sweep()
    kept = [await store.get(name) for name in ("sent", "failed")]
    assert [record.content for record in kept if record] == [Text("Hello"), Text("Hello")]

    await janitor_at(NOW + DAY + 1, store, window).sweep()
    kept = [await store.get(name) for name in ("sent", "failed")]
    assert [record.content for record in kept if record] == [None, Text("Hello")]

    await janitor_at(NOW + 30 * DAY + 1, store, window).sweep()
    ledger = await store.ledger()
    assert (ledger.purged, sum(ledger.counts.values())) == (2, 0)
    assert ledger.balanced


async def test_what_is_overdue_in_the_store_alone_expires_and_frees_its_place(
    autojump_clock: trio.testing.MockClock,
) -> None:
    window = Window(capacity=1, max_backlog=2 * CHUNK, max_scheduled=1_000)
    store = MemoryStore(window.publish)
    for n in range(CHUNK + 10):  # more than one chunk; the first is in memory
        assert window.reserve("normal")
        await store.accept(draft(f"m{n}"))
    await janitor_at(NOW + 3601, store, window).sweep()
    ledger = await store.ledger()
    assert ledger.counts[Status.EXPIRED] == CHUNK + 9
    assert ledger.counts[Status.QUEUED] == 1  # the dispatcher's to expire
    assert window.backlog == 1


async def test_what_is_overdue_and_waits_for_a_permit_expires_and_frees_its_place(
    autojump_clock: trio.testing.MockClock,
) -> None:
    window = Window(capacity=1, max_backlog=10, max_scheduled=1_000)
    store = MemoryStore(window.publish)
    for name in ("in memory", "in hand", "in hand, too", "in the store"):
        assert window.reserve("normal")
        ttl = 7200 if name == "in hand, too" else 3600
        await store.accept(draft(name, expires_at=NOW + ttl))
    lane = window.lanes["normal"]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lane.feed, await store.queued("normal", lane.fed_seq, 2))
        await trio.testing.wait_all_tasks_blocked()
        await janitor_at(NOW + 3601, store, window).sweep()
        assert await status_of(store, "in memory") is Status.QUEUED  # the dispatcher's to expire
        assert await status_of(store, "in hand") is Status.EXPIRED
        assert await status_of(store, "in hand, too") is Status.QUEUED
        assert await status_of(store, "in the store") is Status.EXPIRED
        assert window.backlog == 2
        nursery.cancel_scope.cancel()


async def test_an_ack_that_no_message_bore_is_forgotten_after_an_hour(
    autojump_clock: trio.testing.MockClock,
) -> None:
    window = Window(capacity=10, max_backlog=10, max_scheduled=1_000)
    store = MemoryStore(window.publish)
    await store.receive(Receipt("default", "3EB0A", 1, NOW))
    await janitor_at(NOW + ACK_SECONDS - 1, store, window).sweep()
    assert await store.forget_acks(NOW - 1, 10) == 0
    await janitor_at(NOW + ACK_SECONDS + 1, store, window).sweep()
    assert await store.forget_acks(NOW + 1, 10) == 0
    await store.receive(Receipt("default", "3EB0A", 1, NOW))
    assert await store.forget_acks(NOW + 1, 10) == 1


async def test_begins_are_forgotten_after_two_days_but_for_the_first_of_a_session(
    autojump_clock: trio.testing.MockClock,
) -> None:
    window = Window(capacity=10, max_backlog=10, max_scheduled=1_000)
    store = MemoryStore(window.publish)
    begun = [(NOW + 60 * n, 1) for n in range(2 * CHUNK + 10)]  # more than two chunks
    for n, (at, _) in enumerate(begun):
        accepted = await store.accept(draft(f"m{n}"))
        assert isinstance(accepted, Accepted)
        await finish(store, accepted.message, Status.SENT, at=at + 1)
    whole = History(tuple(begun), first_at=NOW, new=((NOW, 1),))
    await janitor_at(NOW + HISTORY_SECONDS, store, window).sweep()
    assert await store.histories(NOW) == {"default": whole}
    await janitor_at(NOW + HISTORY_SECONDS + 60 * (2 * CHUNK + 5), store, window).sweep()
    left = replace(whole, begun=(begun[0], *begun[-5:]))
    assert await store.histories(NOW) == {"default": left}
