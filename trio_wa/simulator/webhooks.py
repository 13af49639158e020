"""The simulator's webhooks on their way: held in memory, repeated, and lost when too many wait."""

import contextlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
import trio

from trio_wa.simulator.agenda import Agenda
from trio_wa.simulator.event import Event, make_event, new_event_id, new_request_id
from trio_wa.simulator.faults import seconds_of
from trio_wa.simulator.options import WebhookTarget
from trio_wa.simulator.session import SimulatedSession
from trio_wa.simulator.webhook_connection import NotAnswered, WebhookConnection
from trio_wa.simulator.webhook_faults import WebhookFaults

SENDERS = 32
"""How many calls are under way at once. WAHA makes each by itself, and none waits for another; but
where both ends are in one process, each costs two of the files that it may open."""

STATUS_SENDERS = 8
"""How many of those that tell a session's status: they do not wait for acks not answered yet."""

WAITING = 20_000
TIMEOUT = 10.0

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Call:
    event: Event
    target: WebhookTarget
    headers: dict[str, str]
    attempt: int = 1

    def again(self) -> "_Call":
        return _Call(self.event, self.target, self.headers, self.attempt + 1)


class Webhooks:
    """Tells targets of events, many at once; disorder is possible, as with WAHA.

    `sent`, `lost` (after the last attempt, or by one of the `faults`) and `dropped` (too many
    waited) count what became of them. `faults` may be replaced at any time.
    """

    def __init__(
        self,
        targets: tuple[WebhookTarget, ...],
        environment: Mapping[str, Any],
        *,
        faults: WebhookFaults,
        agenda: Agenda,
        rng: random.Random,
        now: Callable[[], float],
    ) -> None:
        self.faults = faults
        self._targets = targets
        self._environment = environment
        self._agenda = agenda
        self._rng = rng
        self._now = now
        self._send, self._receive = trio.open_memory_channel[_Call](WAITING)
        self._send_status, self._receive_status = trio.open_memory_channel[_Call](WAITING)
        self.sent = 0
        self.lost = 0
        self.dropped = 0

    def wanted(self, session: SimulatedSession) -> bool:
        """Whether anyone is told of this session's events."""
        return bool(self._targets or session.webhooks)

    def emit(self, names: tuple[str, ...], session: SimulatedSession, payload: object) -> None:
        """Tell of one happening under each of `names`; they share an event id, as WAHA's do."""
        if not self.wanted(session):
            return
        at = self._now()
        event_id = new_event_id(at, self._rng)
        for name in names:
            event = make_event(
                name,
                event_id=event_id,
                at=at,
                session=session.name,
                me=session.me,
                payload=payload,
                environment=self._environment,
            )
            for target in (*self._targets, *session.webhooks):
                if target.wants(name):
                    request_id = new_request_id(self._rng)
                    self._post(_Call(event, target, event.headers(target.secret, request_id)))

    async def run(self) -> None:
        """Send what is posted, until cancelled."""
        async with trio.open_nursery() as nursery:
            for number in range(SENDERS):
                name = f"simulator-webhooks-{number}"
                nursery.start_soon(self._sender, self._receive, name=name)
            for number in range(STATUS_SENDERS):
                name = f"simulator-status-webhooks-{number}"
                nursery.start_soon(self._sender, self._receive_status, name=name)

    async def _sender(self, calls: trio.MemoryReceiveChannel[_Call]) -> None:
        connection = WebhookConnection()
        try:
            await self._send_all(calls, connection)
        finally:
            with trio.move_on_after(1, shield=True):  # the socket would stay open
                await connection.aclose()

    async def _send_all(
        self, calls: trio.MemoryReceiveChannel[_Call], connection: WebhookConnection
    ) -> None:
        async for call in calls:
            if await self._arrives(connection, call):
                self.sent += 1
            elif call.attempt >= call.target.attempts:
                self.lost += 1
                _logger.warning("webhook.lost", webhook=call.event.name, url=call.target.url)
            else:
                again = partial(self._put, call.again())
                self._agenda.call_later(call.target.retry_seconds, again)

    @staticmethod
    async def _arrives(connection: WebhookConnection, call: _Call) -> bool:
        with trio.move_on_after(TIMEOUT), contextlib.suppress(NotAnswered):
            status = await connection.post(call.target.url, call.headers, call.event.body)
            return 200 <= status < 300
        return False

    def _post(self, call: _Call) -> None:
        """Make a call for the first time, as far as the faults let it."""
        if self._chance(self.faults.lose):
            self.lost += 1
            return
        for _ in range(2 if self._chance(self.faults.duplicate) else 1):
            delay = seconds_of(self.faults.delay, self._rng)
            if delay > 0:
                self._agenda.call_later(delay, partial(self._put, call))
            else:
                self._put(call)

    def _chance(self, share: float) -> bool:
        return share > 0 and self._rng.random() < share

    def _put(self, call: _Call) -> None:
        tells_status = call.event.name == "session.status"
        try:
            (self._send_status if tells_status else self._send).send_nowait(call)
        except trio.WouldBlock:
            self.dropped += 1
