"""Brings back what is due: what a crash left, what a start finds queued, and a long backlog."""

import random
from collections import deque
from collections.abc import Iterable
from typing import Protocol

import structlog
import trio

from trio_wa.clock import Clock
from trio_wa.core.message import Message
from trio_wa.core.outcome import Unknown
from trio_wa.core.retry import Inquire, RetryPolicy, decide
from trio_wa.core.status import Status
from trio_wa.ports import Attempt, OpenAttempt, Store, StoreUnavailable
from trio_wa.window import Window

log = structlog.get_logger(__name__)

CHUNK = 500
"""Messages a read: few enough that a read is short."""

AGAIN_SECONDS = 1.0
"""How long a store that failed is left alone."""


class Inquirer(Protocol):
    """Who finds out what became of an attempt whose outcome is unknown."""

    def may_tell(self, message: Message, session: str) -> bool:
        """Whether that may be found out."""

    def open(self, attempt: OpenAttempt) -> None:
        """Take on an open attempt: it is recorded as such, and its recipient is held."""


class Holder(Protocol):
    """Who holds recipients: the dispatcher."""

    def block(self, message: Message) -> None:
        """Hold the recipient of an open attempt; the message has a permit."""


class Scheduler:
    """Recovers at the start, and then feeds the window from the store whenever it is behind.

    `left` is what the store held as open before the first worker ran: afterwards it could not be
    told from what workers are sending.
    """

    def __init__(
        self,
        store: Store,
        window: Window,
        dispatcher: Holder,
        inquiries: Inquirer,
        policy: RetryPolicy,
        clock: Clock,
        left: Iterable[OpenAttempt],
    ) -> None:
        self._store = store
        self._window = window
        self._dispatcher = dispatcher
        self._inquiries = inquiries
        self._policy = policy
        self._clock = clock
        self._left = deque(left)

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
        """Go on with each attempt that was never settled.

        It happens before anything is fed, so that what is sent again goes first in its line, and
        what is looked up holds the rest of it.
        """
        while self._left:
            attempt = self._left[0]
            if attempt.asked or await self._settle_crashed(attempt):
                await self._window.enter()
                self._dispatcher.block(attempt.message)
                self._inquiries.open(attempt)
                log.info("inquiry.taken_up", message_id=attempt.message.id, session=attempt.session)
            self._left.popleft()

    async def _settle_crashed(self, left: OpenAttempt) -> bool:
        """Settle as unknown what a crash left; whether it is open now, and is to be looked up."""
        message, now = left.message, self._clock.now()
        outcome = Unknown("crash", "the service ended before WAHA's answer was recorded")
        decision = decide(
            message,
            outcome,
            now=now,
            policy=self._policy,
            jitter=random.random(),  # noqa: S311 - jitter needs no secrecy
            evidence=self._inquiries.may_tell(message, left.session),
        )
        attempt = Attempt(left.session, left.began_at, now, outcome)
        status = await self._store.settle(message, attempt, decision)
        log.warning("message.recovered", message_id=message.id, status=status)
        is_open = status is Status.UNKNOWN and isinstance(decision, Inquire)
        if status is not Status.QUEUED and not is_open:
            self._window.release()
        return is_open
