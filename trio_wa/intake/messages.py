"""`GET /messages/{id}` and `GET /messages`: what became of messages."""

import re
from dataclasses import dataclass
from typing import Any

from trio_wa.clock import Clock
from trio_wa.intake.cursor import write_cursor
from trio_wa.intake.dispatching import Dispatching
from trio_wa.intake.estimates import Estimates
from trio_wa.intake.http import Request, Response, answer, problem
from trio_wa.intake.recording import fetched
from trio_wa.intake.selection import BadSelection, read_selection
from trio_wa.intake.views import message_view, waits
from trio_wa.ports import Cursor, Record, Store
from trio_wa.telemetry import timestamp

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Messages:
    """Shows each caller its own messages, and an admin all. It only reads the store."""

    store: Store
    dispatch: Dispatching
    clock: Clock
    region: str | None

    async def show(self, request: Request) -> Response:
        """200 with the message in `id`, its attempts and its timeline, or 404."""
        record = await self.find(request)
        return missing() if record is None else answer(200, self.view(record, whole=True))

    async def list(self, request: Request) -> Response:
        """200 with the newest messages that match the query, or 400."""
        try:
            selection = read_selection(
                request.query, owner=request.caller.owner, region=self.region
            )
        except BadSelection as error:
            return refused(error)
        records = await fetched(self.store.find(selection.wanted, selection.limit + 1))
        shown, more = records[: selection.limit], len(records) > selection.limit
        last = Cursor(shown[-1].accepted_at, shown[-1].number) if more else None
        return answer(
            200,
            {
                "data": [self.view(record, whole=False) for record in shown],
                "next_cursor": None if last is None else write_cursor(last),
            },
        )

    async def find(self, request: Request) -> Record | None:
        """The message that the path names; None where there is none that the caller may see."""
        message_id = request.params["id"]
        if _ID.fullmatch(message_id) is None:
            return None
        record = await fetched(self.store.get(message_id))
        return record if record is not None and request.caller.sees(record) else None

    def view(self, record: Record, *, whole: bool) -> dict[str, Any]:
        """A message as JSON, with what it waits for."""
        waiting = waits(record, self.dispatch.waiting(record.id), self.clock.now())
        view = message_view(record, waiting, whole=whole)
        if whole and waiting is not None:
            estimated_at = Estimates(self.dispatch).of(record)
            if estimated_at is not None:
                view["estimated_at"] = timestamp(max(estimated_at, waiting.until or 0.0))
        return view


def missing() -> Response:
    """404, for what does not exist and for what is somebody else's."""
    return problem(404, "message_not_found", "there is no such message")


def refused(error: BadSelection) -> Response:
    """400 that names each wrong parameter."""
    return problem(400, "parameter_invalid", str(error), errors=error.errors)
