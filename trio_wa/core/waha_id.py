"""WhatsApp's id of a message, as WAHA's engines write it."""

import re

RAW_ID = re.compile(r"[!-~]{1,128}")
"""What a raw id looks like: no engine's is longer, and none has blanks."""


def raw_id(serialized: str) -> str:
    """The `<ID>` of `true_<chat>_<ID>` or `true_<chat>_<ID>_<participant>`, or of itself."""
    parts = serialized.split("_")
    return parts[2] if len(parts) >= 3 and parts[0] in ("true", "false") else serialized
