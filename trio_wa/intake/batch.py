"""`POST /send/batch`: up to 1,000 messages, each accepted or refused by itself, in one record."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import uuid_utils

from trio_wa.intake.accept import QUEUED
from trio_wa.intake.admission import Admission, Answer, Candidate
from trio_wa.intake.caller import Caller
from trio_wa.intake.http import Request, Response, answer, problem
from trio_wa.intake.idempotency import InFlight
from trio_wa.intake.refusal import Refusal, busy, invalid
from trio_wa.intake.sending import BadSending, Sending, read_sendings
from trio_wa.ports import Accepted, StoreUnavailable

_BATCHES = uuid.UUID("5d0f3a5e-8c62-4f0b-9a4e-5b1f5d3a7c21")
"""The name space in which a key names its batch: a request made again gives the same one."""


@dataclass(frozen=True, slots=True)
class AcceptBatch:
    """Accepts many messages in one transaction, and says of each what came of it, in order.

    With an Idempotency-Key each message has a key of its own, by its place in the batch: a request
    that is made again replays what was accepted, and tries again what was refused.
    """

    admission: Admission
    region: str | None
    in_flight: InFlight = field(default_factory=InFlight)

    async def __call__(self, request: Request) -> Response:
        """Answer `POST /send/batch`: 202 with a result for each, 400, 409, or 503.

        With `?dry_run=true` nothing is recorded, and the answer is 200.
        """
        for name in request.query:
            if name != "dry_run":  # a `dryrun=true` that is ignored would send them all
                return _bad_parameter(name, "is no parameter here: there is dry_run")
        dry_run = request.query.get("dry_run", "false")
        if dry_run not in ("true", "false"):
            return _bad_parameter("dry_run", "must be true or false")
        try:
            content_type = request.headers.get("content-type", "")
            read = read_sendings(request.body, content_type, self.region)
        except BadSending as error:
            return invalid(error.errors).response()
        answering = self._check if dry_run == "true" else self._accept
        return await self.in_flight.once(request, partial(answering, read, request.caller))

    def _items(
        self, read: Sequence[Sending | BadSending], caller: Caller, key: str | None, batch: str
    ) -> list[Candidate | Refusal]:
        now = self.admission.clock.now()
        return [
            invalid(each.errors)
            if isinstance(each, BadSending)
            else self.admission.candidate(each, caller, key and f"{key}\n{place}", batch, now=now)
            for place, each in enumerate(read)
        ]

    async def _check(
        self, read: Sequence[Sending | BadSending], caller: Caller, key: str | None
    ) -> Response:
        return _checked(self._items(read, caller, key, _name(caller, key)))

    async def _accept(
        self, read: Sequence[Sending | BadSending], caller: Caller, key: str | None
    ) -> Response:
        batch = _name(caller, key)
        items = self._items(read, caller, key, batch)
        if (refusal := self.admission.closed()) is not None:
            return refusal.response()
        candidates = [each for each in items if isinstance(each, Candidate)]
        try:
            answers = await self.admission.admit(candidates)
        except StoreUnavailable as error:
            return busy("store_unavailable", str(error)).response()
        full = next((a for a in answers if isinstance(a, Refusal) and a.status == 503), None)
        if full is not None and all(isinstance(each, Refusal) for each in answers):
            return full.response()
        estimates = await self.admission.estimates(candidates, answers)
        admitted = iter(map(_result, answers, estimates))
        results = [each.result() if isinstance(each, Refusal) else next(admitted) for each in items]
        return _accepted(results, batch)


def _bad_parameter(name: str, why: str) -> Response:
    detail = f"{name} {why}"
    return problem(400, "parameter_invalid", detail, errors=[{"field": name, "detail": detail}])


def _name(caller: Caller, key: str | None) -> str:
    """The id of a batch: the same for the same key of the same caller."""
    if key is None:
        return str(uuid_utils.uuid7())
    return str(uuid.uuid5(_BATCHES, f"{caller.name or ''}\n{key}"))


def _result(answer: Answer, estimated_at: str | None) -> dict[str, Any]:
    if isinstance(answer, Refusal):
        return answer.result()
    if not isinstance(answer, Accepted):
        return {"status": "queued", "id": answer.message_id, "replayed": True}
    estimate = {} if estimated_at is None else {"estimated_at": estimated_at}
    return {"status": "queued", "id": answer.message.id, **estimate}


def _accepted(results: list[dict[str, Any]], batch: str) -> Response:
    accepted = sum(result["status"] == "queued" for result in results)
    members = {"accepted": accepted, "refused": len(results) - accepted, "results": results}
    if not accepted:
        return answer(202, {"status": "refused", "id": None, **members})
    queued = {"status": "queued", "message": QUEUED, "id": batch}
    return answer(202, {**queued, **members}, Location=f"/batches/{batch}")


def _checked(items: Sequence[Candidate | Refusal]) -> Response:
    results = [
        each.result() if isinstance(each, Refusal) else {"status": "valid"} for each in items
    ]
    valid = sum(result["status"] == "valid" for result in results)
    refused = len(results) - valid
    return answer(200, {"dry_run": True, "valid": valid, "refused": refused, "results": results})
