"""A worker: claim, address, begin, one attempt, and the next claim."""

from dataclasses import replace
from math import inf
from typing import Protocol

import structlog
import trio

from trio_wa.clock import Clock
from trio_wa.core.message import Message
from trio_wa.core.outcome import Outcome, Rejected, Unavailable, Unknown
from trio_wa.core.retry import Requeue
from trio_wa.core.session import Session
from trio_wa.core.turn import Claim, Expiry
from trio_wa.ports import SLOW_SECONDS, Gateway, Sender, Store, StoreUnavailable
from trio_wa.settling import Dispatching, Settling
from trio_wa.telemetry import mask

log = structlog.get_logger(__name__)

LATE = ("late", "its ids, or the store, were not ready in time")
"""Why a message waits again that would begin together with others of its session."""

RECORD_SECONDS = 1.0
"""How long workers that are being cancelled wait for the record of what they have settled."""


class Offering(Dispatching, Protocol):
    """Whose jobs a worker does: the dispatcher's."""

    def next(self, *, at_once: bool) -> Claim | Expiry | None:
        """The next job of a worker that has told the end of its last; None: let it wait for one."""

    def stopped(self, claim: Claim) -> str | None:
        """The code of what has come to stand in the way of a claim's session; None: nothing has."""

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


class Worker:
    """Serves one job after another until the channel of jobs ends. It never dies of one message.

    It waits for the record of a begin, and not for that of an end: the store keeps the order of the
    two, so that what is begun and not settled on disk is one message for each worker at most.

    An attempt that could not begin for more than `patience` seconds after its claim is given back:
    where sessions keep a pace, several would begin at once. Where it is the store that took so
    long, the first over its session goes on: a slow store would let none go. Nothing goes out over
    a session that stopped, or was stopped, while the store recorded the begin.
    """

    def __init__(
        self,
        store: Store,
        gateway: Gateway,
        dispatcher: Offering,
        addressing: Address,
        settling: Settling,
        clock: Clock,
        *,
        patience: float = inf,
    ) -> None:
        self._store = store
        self._gateway = gateway
        self._dispatcher = dispatcher
        self._addressing = addressing
        self._settling = settling
        self._clock = clock
        self._patience = patience
        self._went_out: dict[str, float] = {}  # when the last send over each session began

    async def run(self, jobs: trio.MemoryReceiveChannel[Claim | Expiry]) -> None:
        """Work until `jobs` ends; closes its own clone of the channel."""
        try:
            async with jobs, self._gateway.connect() as sender:
                async for waited_for in jobs:
                    job: Claim | Expiry | None = waited_for
                    while job is not None:
                        took_it_at = trio.current_time()
                        await self._do(job, sender)
                        took = trio.current_time() - took_it_at
                        # Those that WAHA keeps waiting equally long would for ever end together,
                        # the last when all had been dealt with. Where it is the processor that
                        # bounds them, in step they cost it a fifth less.
                        job = self._dispatcher.next(at_once=took > SLOW_SECONDS)
        finally:
            # Unshielded, what reads the store after a cancelled service would find messages as
            # being sent whose ends are handed over.
            with trio.move_on_after(RECORD_SECONDS, shield=True):
                await self._settling.all_recorded()

    async def _do(self, job: Claim | Expiry, sender: Sender) -> None:
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
                await self._settling.postpone(claim, began_at, addressed)
                return
            if isinstance(addressed, Message) and self._is_late(claim):
                self._settling.give_back(claim, _another_turn(claim, addressed, LATE))
                return
            begun = await self._store.begin(goes_out, session.name, began_at)
        except StoreUnavailable:
            self._dispatcher.refused(claim)
            return
        except trio.Cancelled:
            unsent = Unavailable("interrupted", "the service stopped before the send", "message")
            self._settling.settle(claim, message, began_at, unsent)
            raise
        if not begun:
            self._dispatcher.gone(claim)
        elif not isinstance(addressed, Message):
            self._settling.settle(claim, goes_out, began_at, addressed)
        elif (reason := self._must_wait(claim)) is not None:
            self._settling.take_back(claim, _another_turn(claim, addressed, reason), began_at)
        else:
            self._went_out[session.name] = self._clock.now()
            outcome = await self._send(claim, addressed, began_at, sender)
            self._settling.settle(claim, addressed, began_at, outcome)

    def _must_wait(self, claim: Claim) -> tuple[str, str] | None:
        """The code and the detail of why what has begun may not go out now."""
        if (obstacle := self._dispatcher.stopped(claim)) is not None:
            return obstacle, "its session stopped before it went out"
        if self._is_late(claim) and self._went_out.get(claim.session.name, -inf) >= claim.at:
            return LATE
        return None

    def _is_late(self, claim: Claim) -> bool:
        return self._clock.now() > claim.at + self._patience

    async def _send(
        self, claim: Claim, message: Message, began_at: float, sender: Sender
    ) -> Outcome:
        try:
            return await sender.send(message, claim.session)
        except trio.Cancelled:
            self._settling.settle(claim, message, began_at, sender.cut())
            raise
        except Exception:
            log.exception("attempt.failed", message_id=message.id, session=claim.session.name)
            return Unknown("internal_error", "the attempt ended in an unforeseen error")

    async def _expire(self, job: Expiry) -> None:
        message = job.message
        try:
            final = await self._store.expire(message, self._clock.now())
        except StoreUnavailable:
            self._dispatcher.refused(job)
            return
        self._dispatcher.expired(message, final=final)
        if final:
            log.error("message.expired", message_id=message.id, to=mask(message.chat_id))


def _another_turn(claim: Claim, addressed: Message, reason: tuple[str, str]) -> Requeue:
    """Let a message that did not go out wait again, with its id."""
    return Requeue(replace(claim.message, waha_id=addressed.waha_id), *reason)
