"""What one attempt to send came to: a closed union of values."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

UNREACHABLE: Final = "unreachable"
"""The code of an origin to which no connection could be made."""

Fault = Literal["message", "session", "origin", "contact"]


@dataclass(frozen=True, slots=True)
class Sent:
    """WAHA took the message; `waha_id` is WhatsApp's raw id where the answer named one."""

    waha_id: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """WAHA refused this very message for good; it was not sent and is not tried again."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Certainly not sent, and not the message's own doing; it is tried again.

    `fault` says what stood in the way: the WAHA behind the session's address (`origin`, its set-up
    included), the `session`, a time-lock that keeps the session from writing to this new `contact`,
    or this `message` under the present circumstances. `retry_after` is in seconds, as the peer
    asked; `status` is the session's, where WAHA named it.
    """

    code: str
    detail: str
    fault: Fault
    retry_after: float | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """May have been sent. `answered` tells an answer of WAHA from a connection that fell silent."""

    code: str
    detail: str
    answered: bool = False


Outcome: TypeAlias = Sent | Rejected | Unavailable | Unknown
