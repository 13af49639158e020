"""The composition root: the nurseries, and the order in which things start and end."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path

import structlog
import trio

from trio_wa.adapters.alert_command import AlertCommand
from trio_wa.adapters.alert_url import AlertUrl
from trio_wa.adapters.media_directory import MediaDirectory
from trio_wa.adapters.media_memory import MemoryMedia
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.adapters.sqlite import open_sqlite_store
from trio_wa.adapters.waha import Waha
from trio_wa.alerts import Alerts
from trio_wa.clock import Clock
from trio_wa.config import Settings
from trio_wa.core.dispatch import Dispatch
from trio_wa.core.retry import RetryPolicy
from trio_wa.core.status import Status
from trio_wa.dispatcher import Dispatcher
from trio_wa.greeting import greet
from trio_wa.intake.http import Request, Response
from trio_wa.intake.routes import create_intake
from trio_wa.janitor import Janitor, Retention
from trio_wa.media import MediaKeeper
from trio_wa.oversight import Oversight
from trio_wa.ports import (
    Ledger,
    MediaStore,
    Notifier,
    OpenAttempt,
    Publish,
    Store,
    StoreUnavailable,
)
from trio_wa.scheduler import Scheduler
from trio_wa.settling import Settling
from trio_wa.window import Window
from trio_wa.worker import Worker

log = structlog.get_logger(__name__)

Intake = Callable[[Request], Awaitable[Response]]
Front = Callable[[Intake], Awaitable[None]]
"""What brings requests in: it is given the intake, and returns once no request is open."""


LATE_SECONDS = 0.25
"""How long after its claim an attempt may begin where sessions keep a pace."""

COUNT_SECONDS = 0.5
"""How long the end may take to count what is left: the disk may hang."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How the service ended: what was not settled then, and whether that outlives the process."""

    left: int
    durable: bool


@asynccontextmanager
async def open_store(settings: Settings, publish: Publish) -> AsyncIterator[Store]:
    """The store that the settings ask for."""
    if settings.in_memory:
        yield MemoryStore(publish)
        return
    async with open_sqlite_store(
        Path(settings.journal_path),
        publish,
        min_free_disk=settings.min_free_disk,
        lock_wait=settings.lock_wait,
    ) as store:
        yield store


def open_media(settings: Settings) -> MediaStore:
    """Where the data of files are kept: beside the store, whose file has one name for both."""
    if settings.in_memory:
        return MemoryMedia()
    return MediaDirectory(Path(f"{Path(settings.journal_path).resolve()}.media"))


