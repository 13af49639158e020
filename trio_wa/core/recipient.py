"""From what a caller writes in `to` to a WhatsApp chat id."""

import re

SEPARATORS = re.compile(r"[\s().\-/\u00a0\u2010-\u2015]+")
CHAT_ID = re.compile(r"[0-9]+(?:-[0-9]+)?@(?:c\.us|g\.us|lid|newsletter)")
MAX_DIGITS = 15  # ITU-T E.164


class BadRecipient(ValueError):
    """`to` names nobody; the message says what would be right."""


def chat_id(to: str) -> str:
    """The chat id for a phone number in international form, or for a chat id itself.

    Separators and a leading `+` are stripped; bare digits are international, as in the Go service.

    Raises:
        BadRecipient: neither a number in international form nor a chat id.
    """
    if "@" in to:
        stripped = to.strip()
        if CHAT_ID.fullmatch(stripped):
            return stripped
        raise BadRecipient(
            "is not a chat id: digits before @c.us, @g.us, @lid or @newsletter are right"
        )
    digits = SEPARATORS.sub("", to).removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        raise BadRecipient(
            "is not a phone number: digits with the country code, such as 6281234567890, are right"
        )
    if digits.startswith("0"):
        raise BadRecipient(
            "starts with 0: write the number with its country code, such as 6281234567890"
        )
    if len(digits) > MAX_DIGITS:
        raise BadRecipient(f"has {len(digits)} digits: a phone number has {MAX_DIGITS} at most")
    return f"{digits}@c.us"
