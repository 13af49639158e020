"""What WAHA would not do for an operator, and why."""

from trio_wa.adapters.waha.answer import BUSY, Answer, reason, short, texts
from trio_wa.adapters.waha.exchange import Silence
from trio_wa.ports import Refusal


def refusal_of(failure: Answer | Silence) -> Refusal:
    """The refusal that an answer other than the one hoped for, or none at all, comes to."""
    if isinstance(failure, Silence):
        return Refusal("waha_unavailable", failure.detail)
    members, status = failure.members(), failure.status
    if status in BUSY:
        return Refusal("waha_unavailable", failure.detail)
    missing = status == 422 and "does not exist" in reason(members)
    if missing or failure.not_found() is not None:
        return Refusal("session_missing", failure.detail)
    if status == 422 and "SCAN_QR_CODE" in texts(members.get("expected")):
        named = short("; ".join(texts(members.get("status")))) or "in another state"
        return Refusal("session_not_scanning", f"the session is {named}, not SCAN_QR_CODE")
    return Refusal("waha_refused", failure.detail)
