"""The webhook events of WAHA: body, id, headers and signature, as recorded from WAHA 2026.2.1."""

import hashlib
import hmac
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Event:
    """A named event and its body, ready to be sent; `at_ms` is its time in milliseconds."""

    name: str
    body: bytes
    at_ms: int

    def headers(self, secret: str | None, request_id: str) -> dict[str, str]:
        """The headers to send it with; signed if there is a `secret`."""
        environment = json.loads(self.body)["environment"]
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"WAHA/{environment['version']}",
            "X-Webhook-Request-Id": request_id,
            "X-Webhook-Timestamp": str(self.at_ms),
        }
        if secret is not None:
            headers["X-Webhook-Hmac"] = sign(self.body, secret)
            headers["X-Webhook-Hmac-Algorithm"] = "sha512"
        return headers


def sign(body: bytes, secret: str) -> str:
    """The hex HMAC-SHA512 of the raw body."""
    return hmac.new(secret.encode(), body, hashlib.sha512).hexdigest()


def make_event(
    name: str,
    *,
    event_id: str,
    at: float,
    session: str,
    me: Mapping[str, str] | None,
    payload: object,
    environment: Mapping[str, Any],
) -> Event:
    """An event of `session` at the time `at`, in seconds."""
    at_ms = int(at * 1000)
    body = {
        "id": event_id,
        "timestamp": at_ms,
        "event": name,
        "session": session,
        "me": me,
        "payload": payload,
        "engine": environment["engine"],
        "environment": environment,
    }
    return Event(name, json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode(), at_ms)


def new_event_id(at: float, rng: random.Random) -> str:
    """An event id: `evt_` and a ULID in small letters."""
    number = (int(at * 1000) << 80) | rng.getrandbits(80)
    return "evt_" + "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


def new_request_id(rng: random.Random) -> str:
    """A request id as WAHA's webhooks bear it."""
    return "".join(rng.choices(_BASE36, k=17))


def new_message_id(rng: random.Random) -> str:
    """A raw message id as NOWEB makes it: `3EB0` and 18 hexadecimal digits."""
    return f"3EB0{rng.getrandbits(72):018X}"
