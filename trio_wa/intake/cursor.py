"""A place in a list, as an opaque text."""

import base64
import binascii
import math
import struct

from trio_wa.ports import Cursor

_FORM = struct.Struct(">dQ")
_LARGEST = 2**63 - 1  # of an integer in SQLite


def write_cursor(cursor: Cursor) -> str:
    """The text for `cursor`: letters, digits, `-` and `_`."""
    packed = _FORM.pack(cursor.accepted_at, cursor.number)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read_cursor(text: str) -> Cursor:
    """The cursor that `write_cursor` wrote as `text`; raises ValueError for any other text."""
    try:
        packed = base64.b64decode(text + "==", altchars=b"-_", validate=True)
        cursor = Cursor(*_FORM.unpack(packed))
    except (binascii.Error, struct.error, ValueError):
        raise _unreadable() from None
    if not math.isfinite(cursor.accepted_at) or cursor.number > _LARGEST:
        raise _unreadable()
    return cursor


def _unreadable() -> ValueError:
    return ValueError("must be a next_cursor of an earlier answer, unchanged")
