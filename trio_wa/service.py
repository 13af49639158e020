"""The composition root: the nurseries, and the order in which things start and end."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf

import structlog
import trio

from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.adapters.waha import Waha
from trio_wa.clock import Clock
from trio_wa.config import Settings
from trio_wa.core.dispatch import Dispatch
from trio_wa.core.retry import RetryPolicy
from trio_wa.core.status import Status
from trio_wa.dispatcher import Dispatcher
from trio_wa.intake.accept import Accept
from trio_wa.intake.health import Health
from trio_wa.intake.http import Request, Response
from trio_wa.intake.router import Router
from trio_wa.ports import Gateway, WahaInfo
from trio_wa.window import Window
from trio_wa.worker import Worker

log = structlog.get_logger(__name__)

Intake = Callable[[Request], Awaitable[Response]]
Front = Callable[[Intake], Awaitable[None]]
"""What brings requests in: it is given the intake, and returns once no request is open."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How the service ended: what was still unsent then, by its state."""

    queued: int
    sending: int

    @property
    def left(self) -> int:
        """How many accepted messages were not settled."""
        return self.queued + self.sending


async def run(settings: Settings, front: Front, *, drain: trio.CancelScope) -> Ended:
    """Run the service until `front` returns, then drain what was accepted.

    Cancelling `drain` ends the drain, or the whole service, at once; what an attempt was doing
    then is still recorded.
    """
    clock = Clock()
    window = Window(capacity=settings.queue_capacity)
    store = MemoryStore(window.publish)
    key = settings.waha_api_key
    gateway = Waha(
        api_key=key.get_secret_value() if key else None, timeout=settings.send_timeout, clock=clock
    )
    policy = RetryPolicy(
        settings.max_attempts, settings.retry_base, settings.retry_max, settings.on_unknown
    )
    dispatch = Dispatch(
        settings.sessions, workers=settings.worker_count, retry_base=settings.retry_base
    )
    dispatcher = Dispatcher(dispatch, window, clock)
    worker = Worker(store, gateway, dispatcher, policy, clock)
    names = frozenset(session.name for session in settings.sessions)
    accept = Accept(store, window, clock, settings.message_ttl, names)
    health = Health(window, names, dispatcher.obstacles)
    router = Router(
        {
            "/send": {"POST": accept},
            "/livez": {"GET": health.live},
            "/readyz": {"GET": health.ready},
        }
    )
    with drain:
        async with trio.open_nursery() as workers:
            workers.start_soon(dispatcher.run, name="dispatcher")
            for number in range(settings.worker_count):
                workers.start_soon(worker.run, dispatcher.claims.clone(), name=f"worker-{number}")
            dispatcher.claims.close()
            async with trio.open_nursery() as producers:
                producers.start_soon(_greet, settings, gateway, name="greeting")
                await front(router)  # 1. until the signal; open requests end
                producers.cancel_scope.cancel()
            window.close()  # 2. no producer is left: the queue drains, then everything ends
            dispatcher.drain_until = inf  # in memory, what waits for a retry goes too
            if settings.drain_timeout is not None:
                workers.cancel_scope.deadline = trio.current_time() + settings.drain_timeout
            log.info("service.draining", queued=window.taken)
    counts = store.counts()
    ended = Ended(counts[Status.QUEUED], counts[Status.SENDING])
    log.info("service.stopped", **{status.value: n for status, n in counts.items() if n})
    return ended


async def _greet(settings: Settings, gateway: Gateway) -> None:
    """Tell the operator what stands behind each session, and the remedy for what is not right."""
    log.info("queue.ready", capacity=settings.queue_capacity, workers=settings.worker_count)
    if settings.waha_api_key is None:
        log.warning("waha.no_key", remedy="set WAHA_API_KEY if this WAHA asks for a key")
    async with trio.open_nursery() as nursery:
        for url in dict.fromkeys(session.url for session in settings.sessions):
            nursery.start_soon(_greet_waha, url, settings, gateway)


async def _greet_waha(url: str, settings: Settings, gateway: Gateway) -> None:
    info = await gateway.ask(url)
    if info.problem is not None:
        log.warning("waha.problem", url=url, problem=info.problem, effect="messages wait")
        return
    log.info("waha.found", url=url, version=info.version, engine=info.engine)
    for session in settings.sessions:
        if session.url == url:
            _greet_session(session.name, info)


def _greet_session(name: str, info: WahaInfo) -> None:
    if info.statuses is None:
        log.warning("session.unreadable", session=name, effect="it is used as it is")
        return
    status = info.statuses.get(name)
    if status == "WORKING":
        log.info("session.found", session=name, status=status)
        return
    remedy = {
        None: "create it in WAHA, or correct WAHA_SESSIONS",
        "SCAN_QR_CODE": f"scan the QR code at {info.url}/api/{name}/auth/qr with the phone",
        "STARTING": "wait a moment: WAHA is starting it",
    }.get(status, f"start it: POST {info.url}/api/sessions/{name}/start")
    log.warning("session.not_working", session=name, status=status or "missing", remedy=remedy)
