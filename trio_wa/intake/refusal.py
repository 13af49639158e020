"""Why a message is not accepted: one value, as an answer of its own or in that to a batch."""

from dataclasses import dataclass, replace
from typing import Any

from trio_wa.intake.http import Response, problem
from trio_wa.ports import Place, Suppression
from trio_wa.telemetry import timestamp

FULL = "Server sibuk, antrean penuh"
INVALID = "Payload invalid"
"""What the Go service said."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that is not accepted: the status of its answer, a stable code, and the reason.

    `errors` names each member that is wrong.
    """

    status: int
    code: str
    detail: str
    errors: list[dict[str, str]] | None = None

    def about(self, field: str) -> "Refusal":
        """The same, with `field` named as what is wrong."""
        return replace(self, errors=[{"field": field, "detail": self.detail}])

    def response(self) -> Response:
        """The answer to a request for this message alone."""
        error = FULL if self.status == 503 else INVALID if self.status == 400 else None
        headers: dict[str, Any] = {"Retry_After": "1"} if self.status == 503 else {}
        return problem(
            self.status, self.code, self.detail, error=error, errors=self.errors, **headers
        )

    def result(self) -> dict[str, Any]:
        """The entry in the answer to a batch."""
        errors = {} if self.errors is None else {"errors": self.errors}
        return {"status": "refused", "code": self.code, "detail": self.detail, **errors}


def invalid(errors: list[dict[str, str]]) -> Refusal:
    """400, for members that are wrong."""
    return Refusal(400, "payload_invalid", "; ".join(error["detail"] for error in errors), errors)


def suppressed(suppression: Suppression) -> Refusal:
    """422, for a recipient who wants no messages."""
    since = timestamp(suppression.at)
    detail = f"the recipient has wanted no messages since {since} (GET /suppressions)"
    return Refusal(422, "suppressed", detail).about("to")


def too_late(at: float, expires_at: float) -> Refusal:
    """422, for a message that cannot leave before it expires."""
    detail = (
        f"it would leave at {timestamp(at)} at the earliest, and expires at"
        f" {timestamp(expires_at)}: give it more time, or a higher priority"
    )
    return Refusal(422, "cannot_meet_ttl", detail)


def busy(code: str, detail: str) -> Refusal:
    """503: not now, but in a moment."""
    return Refusal(503, code, detail)


def stopping() -> Refusal:
    """503, once nothing is accepted any more."""
    return busy("stopping", "the service is stopping; try again in a moment")


def full(place: Place, limit: int) -> Refusal:
    """503, where all places of a lane, or of the schedule, are taken."""
    if place == "scheduled":
        detail = f"{limit} messages are scheduled already (MAX_SCHEDULED): try again in a moment"
        return busy("schedule_full", detail)
    detail = f"{limit} {place} messages wait already (MAX_BACKLOG): try again in a moment"
    return busy("queue_full", detail)
