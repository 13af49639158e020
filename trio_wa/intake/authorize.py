"""Who may do what: decided before a handler runs."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from trio_wa.config.api_keys import ApiKey, Scope
from trio_wa.intake.caller import LOCAL, NOBODY, Caller
from trio_wa.intake.http import Request, Response, problem
from trio_wa.intake.keys import Keys, KeysDiffer, presented_key
from trio_wa.intake.locality import foreign

Access: TypeAlias = Scope | Literal["open", "known", "submit", "unsigned"]
"""What a route asks for: a scope; nothing (`open`); somebody who is known, whatever the scopes
(`known`); the scope `send`, or ALLOW_ANONYMOUS (`submit`); the scope `admin`, for want of a secret
by which to know WAHA (`unsigned`).
"""

HOW = "send it as `Authorization: Bearer KEY` or as `X-Api-Key: KEY`"
MAKE_A_KEY = "make a key with `trio-wa key new NAME`"
REMEDIES = f"{MAKE_A_KEY}, or set ALLOW_ANONYMOUS=true, which opens POST /send alone"
SIGNED = "; from WAHA it is taken once WAHA_WEBHOOK_SECRET is set, and the same in WAHA as hmac.key"


class Authorize:
    """Says who asks, or why the request is refused.

    With keys, a request bears one of them. Without, a direct request on this machine may do
    everything, and no other anything. `allow_anonymous` lets everybody else submit messages.
    """

    def __init__(self, keys: Sequence[ApiKey], *, allow_anonymous: bool) -> None:
        self._keys = Keys(keys)
        self._guarded = bool(keys)
        self._allow_anonymous = allow_anonymous

    def __call__(self, request: Request, access: Access) -> Caller | Response:
        """The caller, if it has `access`; else a 401, or a 403 that names the scope."""
        if access == "open":
            return NOBODY
        caller = self._identify(request)
        if not isinstance(caller, Caller):
            return caller
        if not caller.known:
            allowed = access == "submit" and self._allow_anonymous
            return caller if allowed else self._missing(request, access)
        scope = _scope(access)
        if scope is None or caller.may(scope):
            return caller
        detail = f"the key {caller.name} has not the scope {scope}, which this takes"
        return problem(403, "scope_missing", detail)

    def _identify(self, request: Request) -> Caller | Response:
        """The caller, `NOBODY` if it does not say, or a 401 if what it says is wrong."""
        if not self._guarded:
            return LOCAL if foreign(request) is None else NOBODY
        try:
            key = presented_key(request.headers)
        except KeysDiffer:
            detail = "Authorization and X-Api-Key hold different keys: send one of them"
            return _unauthorized("keys_differ", detail)
        if key is None:
            return NOBODY
        unknown = "this API key is not known here: it is mistyped, or was taken away"
        return self._keys.find(key) or _unauthorized("key_unknown", unknown)

    def _missing(self, request: Request, access: Access) -> Response:
        detail = f"an API key is missing: {HOW}"
        if not self._guarded:
            reason = foreign(request)
            remedies = REMEDIES
            if self._allow_anonymous:
                remedies = f"{MAKE_A_KEY}; ALLOW_ANONYMOUS opens POST /send alone"
            detail = f"an API key is missing, and without one this is refused: {reason}; {remedies}"
        return _unauthorized("key_missing", detail + SIGNED if access == "unsigned" else detail)


def _scope(access: Access) -> Scope | None:
    """The scope that a known caller needs, if any."""
    match access:
        case "open" | "known":
            return None
        case "submit":
            return "send"
        case "unsigned":
            return "admin"
        case _:
            return access


def _unauthorized(code: str, detail: str) -> Response:
    return problem(401, code, detail, WWW_Authenticate="Bearer")