async def run(
    settings: Settings,
    front: Front,
    *,
    drain: trio.CancelScope,
    opening: Callable[[Settings, Publish], AbstractAsyncContextManager[Store]] = open_store,
    clock: Clock | None = None,
    media: MediaStore | None = None,
) -> Ended:
    """Run the service until `front` returns, then drain what was accepted.

    Cancelling `drain` ends the drain, or the whole service, at once; what an attempt was doing
    then is still recorded. `opening` opens the store, and closes it last. With a `clock` of an
    earlier life of the service, a virtual time goes on where it was, and with its `media` the data
    of files are there that were kept in memory.

    Raises:
        StoreUnusable: the store cannot be opened; nothing was changed.
    """
    clock = clock or Clock()
    window = Window(
        capacity=settings.queue_capacity,
        max_backlog=settings.backlog,
        max_scheduled=settings.max_scheduled,
    )
    media = media or open_media(settings)
    policy = RetryPolicy(
        settings.max_attempts, settings.retry_base, settings.retry_max, settings.on_unknown
    )
    dispatch = Dispatch(
        settings.sessions,
        workers=settings.worker_count,
        retry_base=settings.retry_base,
        sticky=settings.session_rotation == "sticky",
        limits=settings.limits,
        quiet_hours=settings.quiet_hours,
    )
    dispatcher = Dispatcher(dispatch, window, clock)
    gateway = Waha(
        api_key=settings.waha_key, timeout=settings.send_timeout, clock=clock, media=media
    )
    async with opening(settings, window.publish) as store, gateway.observe() as observer:
        left = await store.open_attempts()
        window.recall(await store.places())
        # What a crash left begun is in no history before the scheduler settles it.
        begun = [(each.session, each.began_at) for each in left if not each.asked]
        memories = await store.session_memories()
        rates = {name: memory.rate for name, memory in memories.items()}
        histories, now = await store.histories(clock.now()), clock.now()
        dispatch.rotation.recall(histories, rates, begun, now)
        alerts = Alerts(_notifiers(settings), clock)
        oversight = Oversight(
            settings, memories, store, observer, dispatch, dispatcher, window, policy, alerts, clock
        )
        settling = Settling(
            store,
            dispatcher,
            oversight.inquiries,
            oversight.attempted,
            oversight.noticed,
            policy,
            clock,
        )
        worker = Worker(
            store,
            gateway,
            dispatcher,
            oversight.addressing,
            settling,
            clock,
            patience=LATE_SECONDS if settings.limits.pace.spacing(1.0) else inf,
        )
        lately = {name for name, history in histories.items() if history.is_recent(now)}
        await oversight.pool.remember_rate(settings.limits.pace.rate, {*lately, *dict(begun)})
        scheduler = Scheduler(store, window, dispatcher, oversight.inquiries, policy, clock, left)
        retention = Retention(settings.text_retention, settings.retention)
        janitor = Janitor(store, window, retention, clock)
        keeper = MediaKeeper(store, media)
        await keeper.look()
        intake = create_intake(
            settings,
            store,
            media,
            window,
            dispatcher,
            oversight.overview,
            oversight.receipts,
            oversight.writers,
            alerts,
            clock,
        )
        with drain:
            async with trio.open_nursery() as watchers:
                watchers.start_soon(alerts.run, name="alerts")
                watchers.start_soon(oversight.run, name="oversight")
                async with trio.open_nursery() as workers:
                    workers.start_soon(dispatcher.run, name="dispatcher")
                    for number in range(settings.worker_count):
                        jobs = dispatcher.claims.clone()
                        workers.start_soon(worker.run, jobs, name=f"worker-{number}")
                    dispatcher.claims.close()
                    async with trio.open_nursery() as producers:
                        producers.start_soon(scheduler.run, name="scheduler")
                        producers.start_soon(janitor.run, name="janitor")
                        producers.start_soon(keeper.run, name="media-keeper")
                        producers.start_soon(greet, settings, observer, oversight, name="greeting")
                        await front(intake)  # 1. until the signal; open requests end
                        if (seconds := settings.drain_seconds) is not None:
                            workers.cancel_scope.deadline = trio.current_time() + seconds
                            dispatcher.drain_until = clock.now() + seconds
                        producers.cancel_scope.cancel()  # 2. what is only in the store stays there
                    window.close()  # 3. no producer is left: the queue drains, then everything ends
                    log.info("service.draining", backlog=window.backlog)
                watchers.cancel_scope.cancel()  # 4. what is still looked up stays in the store
        counts: dict[str, int] = {}
        unsettled = 0
        with trio.move_on_after(COUNT_SECONDS), suppress(StoreUnavailable):
            ledger = await store.ledger()
            counts = {status.value: n for status, n in ledger.counts.items() if n}
            unsettled = _unsettled(ledger, await store.open_attempts())
    log.info("service.stopped", **counts)  # 5. the senders are closed, and the store
    return Ended(unsettled, durable=not settings.in_memory)


def _notifiers(settings: Settings) -> Sequence[Notifier]:
    """The ways to the operator that the settings ask for."""
    notifiers: list[Notifier] = []
    if settings.alert_command is not None:
        notifiers.append(AlertCommand(settings.alert_command))
    if settings.alert_target is not None:
        notifiers.append(AlertUrl(settings.alert_target))
    return notifiers


def _unsettled(ledger: Ledger, left: Sequence[OpenAttempt]) -> int:
    asked = sum(attempt.asked for attempt in left)
    return ledger.counts[Status.QUEUED] + ledger.counts[Status.SENDING] + asked
