"""A worker: claim, address, begin, one attempt, settle, and the next claim."""

import random
from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Protocol, TypeAlias

import structlog
import trio

from trio_wa.clock import Clock
from trio_wa.core.dispatch import Claim, Expiry
from trio_wa.core.message import Message
from trio_wa.core.notice import Notice
from trio_wa.core.outcome import Outcome, Rejected, Unavailable, Unknown
from trio_wa.core.retry import (
    Decision,
    Final,
    Inquire,
    Requeue,
    RetryPolicy,
    decide,
    postpone,
    state_after,
)
from trio_wa.core.session import Session
from trio_wa.core.status import Status
from trio_wa.ports import Attempt, Gateway, OpenAttempt, Sender, Store, StoreUnavailable
from trio_wa.telemetry import mask

log = structlog.get_logger(__name__)

SETTLE_SECONDS = 2.0
"""How long a worker that is being cancelled may take to record the outcome it holds."""

AGAIN_SECONDS = 1.0
"""How long a store that cannot record an outcome is left alone."""


class Finished(Protocol):
    """Whom a worker tells that it is done with a job: the dispatcher."""

    def finished(
        self, claim: Claim, outcome: Outcome | None, decision: Decision
    ) -> tuple[Notice, ...]:
        """An attempt is settled, or was not made (an outcome of `None`); what that changed."""

    def refused(self, job: Claim | Expiry) -> None:
        """The store would not record the begin of a job, and nothing was done."""

    def expired(self, message: Message, *, final: bool) -> None:
        """An expired message is done with; not final if something else settled it before."""


class Address(Protocol):
    """Who gives a message the ids under which it goes out."""

    async def address(
        self, message: Message, session: Session, sender: Sender
    ) -> Message | Rejected | Unavailable:
        """The message as it goes out, or why it cannot. Raises StoreUnavailable."""


class Inquirer(Protocol):
    """Who finds out what became of an attempt whose outcome is unknown."""

    def may_tell(self, message: Message, session: str) -> bool:
        """Whether that may be found out."""

    def open(self, attempt: OpenAttempt) -> None:
        """Take on an open attempt: it is recorded as such, and its recipient is held."""


Attempted: TypeAlias = Callable[[Message, str, Outcome], None]
"""Who learns from outcomes: of the message as it went out, and over which session."""

Noticed: TypeAlias = Callable[[str, Notice], None]
"""Who hears what an attempt changed about a session."""


