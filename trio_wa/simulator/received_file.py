"""The file of a send: what is remembered of it is small, however large it was."""

import hashlib
from binascii import Error, a2b_base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file that came with a send, or that WAHA would have fetched from `url`.

    `size` (in bytes) and `sha256` (in hex) are those of its data, where they came with it.
    """

    mimetype: str | None
    filename: str | None
    url: str | None
    size: int | None = None
    sha256: str | None = None


def take_file(body: Mapping[str, Any]) -> tuple[Mapping[str, Any], ReceivedFile | None]:
    """A body without the data of its file, and the file; the body itself if it has none."""
    file = body.get("file")
    if not isinstance(file, dict):
        return body, None
    mimetype, filename, url = (_text(file.get(name)) for name in ("mimetype", "filename", "url"))
    encoded = file.get("data")
    if not isinstance(encoded, str):
        return body, ReceivedFile(mimetype, filename, url)
    data = _decoded(encoded)
    rest = {name: value for name, value in file.items() if name != "data"}
    digest = hashlib.sha256(data).hexdigest()
    return {**body, "file": rest}, ReceivedFile(mimetype, filename, url, len(data), digest)


def _decoded(encoded: str) -> bytes:
    """As much of it as there is, whatever stands between: Node.js, under WAHA, refuses nothing."""
    try:
        return a2b_base64(encoded.encode("ascii", "ignore") + b"==")
    except Error:
        return b""


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
