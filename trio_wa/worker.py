"""A worker: claim, begin, one attempt, settle, and the next claim."""

import random
from collections.abc import Callable
from typing import Protocol

import structlog
import trio

from trio_wa.clock import Clock
from trio_wa.core.dispatch import Claim, Expiry
from trio_wa.core.message import Message
from trio_wa.core.outcome import Outcome, Unavailable, Unknown
from trio_wa.core.retry import Decision, Final, Requeue, RetryPolicy, decide
from trio_wa.core.status import Status
from trio_wa.ports import Attempt, Gateway, Sender, Store, StoreUnavailable
from trio_wa.telemetry import mask

log = structlog.get_logger(__name__)

SETTLE_SECONDS = 2.0
"""How long a worker that is being cancelled may take to record the outcome it holds."""

AGAIN_SECONDS = 1.0
"""How long a store that cannot record an outcome is left alone."""


class Finished(Protocol):
    """Whom a worker tells that it is done with a job: the dispatcher."""

    def finished(self, claim: Claim, outcome: Outcome | None, decision: Decision) -> None:
        """An attempt is settled, or was not made (an outcome of `None`)."""

    def refused(self, job: Claim | Expiry) -> None:
        """The store would not record the begin of a job, and nothing was done."""

    def expired(self, *, final: bool) -> None:
        """An expired message is done with; not final if something else settled it before."""


class Worker:
    """Serves one job after another until the channel of jobs ends. It never dies of one message."""

    def __init__(
        self,
        store: Store,
        gateway: Gateway,
        dispatcher: Finished,
        policy: RetryPolicy,
        clock: Clock,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._gateway = gateway
        self._dispatcher = dispatcher
        self._policy = policy
        self._clock = clock
        self._jitter = jitter

    async def run(self, jobs: trio.MemoryReceiveChannel[Claim | Expiry]) -> None:
        """Work until `jobs` ends; closes its own clone of the channel."""
        async with jobs, self._gateway.connect() as sender:
            async for job in jobs:
                match job:
                    case Claim():
                        await self._attempt(job, sender)
                    case Expiry():
                        await self._expire(job)

    async def _attempt(self, claim: Claim, sender: Sender) -> None:
        message = claim.message
        began_at = self._clock.now()
        try:
            begun = await self._store.begin(message, claim.session.name, began_at)
        except StoreUnavailable:
            self._dispatcher.refused(claim)
            return
        except trio.Cancelled:
            unsent = Unavailable("interrupted", "the service stopped before the send", "message")
            await self._settle_at_last(claim, began_at, unsent)
            raise
        if not begun:
            self._dispatcher.finished(claim, None, Final(Status.CANCELLED))
            return
        try:
            outcome = await sender.send(message, claim.session)
        except trio.Cancelled:
            await self._settle_at_last(claim, began_at, sender.cut())
            raise
        except Exception:
            log.exception("attempt.failed", message_id=message.id, session=claim.session.name)
            outcome = Unknown("internal_error", "the attempt ended in an unforeseen error")
        await self._settle(claim, began_at, outcome)

    async def _settle_at_last(self, claim: Claim, began_at: float, outcome: Outcome) -> None:
        # Unshielded, a message that WAHA may have taken would be left as if it were being sent.
        with trio.move_on_after(SETTLE_SECONDS, shield=True):
            await self._settle(claim, began_at, outcome)

    async def _settle(self, claim: Claim, began_at: float, outcome: Outcome) -> None:
        now = self._clock.now()
        attempt = Attempt(claim.session.name, began_at, now, outcome)
        decision = decide(
            claim.message, outcome, now=now, policy=self._policy, jitter=self._jitter()
        )
        await self._record(claim.message, attempt, decision)
        self._dispatcher.finished(claim, outcome, decision)
        _report(claim, decision)

    async def _record(self, message: Message, attempt: Attempt, decision: Decision) -> None:
        """Settle; while the store cannot, hold the outcome and try again.

        A success that is not recorded would be sent once more after the next start.
        """
        while True:
            try:
                await self._store.settle(message, attempt, decision)
            except StoreUnavailable:
                await trio.sleep(AGAIN_SECONDS)
            else:
                return

    async def _expire(self, job: Expiry) -> None:
        message = job.message
        try:
            final = await self._store.expire(message.id, self._clock.now())
        except StoreUnavailable:
            self._dispatcher.refused(job)
            return
        self._dispatcher.expired(final=final)
        if final:
            log.error("message.expired", message_id=message.id, to=mask(message.chat_id))


def _report(claim: Claim, decision: Decision) -> None:
    event = log.bind(
        message_id=claim.message.id, to=mask(claim.message.chat_id), session=claim.session.name
    )
    match decision:
        case Final(Status.SENT, waha_id=waha_id):
            event.info("message.sent", waha_id=waha_id)
        case Final(status, code, detail):
            event.error(f"message.{status}", code=code, detail=detail)
        case Requeue(requeued, code, detail):
            event.info("message.requeued", code=code, detail=detail, due_at=requeued.due_at)
