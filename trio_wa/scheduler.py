"""Brings what is due: what a crash left, a long backlog, and what was scheduled."""

import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Protocol

import structlog
import trio

from trio_wa.clock import Clock
from trio_wa.core.message import LANES, Message, Priority
from trio_wa.core.outcome import Unknown
from trio_wa.core.retry import Inquire, RetryPolicy, as_found, decide
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
    """Recovers at the start; then feeds each lane from the store whenever it is behind.

    What was scheduled is queued as its time comes. `left` is what the store held as open before the
    first worker ran: afterwards it could not be told from what workers are sending.
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
        """Settle what a crash left begun, then feed the lanes and release what is due."""
        while self._left:
            await self._try(self._recover)
        async with trio.open_nursery() as nursery:
            for priority in LANES:
                feed = partial(self._feed, priority)
                nursery.start_soon(self._repeat, feed, name=f"scheduler-{priority}")
            nursery.start_soon(self._repeat, self._release, name="scheduler-release")

    async def _repeat(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self._try(step)

    async def _try(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except StoreUnavailable as error:
            log.warning("scheduler.store_unavailable", reason=str(error))
            await trio.sleep(AGAIN_SECONDS)

    async def _feed(self, priority: Priority) -> None:
        lane = self._window.lanes[priority]
        seq = await lane.behind()
        messages = await self._store.queued(priority, lane.fed_seq, CHUNK)
        now = self._clock.now()
        await lane.feed([as_found(each, now=now, policy=self._policy) for each in messages])
        if len(messages) < CHUNK:
            lane.caught_up(seq)

    async def _release(self) -> None:
        """Queue what is due, then wait for what is due next."""
        schedule = self._window.schedule
        schedule.forget()
        while released := await self._store.release_due(self._clock.now(), CHUNK):
            self._window.come_up(released)
        schedule.note(await self._store.next_due())
        await schedule.due(self._clock)

    async def _recover(self) -> None:
        """Go on with each attempt that was never settled.

        It happens before anything is fed, so that what is sent again goes first in its line, and
        what is looked up holds the rest of it.
        """
        while self._left:
            left = self._left[0]
            attempt = replace(left, began_at=min(left.began_at, self._clock.now()))
            if attempt.asked or await self._settle_crashed(attempt):
                await self._window.lanes[attempt.message.priority].enter()
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
            self._window.release(message.priority)
        return is_open