class Worker:
    """Serves one job after another until the channel of jobs ends. It never dies of one message.

    An attempt that could not begin for more than `patience` seconds after its claim is given back:
    where sessions keep a pace, several would begin at once. Where it is the store that took so
    long, the first over its session goes on: a slow store would let none go.
    """

    def __init__(
        self,
        store: Store,
        gateway: Gateway,
        dispatcher: Finished,
        addressing: Address,
        inquiries: Inquirer,
        attempted: Attempted,
        noticed: Noticed,
        policy: RetryPolicy,
        clock: Clock,
        *,
        patience: float = inf,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._gateway = gateway
        self._dispatcher = dispatcher
        self._addressing = addressing
        self._inquiries = inquiries
        self._attempted = attempted
        self._noticed = noticed
        self._policy = policy
        self._clock = clock
        self._patience = patience
        self._jitter = jitter
        self._went_out: dict[str, float] = {}  # when the last send over each session began

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
        message, session = claim.message, claim.session
        began_at = self._clock.now()
        try:
            addressed = await self._addressing.address(message, session, sender)
            goes_out = addressed if isinstance(addressed, Message) else message
            began_at = self._clock.now()
            if isinstance(addressed, Unavailable):
                await self._postpone(claim, began_at, addressed)
                return
            if isinstance(addressed, Message) and self._is_late(claim):
                self._dispatcher.finished(claim, None, _another_turn(claim, addressed))
                return
            begun = await self._store.begin(goes_out, session.name, began_at)
        except StoreUnavailable:
            self._dispatcher.refused(claim)
            return
        except trio.Cancelled:
            unsent = Unavailable("interrupted", "the service stopped before the send", "message")
            await self._settle_at_last(claim, message, began_at, unsent)
            raise
        if not begun:
            self._dispatcher.finished(claim, None, Final(Status.CANCELLED))
            return
        if not isinstance(addressed, Message):
            await self._settle(claim, goes_out, began_at, addressed)
        elif self._is_late(claim) and self._went_out.get(session.name, -inf) >= claim.at:
            await self._take_back(claim, addressed, began_at)
        else:
            self._went_out[session.name] = self._clock.now()
            outcome = await self._send(claim, addressed, began_at, sender)
            await self._settle(claim, addressed, began_at, outcome)

    async def _postpone(self, claim: Claim, began_at: float, outcome: Unavailable) -> None:
        """Let a message wait that could not be sent; it was queued all the while.

        With a begin of its own a crash before its end would make an unknown message of it.
        """
        message, session, now = claim.message, claim.session.name, self._clock.now()
        jitter = self._jitter()
        decision = postpone(message, outcome, now=now, policy=self._policy, jitter=jitter)
        self._attempted(message, session, outcome)
        attempt = Attempt(session, began_at, now, outcome)
        if await self._store.postpone(message, attempt, decision):
            self._finish(claim, outcome, decision)
        else:
            self._dispatcher.finished(claim, None, Final(Status.CANCELLED))

    def _is_late(self, claim: Claim) -> bool:
        return self._clock.now() > claim.at + self._patience

    async def _take_back(self, claim: Claim, addressed: Message, began_at: float) -> None:
        """Settle an attempt whose begin was recorded too late: nothing was sent."""
        again = _another_turn(claim, addressed)
        unsent = Unavailable(again.code, again.detail, "message")
        attempt = Attempt(claim.session.name, began_at, self._clock.now(), unsent)
        status = await self._record(claim.message, attempt, again)
        if status is Status.QUEUED:
            self._dispatcher.finished(claim, None, again)
        else:  # an ack of an earlier attempt came, or its recipient wants it no more
            self._dispatcher.finished(claim, unsent, Final(status))

    async def _send(
        self, claim: Claim, message: Message, began_at: float, sender: Sender
    ) -> Outcome:
        try:
            return await sender.send(message, claim.session)
        except trio.Cancelled:
            await self._settle_at_last(claim, message, began_at, sender.cut())
            raise
        except Exception:
            log.exception("attempt.failed", message_id=message.id, session=claim.session.name)
            return Unknown("internal_error", "the attempt ended in an unforeseen error")

    async def _settle_at_last(
        self, claim: Claim, message: Message, began_at: float, outcome: Outcome
    ) -> None:
        # Unshielded, a message that WAHA may have taken would be left as if it were being sent.
        with trio.move_on_after(SETTLE_SECONDS, shield=True):
            await self._settle(claim, message, began_at, outcome)

    async def _settle(self, claim: Claim, sent: Message, began_at: float, outcome: Outcome) -> None:
        """Record how the attempt to send `sent`, which is the claim's message, ended."""
        now, session, message = self._clock.now(), claim.session.name, claim.message
        if isinstance(outcome, Unknown) and sent.waha_id is not None:
            message = replace(message, waha_id=sent.waha_id, prefer=session)
        attempt = Attempt(session, began_at, now, outcome)
        decision = decide(
            message,
            outcome,
            now=now,
            policy=self._policy,
            jitter=self._jitter(),
            evidence=self._inquiries.may_tell(sent, session),
        )
        self._attempted(sent, session, outcome)
        status = await self._record(message, attempt, decision)
        if status is not state_after(decision):  # an ack, or a wish for no messages, was faster
            decision = Final(status)
        self._finish(claim, outcome, decision)
        if isinstance(decision, Inquire):
            self._inquiries.open(OpenAttempt(message, session, began_at, asked=True))

    def _finish(self, claim: Claim, outcome: Outcome, decision: Decision) -> None:
        for notice in self._dispatcher.finished(claim, outcome, decision):
            self._noticed(claim.session.name, notice)
        _report(claim, decision)

    async def _record(self, message: Message, attempt: Attempt, decision: Decision) -> Status:
        """Settle; while the store cannot, hold the outcome and try again.

        A success that is not recorded would be sent once more after the next start.
        """
        while True:
            try:
                return await self._store.settle(message, attempt, decision)
            except StoreUnavailable:
                await trio.sleep(AGAIN_SECONDS)

    async def _expire(self, job: Expiry) -> None:
        message = job.message
        try:
            final = await self._store.expire(message.id, self._clock.now())
        except StoreUnavailable:
            self._dispatcher.refused(job)
            return
        self._dispatcher.expired(message, final=final)
        if final:
            log.error("message.expired", message_id=message.id, to=mask(message.chat_id))


def _another_turn(claim: Claim, addressed: Message) -> Requeue:
    """Let a message that is late wait again, with its id: it would begin together with others."""
    again = replace(claim.message, waha_id=addressed.waha_id)
    return Requeue(again, "late", "its ids, or the store, were not ready in time")


def _report(claim: Claim, decision: Decision) -> None:
    event = log.bind(
        message_id=claim.message.id, to=mask(claim.message.chat_id), session=claim.session.name
    )
    match decision:
        case Final(Status.SENT | Status.DELIVERED | Status.READ as status, waha_id=waha_id):
            event.info(f"message.{status}", waha_id=waha_id)
        case Final(Status.CANCELLED):
            event.info("message.cancelled", code="suppressed")
        case Final(status, code, detail):
            event.error(f"message.{status}", code=code, detail=detail)
        case Requeue(requeued, code, detail):
            event.info("message.requeued", code=code, detail=detail, due_at=requeued.due_at)
        case Inquire(code, detail):
            event.warning("message.unknown", code=code, detail=detail, effect="it is looked up")
