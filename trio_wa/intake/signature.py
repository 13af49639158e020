"""Whether a webhook is WAHA's own: by the signature of its raw body.

WAHA's page "Webhooks": `X-Webhook-Hmac` is the hex HMAC of the body, `X-Webhook-Hmac-Algorithm` is
sha512. No other header is signed, so none is believed.
"""

import hashlib
import hmac

from trio_wa.intake.http import Request, Response, problem

ALGORITHM = "sha512"


def check_signature(request: Request, secret: str) -> Response | None:
    """None if `request` was signed with `secret`; else the 401 that says what is wrong with it."""
    signature = request.headers.get("x-webhook-hmac", "").strip()
    if not signature:
        detail = "X-Webhook-Hmac is missing: give this webhook an hmac.key in WAHA, the value of"
        return _refused("signature_missing", f"{detail} WAHA_WEBHOOK_SECRET")
    algorithm = request.headers.get("x-webhook-hmac-algorithm", ALGORITHM).strip()
    if algorithm.lower() != ALGORITHM:
        detail = f"X-Webhook-Hmac-Algorithm must be {ALGORITHM}, which WAHA uses"
        return _refused("signature_wrong", detail)
    right = hmac.new(secret.encode(), request.body, hashlib.sha512).hexdigest()
    if not hmac.compare_digest(signature.lower().encode(errors="replace"), right.encode()):
        detail = (
            "X-Webhook-Hmac does not fit this body: WAHA signs with another key than"
            " WAHA_WEBHOOK_SECRET, or something on the way changed the body"
        )
        return _refused("signature_wrong", detail)
    return None


def _refused(code: str, detail: str) -> Response:
    return problem(401, code, detail, WWW_Authenticate="X-Webhook-Hmac")
