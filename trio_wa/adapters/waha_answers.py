"""What WAHA's answers mean: from status, headers and body to an outcome.

The facts are from a running WAHA 2026.2.1 and from the source and documentation of November 2026.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from trio_wa.core.outcome import Outcome, Rejected, Sent, Unavailable, Unknown
from trio_wa.core.waha_id import RAW_ID, raw_id

RETRY_AFTER_MAX = 3600.0
"""Seconds: a peer that asks for more quiet than this is asked again after an hour."""

DETAIL_CHARACTERS = 200
TIMELOCK = re.compile(r"\berror (?:463|475)\b")


def outcome_of(status: int, headers: Mapping[str, str], body: bytes, *, now: float) -> Outcome:
    """The outcome of a send that WAHA, or a proxy before it, answered.

    `headers` are looked up in lower case; `now` is in seconds since the epoch. WAHA's 500 echoes
    the request, so only the exception's own message ever becomes a detail.
    """
    if 200 <= status < 300:
        return Sent(message_id(body))
    answer = _parse(body)
    retry_after = _retry_after(headers.get("retry-after"), now)
    detail = f"WAHA answered {status}: {_reason(answer)}"
    match status:
        case 400 | 422 if not answer:
            # WAHA's are JSON. nginx says this to plain HTTP on its TLS port, a firewall to a text.
            return Unavailable("not_waha", f"{detail}, and not as WAHA does", "message")
        case 400:
            return Rejected("rejected", detail)
        case 401 | 403:
            return Unavailable("unauthorized", detail, "origin")
        case 404 | 405:
            return Unavailable("not_found", detail, "origin")
        case _ if 300 <= status < 400:
            return Unavailable("not_found", detail, "origin")
        case 408:
            return Unknown("server_error", detail, answered=True)
        case 413:
            return Rejected("payload_too_large", detail)
        case 422:
            return _unprocessable(answer, detail)
        case 429:
            return Unavailable("throttled", detail, "origin", retry_after)
        case 503 if "exception" not in answer:
            return Unavailable("proxy_unavailable", detail, "origin", retry_after)
        case _ if 400 <= status < 500:
            return Rejected("rejected", detail)
        case _:
            return _server_error(status, answer, detail)


def message_id(body: bytes) -> str | None:
    """The raw WhatsApp id in the answer to a send, whatever the engine; None if there is none."""
    answer = _parse(body)
    key, data = answer.get("key"), answer.get("_data")
    for found in (
        key.get("id") if isinstance(key, dict) else None,
        answer.get("id"),
        data.get("id") if isinstance(data, dict) else None,
    ):
        if isinstance(found, dict):
            found = found.get("_serialized") or found.get("id")
        if isinstance(found, str) and RAW_ID.fullmatch(raw := raw_id(found)):
            return raw
    return None


def _unprocessable(answer: Mapping[str, Any], detail: str) -> Outcome:
    if "WORKING" in _texts(answer.get("expected")):
        status = _short("; ".join(_texts(answer.get("status"))))
        return Unavailable("session_not_working", f"{detail} ({status})", "session")
    reason = _reason(answer)
    if "does not exist" in reason:
        return Unavailable("session_missing", detail, "session")
    if "available only in plus" in reason.lower():
        return Rejected("plan_required", detail)
    return Rejected("rejected", detail)


def _server_error(status: int, answer: Mapping[str, Any], detail: str) -> Outcome:
    exception = answer.get("exception")
    name = exception.get("name") if isinstance(exception, dict) else None
    reason = _reason(answer)
    if status == 500 and name == "PayloadTooLargeError":
        return Rejected("payload_too_large", detail)
    if status == 500 and "no LID found" in reason:
        return Rejected("not_on_whatsapp", detail)
    if status == 500 and TIMELOCK.search(reason):
        return Unavailable("timelock", detail, "message")
    return Unknown(
        "engine_error" if isinstance(exception, dict) else "server_error", detail, answered=True
    )


def _parse(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _reason(answer: Mapping[str, Any]) -> str:
    exception = answer.get("exception")
    for found in (
        exception.get("message") if isinstance(exception, dict) else None,
        answer.get("error") if "session" in answer else answer.get("message"),
        answer.get("message"),
        answer.get("error"),
    ):
        if text := _short("; ".join(_texts(found))):
            return text
    return "no reason given"


def _texts(found: object) -> list[str]:
    if isinstance(found, str):
        return [found]
    return [item for item in found if isinstance(item, str)] if isinstance(found, list) else []


def _short(text: str) -> str:
    """The beginning of a text, without lone surrogates: JSON may hold them, UTF-8 may not."""
    return text[:DETAIL_CHARACTERS].encode(errors="replace").decode()


def _retry_after(value: str | None, now: float) -> float | None:
    """Seconds, from the two forms of RFC 9110, 10.2.3; None where there is none to understand."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return min(float(value), RETRY_AFTER_MAX)
    try:
        at = parsedate_to_datetime(value)
        if at.tzinfo is None:  # as in asctime's form, which is in UTC too
            at = at.replace(tzinfo=UTC)
        seconds = at.timestamp() - now
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_MAX)
