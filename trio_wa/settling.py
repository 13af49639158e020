"""How the end of an attempt is recorded, and who is told: outcome, decision, record, and on."""

import logging
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeAlias, assert_never

import structlog
import trio

from trio_wa.clock import Clock
from trio_wa.core.message import Message
from trio_wa.core.notice import Notice
from trio_wa.core.outcome import Outcome, Unavailable, Unknown
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
from trio_wa.core.status import Status
from trio_wa.core.turn import Claim
from trio_wa.ports import Attempt, OpenAttempt, Store
from trio_wa.telemetry import mask

log = structlog.get_logger(__name__)


class Dispatching(Protocol):
    """Who decides what goes next: the dispatcher."""

    def ended(self, claim: Claim, outcome: Outcome | None) -> tuple[Notice, ...]:
        """An attempt is over, or was not made (an outcome of `None`); what that changed."""

    def settled(self, claim: Claim, decision: Decision) -> None:
        """The end of a claim is recorded."""

    def gone(self, claim: Claim) -> None:
        """A claim was not begun, because something else had settled its message."""


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


class Settling:
    """Settles claims. Nobody waits for a record: the store keeps it behind its begin.

    What cannot be recorded the store holds: a success that it lost would be sent once more after
    the next start.
    """

    def __init__(
        self,
        store: Store,
        dispatcher: Dispatching,
        inquiries: Inquirer,
        attempted: Attempted,
        noticed: Noticed,
        policy: RetryPolicy,
        clock: Clock,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._inquiries = inquiries
        self._attempted = attempted
        self._noticed = noticed
        self._policy = policy
        self._clock = clock
        self._jitter = jitter
        self._log = log.bind()  # once: that costs as much as half a line
        self._unrecorded = 0
        self._recorded = trio.lowlevel.ParkingLot()

    async def all_recorded(self) -> None:
        """Wait until all that was settled so far is recorded."""
        while self._unrecorded:
            await self._recorded.park()

    def settle(self, claim: Claim, sent: Message, began_at: float, outcome: Outcome) -> None:
        """Have it recorded how the attempt to send `sent`, which is the claim's message, ended."""
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
        self._end(claim, outcome)

        def settled(status: Status) -> None:
            if status is not state_after(decision):  # an ack, or a wish for no messages, was faster
                self._settled(claim, Final(status))
                return
            self._settled(claim, decision)
            if isinstance(decision, Inquire):
                self._inquiries.open(OpenAttempt(message, session, began_at, asked=True))

        self._hand_over(message, attempt, decision, settled)

    def take_back(self, claim: Claim, again: Requeue, began_at: float) -> None:
        """Settle an attempt that may not go on now that its begin is recorded: nothing was sent."""
        unsent = Unavailable(again.code, again.detail, "message")
        attempt = Attempt(claim.session.name, began_at, self._clock.now(), unsent)

        self._dispatcher.ended(claim, None)

        def taken_back(status: Status) -> None:
            if status is Status.QUEUED:
                self._dispatcher.settled(claim, again)
            else:  # an ack of an earlier attempt came, or its recipient wants it no more
                self._dispatcher.settled(claim, Final(status))

        self._hand_over(claim.message, attempt, again, taken_back)

    def give_back(self, claim: Claim, again: Requeue) -> None:
        """Let a message wait for another turn whose attempt was not begun."""
        self._dispatcher.ended(claim, None)
        self._dispatcher.settled(claim, again)

    async def postpone(self, claim: Claim, began_at: float, outcome: Unavailable) -> None:
        """Let a message wait that could not be sent; it was queued all the while.

        With a begin of its own a crash before its end would make an unknown message of it. Raises
        StoreUnavailable.
        """
        message, session, now = claim.message, claim.session.name, self._clock.now()
        jitter = self._jitter()
        decision = postpone(message, outcome, now=now, policy=self._policy, jitter=jitter)
        self._attempted(message, session, outcome)
        attempt = Attempt(session, began_at, now, outcome)
        if await self._store.postpone(message, attempt, decision):
            self._end(claim, outcome)
            self._settled(claim, decision)
        else:
            self._dispatcher.gone(claim)

    def _end(self, claim: Claim, outcome: Outcome) -> None:
        for notice in self._dispatcher.ended(claim, outcome):
            self._noticed(claim.session.name, notice)

    def _settled(self, claim: Claim, decision: Decision) -> None:
        self._dispatcher.settled(claim, decision)
        message = claim.message
        event, level, facts = _told(decision)
        self._log.log(
            level,
            event,
            message_id=message.id,
            to=mask(message.chat_id),
            session=claim.session.name,
            **facts,
        )

    def _hand_over(
        self,
        message: Message,
        attempt: Attempt,
        decision: Decision,
        then: Callable[[Status], None],
    ) -> None:
        def recorded(status: Status) -> None:
            self._unrecorded -= 1
            if not self._unrecorded:
                self._recorded.unpark_all()
            then(status)

        self._unrecorded += 1
        try:
            self._store.settle_soon(message, attempt, decision, recorded)
        except BaseException:  # a bug, or a crash in a test: nothing will be recorded
            self._unrecorded -= 1
            raise


def _told(decision: Decision) -> tuple[str, int, dict[str, object]]:
    """The event that the log has of a decision, its level, and what is said of it."""
    match decision:
        case Final(Status.SENT | Status.DELIVERED | Status.READ as status, waha_id=waha_id):
            return f"message.{status}", logging.INFO, {"waha_id": waha_id}
        case Final(Status.CANCELLED):
            return "message.cancelled", logging.INFO, {"code": "suppressed"}
        case Final(status, code, detail):
            return f"message.{status}", logging.ERROR, {"code": code, "detail": detail}
        case Requeue(requeued, code, detail):
            facts = {"code": code, "detail": detail, "due_at": requeued.due_at}
            return "message.requeued", logging.INFO, facts
        case Inquire(code, detail):
            facts = {"code": code, "detail": detail, "effect": "it is looked up"}
            return "message.unknown", logging.WARNING, facts
        case _:
            assert_never(decision)
