"""`POST /messages/{id}/cancel` and `/retry`: what a caller may still change."""

from dataclasses import dataclass
from typing import Literal

import structlog

from trio_wa.core.message import Priority
from trio_wa.core.status import Status
from trio_wa.intake.http import Request, Response, answer, problem
from trio_wa.intake.messages import Messages, missing
from trio_wa.intake.recording import fetched, recorded
from trio_wa.intake.refusal import full, stopping, suppressed
from trio_wa.intake.views import looked_up
from trio_wa.ports import Record
from trio_wa.window import Window

log = structlog.get_logger(__name__)

RETRIED = (Status.FAILED, Status.UNKNOWN, Status.EXPIRED)
"""What may be sent again on a caller's word."""

_RETRIED = ", ".join(RETRIED)


@dataclass(frozen=True, slots=True)
class Operations:
    """Cancels queued messages, and queues again those that were not sent, or perhaps not.

    What is being looked up is neither: it settles by itself.
    """

    messages: Messages
    window: Window
    message_ttl: float

    async def cancel(self, request: Request) -> Response:
        """200 with the cancelled message; 409 once it is not queued any more."""
        record = await self.messages.find(request)
        if record is None:
            return missing()
        now = self.messages.clock.now()
        place = await recorded(self.messages.store.cancel(record.id, now))
        if place is None:
            return await self._conflict(request, "not_queued", "cancelled while it is queued")
        self.messages.dispatch.discard(record.id, place)
        log.info("message.cancelled", message_id=record.id, by=request.caller.name)
        return await self._shown(request, 200)

    async def retry(self, request: Request) -> Response:
        """202 with the message, queued again; 409 if it is in a state that is not retried."""
        record = await self.messages.find(request)
        if record is None:
            return missing()
        if record.status not in RETRIED or looked_up(record):
            return await self._conflict(request, "not_retryable", f"retried from {_RETRIED}")
        if record.has_data:
            detail = "the data of its file are gone since it was settled: send it anew"
            return problem(409, "media_gone", detail)
        if not self.window.open:
            return stopping().response()
        match await self.queue_again(record):
            case "queued":
                return await self._shown(request, 202)
            case "no_place":
                return self.no_place(record.priority)
            case "other_state":
                unwanted = await fetched(self.messages.store.suppression(record.chat_id))
                if unwanted is not None:
                    return suppressed(unwanted).response()
                return await self._conflict(request, "not_retryable", f"retried from {_RETRIED}")

    def no_place(self, priority: Priority) -> Response:
        """503, where a lane has no place."""
        return full(priority, self.window.places(priority).limit).response()

    async def queue_again(self, record: Record) -> Literal["queued", "no_place", "other_state"]:
        """Queue a message again, in a place of its own, and say whether that could be."""
        if not self.window.reserve(record.priority):
            return "no_place"
        retried = False
        try:
            now = self.messages.clock.now()
            retried = await recorded(
                self.messages.store.retry(record.id, now, now + self.message_ttl)
            )
        finally:
            if not retried:
                self.window.release(record.priority)
        return "queued" if retried else "other_state"

    async def _conflict(self, request: Request, code: str, rule: str) -> Response:
        record = await self.messages.find(request)
        if record is None:
            return missing()
        state = "being looked up: it may have been sent" if looked_up(record) else record.status
        detail = f"a message can be {rule}; this one is {state}"
        return problem(409, code, detail, extra={"message_status": record.status.value})

    async def _shown(self, request: Request, status: int) -> Response:
        record = await self.messages.find(request)
        if record is None:
            return missing()
        return answer(status, self.messages.view(record, whole=True))
