"""`POST /send`: reserve a place, record, enqueue, and answer 202."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

import structlog
import trio
import uuid_utils
from pydantic import ValidationError

from trio_wa.clock import Clock
from trio_wa.core.recipient import chat_id
from trio_wa.intake.http import Request, Response, answer, problem
from trio_wa.intake.schemas import SendBody, faults
from trio_wa.ports import (
    Acceptance,
    Accepted,
    Draft,
    KeyReused,
    Replayed,
    Store,
    StoreUnavailable,
)
from trio_wa.window import Window

log = structlog.get_logger(__name__)

ACCEPT_SECONDS = 5.0
"""How long a record may take. After that the caller is told to try again."""

QUEUED = "Pesan masuk antrean"
FULL = "Server sibuk, antrean penuh"
INVALID = "Payload invalid"


@dataclass(frozen=True, slots=True)
class Accept:
    """Accepts one message: it answers 202 once the store has it, and never waits for WAHA."""

    store: Store
    window: Window
    clock: Clock
    message_ttl: float
    sessions: frozenset[str]
    new_id: Callable[[], str] = lambda: str(uuid_utils.uuid7())

    async def __call__(self, request: Request) -> Response:
        """Answer `POST /send`: 202, 400, or 503 with `Retry-After`."""
        try:
            body = SendBody.model_validate_json(request.body)
        except ValidationError as error:
            return _invalid(faults(error))
        if strangers := [name for name in body.sessions if name not in self.sessions]:
            known = ", ".join(sorted(self.sessions))
            detail = f"session {strangers[0]!r} is not one of WAHA_SESSIONS: {known}"
            return _invalid([{"field": "session", "detail": detail}])
        draft = self._draft(body)
        if not self.window.open:
            return _busy("stopping", "the service is stopping; try again in a moment")
        if (reason := self.store.problem()) is not None:
            return _busy("store_unavailable", reason)
        if not self.window.reserve():
            return _busy("queue_full", f"{self.window.max_backlog} messages wait already")
        acceptance = await self._record(draft)
        if not isinstance(acceptance, Accepted):
            self.window.release()
        match acceptance:
            case Accepted():
                return _accepted(draft.id)
            case Replayed(message_id):
                return _accepted(message_id, Idempotency_Replayed="true")
            case KeyReused():
                detail = "this Idempotency-Key came with another payload before: use a new key"
                return problem(422, "idempotency_key_reused", detail)
            case str():
                return _busy("store_unavailable", acceptance)
            case _:
                assert_never(acceptance)

    async def _record(self, draft: Draft) -> Acceptance | str:
        """What the store says, or why it recorded nothing."""
        # Unshielded, a client that hangs up could tear a recorded message from its place in the
        # queue: Quart-Trio cancels the handler of a client that is gone.
        with trio.move_on_after(ACCEPT_SECONDS, shield=True):
            try:
                return await self.store.accept(draft)
            except StoreUnavailable as error:
                return str(error)
        return f"not recorded within {ACCEPT_SECONDS:g} s"

    def _draft(self, body: SendBody) -> Draft:
        now = self.clock.now()
        return Draft(
            id=self.new_id(),
            to=body.to,
            chat_id=chat_id(body.to),
            text=body.message,
            accepted_at=now,
            expires_at=now + self.message_ttl,
            sessions=body.sessions,
        )


def _invalid(errors: list[dict[str, str]]) -> Response:
    detail = "; ".join(error["detail"] for error in errors)
    return problem(400, "payload_invalid", detail, error=INVALID, errors=errors)


def _accepted(message_id: str, **headers: str) -> Response:
    members = {"status": "queued", "message": QUEUED, "id": message_id}
    return answer(202, members, Location=f"/messages/{message_id}", **headers)


def _busy(code: str, detail: str) -> Response:
    return problem(503, code, detail, error=FULL, Retry_After="1")
