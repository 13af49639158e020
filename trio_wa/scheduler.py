"""Brings back what is due: what a crash left, what a start finds queued, and a long backlog."""

import random
from collections import deque
from collections.abc import Iterable

import structlog
import trio

from trio_wa.clock import Clock
from trio_wa.core.message import Message
from trio_wa.core.outcome import Unknown
from trio_wa.core.retry import Final, RetryPolicy, decide
from trio_wa.core.status import Status
from trio_wa.ports import Attempt, Store, StoreUnavailable
from trio_wa.window import Window

log = structlog.get_logger(__name__)

CHUNK = 500
"""Messages a read: few enough that a read is short."""

AGAIN_SECONDS = 1.0
"""How long a store that failed is left alone."""


class Scheduler:
    """Recovers at the start, and then feeds the window from the store whenever it is behind.

    `begun` is what the store held as begun before the first worker ran: afterwards it could not be
    told from what workers are sending.
    """

    def __init__(
        self,
        store: Store,
        window: Window,
        policy: RetryPolicy,
        clock: Clock,
        begun: Iterable[Message],
    ) -> None:
        self._store = store
        self._window = window
        self._policy = policy
        self._clock = clock
        self._begun = deque(begun)

    async def run(self) -> None:
        """Settle what a crash left begun, then feed the window until cancelled."""
        while True:
            try:
                await self._recover()
                await self._feed()
            except StoreUnavailable as error:
                log.warning("scheduler.store_unavailable", reason=str(error))
                await trio.sleep(AGAIN_SECONDS)

    async def _feed(self) -> None:
        seq = await self._window.behind()
        messages = await self._store.queued(self._window.fed_seq, CHUNK)
        await self._window.feed(messages)
        if len(messages) < CHUNK:
            self._window.caught_up(seq)

    async def _recover(self) -> None:
        """Give each message whose attempt was never settled the outcome `Unknown`.

        It happens before anything is fed, so that what is sent again goes first in its line.
        """
        while self._begun:
            await self._settle_crashed(self._begun[0])
            self._begun.popleft()

    async def _settle_crashed(self, message: Message) -> None:
        now = self._clock.now()
        outcome = Unknown("crash", "the service ended before WAHA's answer was recorded")
        jitter = random.random()  # noqa: S311 - jitter needs no secrecy
        decision = decide(message, outcome, now=now, policy=self._policy, jitter=jitter)
        record = await self._store.get(message.id)
        if record is None or record.status is not Status.SENDING:
            return
        began_at = record.events[-1].at if record.events else message.accepted_at
        attempt = Attempt(record.session or "", began_at, now, outcome)
        await self._store.settle(message, attempt, decision)
        if isinstance(decision, Final):
            self._window.release()
        log.warning("message.recovered", message_id=message.id, decision=type(decision).__name__)
