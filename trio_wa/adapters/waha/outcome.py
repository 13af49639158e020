"""What WAHA's answers to a send mean: from status, headers and body to an outcome.

The facts are from a running WAHA 2026.2.1 and from the source and documentation of November 2026.
"""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from trio_wa.adapters.waha.answer import Answer, reason, short, texts
from trio_wa.core.outcome import Outcome, Rejected, Sent, Unavailable, Unknown
from trio_wa.core.retry import RETRY_AFTER_MAX
from trio_wa.core.waha_id import RAW_ID, raw_id

TIMELOCK = re.compile(r"\berror (?:463|475)\b")


def outcome_of(answer: Answer) -> Outcome:
    """The outcome of a send that WAHA, or a proxy before it, answered."""
    if answer.successful:
        return _success(answer)
    status, members, detail = answer.status, answer.members(), answer.detail
    retry_after = _retry_after(answer.headers.get("retry-after"), answer.at)
    match status:
        case 400 | 422 if not members:
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
            return _unprocessable(members, detail)
        case 429:
            return Unavailable("throttled", detail, "origin", retry_after)
        case 503 if "exception" not in members:
            return Unavailable("proxy_unavailable", detail, "origin", retry_after)
        case _ if 400 <= status < 500:
            return Rejected("rejected", detail)
        case _:
            return _server_error(status, members, detail)


def message_id(answer: Answer) -> str | None:
    """The raw WhatsApp id of the message answered, whatever the engine; None if there is none."""
    members = answer.members()
    key, data = members.get("key"), members.get("_data")
    for found in (
        key.get("id") if isinstance(key, dict) else None,
        members.get("id"),
        data.get("id") if isinstance(data, dict) else None,
    ):
        if isinstance(found, dict):
            found = found.get("_serialized") or found.get("id")
        if isinstance(found, str) and RAW_ID.fullmatch(raw := raw_id(found)):
            return raw
    return None


def _success(answer: Answer) -> Outcome:
    """Engines answer differently, so a body that tells no id, an odd or empty one, is a success."""
    waha_id = message_id(answer)
    if waha_id is None and answer.is_page:
        # Mostly it is the wrong address; but a proxy may have passed the message on before.
        detail = f"WAHA answered {answer.status}: a web page, not as WAHA does: check WAHA_URL"
        return Unknown("not_waha", detail, answered=True)
    return Sent(waha_id)


def _unprocessable(members: Mapping[str, Any], detail: str) -> Outcome:
    if "WORKING" in texts(members.get("expected")):
        status = short("; ".join(texts(members.get("status"))))
        return Unavailable(
            "session_not_working", f"{detail} ({status})", "session", status=status or None
        )
    said = reason(members)
    if "does not exist" in said:
        return Unavailable("session_missing", detail, "session", status="MISSING")
    if "available only in plus" in said.lower():
        return Rejected("plan_required", detail)
    return Rejected("rejected", detail)


def _server_error(status: int, members: Mapping[str, Any], detail: str) -> Outcome:
    exception = members.get("exception")
    name = exception.get("name") if isinstance(exception, dict) else None
    said = reason(members)
    if status == 500 and name == "PayloadTooLargeError":
        return Rejected("payload_too_large", detail)
    if status == 501 and members.get("statusCode") == 501:
        return Rejected("not_implemented", detail)  # by this engine: WEBJS knows no lists
    if status == 500 and "no LID found" in said:
        return Rejected("not_on_whatsapp", detail)
    if status == 500 and TIMELOCK.search(said):
        return Unavailable("timelock", detail, "contact")
    return Unknown(
        "engine_error" if isinstance(exception, dict) else "server_error", detail, answered=True
    )


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
