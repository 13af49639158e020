"""`GET /batches/{id}` and its cancellation: how the messages of a batch stand."""

import re
from dataclasses import dataclass
from typing import Any

import structlog

from trio_wa.core.status import Status
from trio_wa.intake.http import Request, Response, answer, problem
from trio_wa.intake.messages import Messages
from trio_wa.intake.recording import fetched, recorded
from trio_wa.ports import Batch
from trio_wa.telemetry import timestamp

log = structlog.get_logger(__name__)

CHUNK = 200
"""Messages a transaction: no accept waits noticeably for one."""

_ID = re.compile(r"[0-9a-f-]{36}")


@dataclass(frozen=True, slots=True)
class Batches:
    """Shows each caller its own batches, and an admin all; cancels what of one is still queued."""

    messages: Messages

    async def show(self, request: Request) -> Response:
        """200 with how many messages are in each state, or 404."""
        batch = await self._find(request)
        return _missing() if batch is None else answer(200, _view(batch))

    async def cancel(self, request: Request) -> Response:
        """200 with how many were cancelled, and how the batch stands then; 404."""
        batch = await self._find(request)
        if batch is None:
            return _missing()
        store, cancelled = self.messages.store, 0
        while places := await recorded(
            store.cancel_batch(batch.id, self.messages.clock.now(), CHUNK)
        ):
            for message_id, place in places.items():
                self.messages.dispatch.discard(message_id, place)
            cancelled += len(places)
        log.info("batch.cancelled", batch=batch.id, messages=cancelled, by=request.caller.name)
        batch = await self._find(request)
        if batch is None:
            return _missing()
        return answer(200, {"cancelled": cancelled, **_view(batch)})

    async def _find(self, request: Request) -> Batch | None:
        """The batch that the path names; None where there is none that the caller may see."""
        if _ID.fullmatch(request.params["id"]) is None:
            return None
        batch = await fetched(self.messages.store.batch(request.params["id"]))
        return batch if batch is not None and request.caller.sees(batch) else None


def _view(batch: Batch) -> dict[str, Any]:
    return {
        "id": batch.id,
        "accepted_at": timestamp(batch.accepted_at),
        "total": sum(batch.counts.values()),
        "scheduled": batch.scheduled,
        "counts": {status.value: batch.counts.get(status, 0) for status in Status},
    }


def _missing() -> Response:
    return problem(404, "batch_not_found", "there is no such batch")
