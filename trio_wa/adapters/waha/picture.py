"""The QR code of a session."""

import re

from trio_wa.adapters.waha.answer import Answer
from trio_wa.adapters.waha.refusal import refusal_of
from trio_wa.ports import Picture, Refusal

_IMAGE = re.compile(r"image/[a-z0-9.+-]{1,40}")


def picture_of(answer: Answer) -> Picture | Refusal:
    """The image that was answered, if it is one and was read to its end."""
    if not answer.successful:
        return refusal_of(answer)
    content_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not _IMAGE.fullmatch(content_type) or not answer.body:
        return Refusal("waha_refused", f"WAHA answered {answer.status}, and not with an image")
    if not answer.whole:
        return Refusal("waha_refused", "WAHA's image is larger than any QR code")
    return Picture(content_type, answer.body)
