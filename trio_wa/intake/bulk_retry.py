"""`POST /messages/retry`: queue again all that match."""

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from trio_wa.core.message import Priority
from trio_wa.core.status import Status
from trio_wa.intake.http import Request, Response, answer
from trio_wa.intake.messages import refused
from trio_wa.intake.operations import RETRIED, Operations
from trio_wa.intake.recording import fetched
from trio_wa.intake.refusal import stopping
from trio_wa.intake.selection import MAX_LIMIT, BadSelection, Selection, read_selection
from trio_wa.intake.views import looked_up
from trio_wa.ports import Cursor, Record

log = structlog.get_logger(__name__)

BULK_SECONDS = 10.0
"""After so long a request begins no further message; the answer says how many remain."""

NAMES = ("status", "to", "session", "batch", "after", "before", "limit")


@dataclass(frozen=True, slots=True)
class BulkRetry:
    """Retries what matches a filter, the oldest first, so that each recipient's order holds."""

    operations: Operations

    async def __call__(self, request: Request) -> Response:
        """202 with how many were queued and how many remain, 400, or 503 if there is no place."""
        try:
            selection = _read(request, self.operations.messages.region)
        except BadSelection as error:
            return refused(error)
        if not self.operations.window.open:
            return stopping().response()
        matching, oldest = await self._oldest(selection)
        queued, left, full = await self._queue_again(oldest)
        if full and not queued:
            return self.operations.no_place(full[0])
        log.info("messages.retried", queued=queued, by=request.caller.name)
        remaining = matching - len(oldest) + left
        return answer(202, {"queued": queued, "remaining": remaining})

    async def _oldest(self, selection: Selection) -> tuple[int, Sequence[Record]]:
        """How many match, and the oldest of them, the oldest first."""
        oldest: deque[Record] = deque(maxlen=selection.limit)
        matching, wanted = 0, selection.wanted
        store = self.operations.messages.store
        while records := await fetched(store.find(wanted, MAX_LIMIT)):
            settled = [each for each in records if not (looked_up(each) or each.has_data)]
            matching += len(settled)
            oldest.extend(settled)
            last = records[-1]
            wanted = replace(wanted, cursor=Cursor(last.accepted_at, last.number))
        return matching, tuple(reversed(oldest))

    async def _queue_again(self, records: Sequence[Record]) -> tuple[int, int, Sequence[Priority]]:
        """How many were queued, how many are left for want of a place or of time, and full lanes.

        Of a lane that is full no later message is queued either: it would overtake.
        """
        clock = self.operations.messages.clock
        until = clock.now() + BULK_SECONDS
        queued = left = 0
        full: list[Priority] = []
        for done, record in enumerate(records):
            if record.priority in full:
                left += 1
                continue
            if done and clock.now() >= until:
                return queued, left + len(records) - done, full
            match await self.operations.queue_again(record):
                case "queued":
                    queued += 1
                case "no_place":
                    left += 1
                    full.append(record.priority)
                case "other_state":  # another request was faster, or its data are gone
                    pass
        return queued, left, full


def _read(request: Request, region: str | None) -> Selection:
    params: dict[str, object] = dict(request.query)
    if request.body.strip():
        params |= _members(request.body)
    owner = request.caller.owner
    return read_selection(
        {"status": "", **params},  # a retry of whatever there is would be a slip
        owner=owner,
        region=region,
        limit=MAX_LIMIT,
        names=NAMES,
        statuses=RETRIED,
    )


def _members(body: bytes) -> dict[str, object]:
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict):
        form = f'the body must be a JSON object such as {{"status": "{Status.FAILED}"}}'
        raise BadSelection([{"field": "body", "detail": form}])
    return members
