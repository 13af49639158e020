"""Who may do what: decided before a handler runs."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from trio_wa.config.api_keys import ApiKey, Scope
from trio_wa.intake.caller import ANONYMOUS, LOCAL, NOBODY, Caller
from trio_wa.intake.http import Request, Response, problem
from trio_wa.intake.keys import Keys, KeysDiffer, presented_key
from trio_wa.intake.locality import foreign

Access: TypeAlias = Scope | Literal["open", "known"]
"""What a route asks for: a scope, nothing at all, or just somebody who is known."""

HOW = "send it as `Authorization: Bearer KEY` or as `X-Api-Key: KEY`"
REMEDIES = (
    "make a key with `trio-wa key new NAME`, or set ALLOW_ANONYMOUS=true, which opens POST /send"
    " alone"
)


class Authorize:
    """Says who asks, or why the request is refused.

    With keys, a request bears one of them. Without, a direct request on this machine may do
    everything, and no other anything. `allow_anonymous` lets everybody else `send`.
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
        known = caller is not ANONYMOUS
        if known if access == "known" else caller.may(access):
            return caller
        if not known:
            return self._unknown(foreign(request))
        detail = f"the key {caller.name} has not the scope {access}, which this takes"
        return problem(403, "scope_missing", detail)

    def _identify(self, request: Request) -> Caller | Response:
        try:
            key = presented_key(request.headers)
        except KeysDiffer:
            detail = "Authorization and X-Api-Key hold different keys: send one of them"
            return _unauthorized("keys_differ", detail)
        if self._guarded and key is not None:
            unknown = "this API key is not known here: it is mistyped, or was taken away"
            return self._keys.find(key) or _unauthorized("key_unknown", unknown)
        reason = None if self._guarded else foreign(request)
        if not self._guarded and reason is None:
            return LOCAL
        return ANONYMOUS if self._allow_anonymous else self._unknown(reason)

    def _unknown(self, reason: str | None) -> Response:
        if self._guarded:
            return _unauthorized("key_missing", f"an API key is missing: {HOW}")
        detail = f"an API key is missing, and without one this is refused: {reason}; {REMEDIES}"
        return _unauthorized("key_missing", detail)


def _unauthorized(code: str, detail: str) -> Response:
    return problem(401, code, detail, WWW_Authenticate="Bearer")
