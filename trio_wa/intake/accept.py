"""`POST /send`: one message, recorded before the answer 202."""

from dataclasses import dataclass, field
from functools import partial
from typing import assert_never

from trio_wa.intake import http
from trio_wa.intake.admission import Admission, Answer, Candidate
from trio_wa.intake.caller import Caller
from trio_wa.intake.http import Request, Response
from trio_wa.intake.idempotency import InFlight
from trio_wa.intake.refusal import Refusal, busy, invalid
from trio_wa.intake.sending import BadSending, Sending, read_sending
from trio_wa.ports import Accepted, Replayed, StoreUnavailable

QUEUED = "Pesan masuk antrean"
"""What the Go service said."""


@dataclass(frozen=True, slots=True)
class Accept:
    """Accepts one message: it answers 202 once the store has it, and never waits for WAHA."""

    admission: Admission
    region: str | None
    in_flight: InFlight = field(default_factory=InFlight)

    async def __call__(self, request: Request) -> Response:
        """Answer `POST /send`: 202, 400, 403, 409, 422, or 503 with `Retry-After`."""
        try:
            sending = read_sending(request.body, self.region)
        except BadSending as error:
            return invalid(error.errors).response()
        return await self.in_flight.once(request, partial(self._accept, sending, request.caller))

    async def _accept(self, sending: Sending, caller: Caller, key: str | None) -> Response:
        candidate = self.admission.candidate(sending, caller, key)
        if isinstance(candidate, Refusal):
            return candidate.response()
        if (refusal := self.admission.closed()) is not None:
            return refusal.response()
        try:
            [answer] = await self.admission.admit([candidate])
        except StoreUnavailable as error:
            return busy("store_unavailable", str(error)).response()
        return await self._respond(candidate, answer)

    async def _respond(self, candidate: Candidate, answer: Answer) -> Response:
        match answer:
            case Accepted(message):
                [estimated_at] = await self.admission.estimates([candidate], [answer])
                return _accepted(message.id, estimated_at)
            case Replayed(message_id):
                return _accepted(message_id, Idempotency_Replayed="true")
            case Refusal() as refusal:
                return refusal.response()
            case _:
                assert_never(answer)


def _accepted(message_id: str, estimated_at: str | None = None, **headers: str) -> Response:
    members = {"status": "queued", "message": QUEUED, "id": message_id}
    if estimated_at is not None:
        members["estimated_at"] = estimated_at
    return http.answer(202, members, Location=f"/messages/{message_id}", **headers)
