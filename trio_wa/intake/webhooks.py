"""`POST /webhooks/waha`: what WAHA tells of messages and sessions."""

from collections import OrderedDict
from typing import Literal, TypeAlias

import structlog

from trio_wa.clock import Clock
from trio_wa.intake.events import Events, Writing
from trio_wa.intake.http import Request, Response, answer, problem
from trio_wa.intake.recording import recorded
from trio_wa.intake.signature import check_signature
from trio_wa.intake.waha_event import (
    Acked,
    BadEvent,
    Incoming,
    StatusChanged,
    WahaEvent,
    read_event,
)
from trio_wa.ports import Receipt

log = structlog.get_logger(__name__)

Verdict: TypeAlias = Literal["taken", "ignored", "repeated", "stale"]

STALE_SECONDS = 300.0
"""A session's status that is older says nothing any more, and a time further ahead is none. WAHA
repeats for 30 s by default."""

REMEMBERED = 10_000
"""How many events are known again when WAHA repeats them."""


class Webhooks:
    """Takes each event once, and answers after what it says is recorded: else WAHA repeats it.

    With a `secret` an event counts if it is signed with it. Acks only ever lead on, so none comes
    too late; the status of a session must be newer than what was told of it before.
    """

    def __init__(
        self,
        events: Events,
        writing: Writing,
        clock: Clock,
        sessions: frozenset[str],
        secret: str | None,
    ) -> None:
        self._events = events
        self._writing = writing
        self._clock = clock
        self._sessions = sessions
        self._secret = secret
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._newest: dict[str, float] = {}
        self._refusing = False

    async def __call__(self, request: Request) -> Response:
        """200 that says whether the event was taken, 400, or 401."""
        if self._secret is not None:
            refusal = check_signature(request, self._secret)
            if refusal is not None:
                return self._refused("its signature is missing or wrong", refusal)
        try:
            event = read_event(request.body)
        except BadEvent as error:
            refusal = problem(400, "event_invalid", str(error), errors=error.errors)
            return self._refused(str(error), refusal)
        self._refusing = False
        return answer(200, {"status": await self._take(event)})

    async def _take(self, event: WahaEvent) -> Verdict:
        if event.session not in self._sessions:
            return "ignored"
        self._events.heard(event.session, event.name)
        if self._repeated(event):
            return "repeated"
        now = self._clock.now()
        at = min(event.at, now)  # WAHA's clock may be ahead
        match event.news:
            case None:
                return "ignored"
            case StatusChanged(status):
                if self._stale(event):
                    log.info("webhook.stale", session=event.session, status=status)
                    return "stale"
                is_off = event.at > now + STALE_SECONDS
                self._newest[event.session] = now if is_off else event.at
                self._events.session_status(event.session, status, at)
            case Acked(waha_id, ack):
                receipt = Receipt(event.session, waha_id, ack, at)
                await recorded(self._events.acknowledge(receipt))
            case Incoming(chat_ids, text):
                names = await self._writing.names_of(event.session, chat_ids)
                await recorded(self._writing.written_by(event.session, names, text, at))
        self._remember(event)
        return "taken"

    def _stale(self, event: WahaEvent) -> bool:
        too_old = self._clock.now() - event.at > STALE_SECONDS
        return too_old or event.at < self._newest.get(event.session, 0.0)

    def _repeated(self, event: WahaEvent) -> bool:
        key = (event.id, event.name)
        if key not in self._seen:
            return False
        self._seen.move_to_end(key)
        return True

    def _remember(self, event: WahaEvent) -> None:
        self._seen[event.id, event.name] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    def _refused(self, reason: str, refusal: Response) -> Response:
        """`refusal`, which the log tells once until an event is taken again."""
        if not self._refusing:
            log.warning("webhook.refused", reason=reason, status=refusal.status)
        self._refusing = True
        return refusal
