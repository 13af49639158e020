"""`POST /send`: reserve a place, record, enqueue, and answer 202."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import assert_never

import uuid_utils
from pydantic import ValidationError

from trio_wa.clock import Clock
from trio_wa.core.contacts import is_stranger
from trio_wa.intake.caller import Caller
from trio_wa.intake.dispatching import Dispatching
from trio_wa.intake.http import Request, Response, answer, problem
from trio_wa.intake.idempotency import BadKey, InFlight, fingerprint, read_key
from trio_wa.intake.numbers import recipient
from trio_wa.intake.recording import recorded
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
from trio_wa.telemetry import timestamp
from trio_wa.window import Window

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
    dispatch: Dispatching
    region: str | None
    new_id: Callable[[], str] = lambda: str(uuid_utils.uuid7())
    in_flight: InFlight = field(default_factory=InFlight)

    async def __call__(self, request: Request) -> Response:
        """Answer `POST /send`: 202, 400, 403, 409, 422, or 503 with `Retry-After`."""
        try:
            body = SendBody.model_validate_json(request.body, context=self.region)
        except ValidationError as error:
            return _invalid(faults(error))
        try:
            key = read_key(request.headers)
        except BadKey as error:
            return problem(400, "idempotency_key_invalid", str(error), error=INVALID)
        caller = request.caller
        if (refusal := self._refuse(body.sessions, caller)) is not None:
            return refusal
        with self.in_flight.hold(caller.name, key) as held:
            if not held:
                detail = "the request with this Idempotency-Key is not answered yet"
                return problem(409, "idempotency_in_flight", detail, Retry_After="1")
            return await self._accept(self._draft(body, caller, key))

    def _refuse(self, sessions: Sequence[str], caller: Caller) -> Response | None:
        """The answer to a message that asks for a session it cannot have."""
        for name in sessions:
            if caller.sessions and name not in caller.sessions:
                bound = ", ".join(caller.sessions)
                detail = f"the key {caller.name} sends over {bound} alone, not over {name!r}"
                return problem(403, "session_forbidden", detail)
            if name not in self.sessions:
                known = ", ".join(sorted(caller.sessions or self.sessions))
                detail = f"session {name!r} is not one of WAHA_SESSIONS: {known}"
                return _invalid([{"field": "session", "detail": detail}])
        return None

    async def _accept(self, draft: Draft) -> Response:
        if not self.window.open:
            return _busy("stopping", "the service is stopping; try again in a moment")
        if (reason := self.store.problem()) is not None:
            return _busy("store_unavailable", reason)
        if not self.window.reserve():
            return _busy("queue_full", f"{self.window.max_backlog} messages wait already")
        acceptance: Acceptance | None = None
        try:
            acceptance = await recorded(self.store.accept(draft))
        except StoreUnavailable as error:
            return _busy("store_unavailable", str(error))
        finally:
            if not isinstance(acceptance, Accepted):
                self.window.release()
        match acceptance:
            case Accepted(message):
                stranger = is_stranger(message)
                estimated_at = self.dispatch.estimate(message.sessions, stranger=stranger)
                return _accepted(draft.id, estimated_at)
            case Replayed(message_id):
                return _accepted(message_id, Idempotency_Replayed="true")
            case KeyReused():
                detail = "this Idempotency-Key came with another payload before: use a new key"
                return problem(422, "idempotency_key_reused", detail)
            case _:
                assert_never(acceptance)

    def _draft(self, body: SendBody, caller: Caller, key: str | None) -> Draft:
        now = self.clock.now()
        to = recipient(body.to, self.region)
        own = () if body.on_unknown is None else (body.on_unknown,)
        payload = (to, body.message, body.sessions, *own)
        return Draft(
            id=self.new_id(),
            to=body.to,
            chat_id=to,
            text=body.message,
            accepted_at=now,
            expires_at=now + self.message_ttl,
            sessions=body.sessions or caller.sessions,
            owner=caller.name,
            key=None if key is None else fingerprint(key, payload),
            on_unknown=body.on_unknown,
        )


def _invalid(errors: list[dict[str, str]]) -> Response:
    detail = "; ".join(error["detail"] for error in errors)
    return problem(400, "payload_invalid", detail, error=INVALID, errors=errors)


def _accepted(message_id: str, estimated_at: float | None = None, **headers: str) -> Response:
    members = {"status": "queued", "message": QUEUED, "id": message_id}
    if estimated_at is not None:
        members["estimated_at"] = timestamp(estimated_at)
    return answer(202, members, Location=f"/messages/{message_id}", **headers)


def _busy(code: str, detail: str) -> Response:
    return problem(503, code, detail, error=FULL, Retry_After="1")
