"""`Idempotency-Key`: the same request, made again, is done once.

As in draft-ietf-httpapi-idempotency-key-header, and as Stripe does it.
"""

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from trio_wa.intake.http import Request, Response, problem
from trio_wa.intake.refusal import INVALID
from trio_wa.ports import IdempotencyKey

HEADER = "Idempotency-Key"

_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BARE = re.compile(r"[!#-~]+")
_MAX_LENGTH = 255


class BadKey(ValueError):
    """The header is not a key; the message says what would be right."""


def read_key(headers: Mapping[str, str]) -> str | None:
    """The key that a request bears; None if it bears none.

    It is a string of structured fields, in quotes (RFC 9651), or as Stripe has it the bare key:
    visible ASCII without quotes. Both forms of one key are the same key.

    Raises:
        BadKey: it is of another form, empty or too long.
    """
    if (text := headers.get(HEADER.lower())) is None:
        return None
    text = text.strip(" \t")
    if not text:
        raise BadKey("Idempotency-Key must not be empty: give it a value, or leave it out")
    if (quoted := _QUOTED.fullmatch(text)) is not None:
        key = re.sub(r"\\(.)", r"\1", quoted[1])
    elif _BARE.fullmatch(text) is not None:
        key = text
    else:
        raise BadKey(
            'Idempotency-Key must be ASCII, such as "8e03978e-40d5-43dd-bc93-6894a57f9324"'
        )
    if not 1 <= len(key) <= _MAX_LENGTH:
        raise BadKey(f"Idempotency-Key must have 1 to {_MAX_LENGTH} characters, not {len(key)}")
    return key


def fingerprint(key: str, payload: Sequence[object]) -> IdempotencyKey:
    """The key together with what stands for `payload`, the values that make up a request."""
    text = json.dumps(payload, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    return IdempotencyKey(key, hashlib.sha256(text.encode()).hexdigest())


Answering: TypeAlias = Callable[[str | None], Awaitable[Response]]
"""What answers a request that bears this key; None: it bears none."""


class InFlight:
    """The keys whose first request is not answered yet, each under its owner."""

    def __init__(self) -> None:
        self._keys: set[tuple[str | None, str]] = set()

    async def once(self, request: Request, answering: Answering) -> Response:
        """What `answering` says; 400 if the key is none, 409 while another request bears it."""
        try:
            key = read_key(request.headers)
        except BadKey as error:
            errors = [{"field": HEADER, "detail": str(error)}]
            return problem(400, "idempotency_key_invalid", str(error), error=INVALID, errors=errors)
        with self.hold(request.caller.name, key) as held:
            if held:
                return await answering(key)
        detail = "the request with this Idempotency-Key is not answered yet"
        return problem(409, "idempotency_in_flight", detail, Retry_After="1")

    @contextmanager
    def hold(self, owner: str | None, key: str | None) -> Iterator[bool]:
        """Hold a key; False if another request does. No key (None) is held by all at once."""
        held = (owner, key)
        if key is None or held in self._keys:
            yield key is None
            return
        self._keys.add((owner, key))
        try:
            yield True
        finally:
            self._keys.discard((owner, key))
