"""Finds out what became of attempts whose outcome is unknown, before anything follows from them."""

import heapq
import itertools
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Protocol

import structlog
import trio

from trio_wa.clock import Clock
from trio_wa.core.evidence import Again, Trust, judge
from trio_wa.core.message import Message
from trio_wa.core.retry import (
    Final,
    Requeue,
    RetryPolicy,
    give_up,
    send_again,
    state_after,
)
from trio_wa.core.status import Status
from trio_wa.ports import (
    Finding,
    Found,
    Missing,
    OpenAttempt,
    Receipt,
    Record,
    Store,
    StoreUnavailable,
)
from trio_wa.telemetry import mask

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 1.0
"""How long a store that failed is left alone."""


class Looking(Protocol):
    """Who asks WAHA for messages."""

    def trust(self, session: str) -> Trust:
        """How far look-ups over a session can be believed."""

    async def find(self, session: str, waha_id: str | None) -> Finding:
        """What WAHA knows of the message with that raw id."""


class Releasing(Protocol):
    """Who holds the recipients of open attempts: the dispatcher."""

    def released(self, message: Message, decision: Final | Requeue) -> None:
        """An attempt is settled as `decision` says; its recipient's next message may go."""


@dataclass(frozen=True, slots=True, eq=False)
class _Inquiry:
    """The look-ups of one attempt; they began at the time `since`."""

    attempt: OpenAttempt
    since: float


@dataclass(slots=True, eq=False)
class _Agenda:
    """What is to be looked up over one session, and when."""

    due: list[tuple[float, int, _Inquiry]] = field(default_factory=list)
    more: trio.Event = field(default_factory=trio.Event)


class Inquiries:
    """Settles open attempts by evidence, one look-up at a time over each session.

    A look-up that finds the message says that it was sent. That it was not sent is concluded by
    the rules of `core.evidence`, and where nothing can tell the caller's choice decides.
    """

    def __init__(
        self,
        store: Store,
        look_ups: Looking,
        dispatcher: Releasing,
        policy: RetryPolicy,
        clock: Clock,
        sessions: Iterable[str],
    ) -> None:
        self._store = store
        self._look_ups = look_ups
        self._dispatcher = dispatcher
        self._policy = policy
        self._clock = clock
        self._numbers = itertools.count()
        self._agendas = {session: _Agenda() for session in sessions}
        self._gone = _Agenda()  # of sessions that the settings do not name any more
        self._open: dict[str, _Inquiry] = {}

    async def run(self) -> None:
        """Look up what is open until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._serve, self._gone, name="inquiries-of-gone-sessions")
            for session, agenda in self._agendas.items():
                nursery.start_soon(self._serve, agenda, name=f"inquiries-{session}")

    def may_tell(self, message: Message, session: str) -> bool:
        """Whether it may be found out what became of an attempt over `session`."""
        return message.waha_id is not None and self._look_ups.trust(session).may_tell

    def open(self, attempt: OpenAttempt) -> None:
        """Take on an attempt that the store holds as open, and whose recipient is held."""
        now = self._clock.now()
        inquiry = self._open[attempt.message.id] = _Inquiry(attempt, now)
        self._plan(inquiry, now)

    def close(self, message_id: str, status: Status) -> None:
        """Note that a receipt has settled an open attempt as `status`."""
        if (inquiry := self._open.get(message_id)) is not None:
            self._end(inquiry, Final(status))

    def _end(self, inquiry: _Inquiry, decision: Final | Requeue) -> None:
        """Let the recipient go on, unless the inquiry has ended before."""
        if self._is_open(inquiry):
            message = inquiry.attempt.message
            del self._open[message.id]
            self._dispatcher.released(message, decision)

    def _is_open(self, inquiry: _Inquiry) -> bool:
        """Whether nothing has ended it; its message may be in another attempt by now."""
        return self._open.get(inquiry.attempt.message.id) is inquiry

    def _plan(self, inquiry: _Inquiry, at: float) -> None:
        agenda = self._agendas.get(inquiry.attempt.session, self._gone)
        heapq.heappush(agenda.due, (at, next(self._numbers), inquiry))
        agenda.more.set()

    async def _serve(self, agenda: _Agenda) -> None:
        while True:
            at = agenda.due[0][0] if agenda.due else inf
            if at > self._clock.now():
                agenda.more = trio.Event()
                with trio.move_on_at(self._clock.deadline(at)):
                    await agenda.more.wait()
                continue
            inquiry = heapq.heappop(agenda.due)[2]
            try:
                await self._look(inquiry)
            except StoreUnavailable as error:
                log.warning("inquiry.store_unavailable", reason=str(error))
                self._plan(inquiry, self._clock.now() + AGAIN_SECONDS)

    async def _look(self, inquiry: _Inquiry) -> None:
        """Look for an attempt once, and settle it if that says enough."""
        attempt = inquiry.attempt
        message, session = attempt.message, attempt.session
        record = await self._store.get(message.id)
        if not self._is_open(inquiry):
            return
        if record is None or record.status is not Status.UNKNOWN or record.settled_at is not None:
            self._end(inquiry, Final(Status.UNKNOWN if record is None else record.status))
            return
        asked_at = self._clock.now()
        finding = await self._look_ups.find(session, message.waha_id)
        if not self._is_open(inquiry):  # what was found is of an attempt that is over
            return
        if isinstance(finding, Found):
            receipt = Receipt(session, message.waha_id or "", finding.ack, self._clock.now())
            moved = await self._store.receive(receipt)
            self._end(inquiry, Final(Status.SENT if moved is None else moved.after))
            log.info("inquiry.found", message_id=message.id, session=session, ack=finding.ack)
            return
        trust, missing = self._look_ups.trust(session), isinstance(finding, Missing)
        times = {"began_at": attempt.began_at, "since": inquiry.since, "asked_at": asked_at}
        match judge(trust, missing=missing, **times):
            case Again(at):
                self._plan(inquiry, at)
            case "not_sent" | "cannot_tell" as verdict:
                await self._settle(inquiry, record, sent_nothing=verdict == "not_sent")

    async def _settle(self, inquiry: _Inquiry, record: Record, *, sent_nothing: bool) -> None:
        """Record what follows, unless a receipt was faster."""
        message, session = inquiry.attempt.message, inquiry.attempt.session
        now = self._clock.now()
        policy, jitter = self._policy, random.random()  # noqa: S311 - jitter needs no secrecy
        decision: Final | Requeue
        if sent_nothing:
            decision = send_again(message, session, now=now, policy=policy, jitter=jitter)
        else:
            code, detail = record.code or "unknown", record.detail or "no answer"
            decision = give_up(message, code, detail, now=now, policy=policy, jitter=jitter)
        status = await self._store.resolve(message, session, now, decision)
        if status is None:
            self._plan(inquiry, now)
        else:
            called_off = status is not state_after(decision)
            self._end(inquiry, Final(status) if called_off else decision)
            event = log.bind(message_id=message.id, to=mask(message.chat_id), session=session)
            event.warning("inquiry.ended", status=status, code=decision.code)
