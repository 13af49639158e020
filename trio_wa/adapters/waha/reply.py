"""One answer, as its bytes come in."""

import httptools
import httpx

from trio_wa.adapters.waha.exchange import ANSWER_BYTES

HEAD_BYTES = 1 << 16
"""How long the head of an answer may be, with all 1xx before it."""

FRAMED_BYTES = 2 * ANSWER_BYTES
"""How much may come in for it: chunks and trailers have bytes that are no part of the body."""


class Reply:
    """Reads one answer of HTTP/1.1 or 1.0, past each 1xx before it, however its bytes are cut.

    `status` is 0 until its head was read. `done` says that no more of it is wanted, and `keep` that
    it was read to its end, and another request may follow over the same connection.
    """

    __slots__ = (
        "_body",
        "_headers",
        "_parser",
        "_parts",
        "_received",
        "done",
        "keep",
        "on_body",
        "on_header",
        "status",
    )

    def __init__(self) -> None:
        self.status = 0
        self.done = False
        self.keep = False
        self._received = 0
        self._body = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._parts: list[bytes] = []
        # The parser calls these for each header and each piece of the body.
        self.on_header = self._headers.__setitem__
        self.on_body = self._parts.append
        self._parser = httptools.HttpResponseParser(self)

    @property
    def successful(self) -> bool:
        """Whether this is any 2xx."""
        return 200 <= self.status < 300

    @property
    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers as they came, the last of those with the same name."""
        return list(self._headers.items())

    @property
    def headers(self) -> dict[str, str]:
        """The headers, by their names in lower case."""
        return {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in self._headers.items()
        }

    def take_body(self) -> bytes:
        """What was read of the body; more than `ANSWER_BYTES` of a longer one. It is not kept."""
        body = b"".join((self._body, *self._parts)) if self._body else b"".join(self._parts)
        self._body.clear()
        self._parts.clear()
        return body

    def feed(self, data: bytes) -> None:
        """Read on; `b""` is the end of the connection. Raises httpx.RemoteProtocolError."""
        if not data:
            self._end()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.keep = False
            if not self.done:
                raise httpx.RemoteProtocolError(f"this is no answer of HTTP: {error}") from error
        if not self.done:
            self._go_on(len(data))

    def _go_on(self, more: int) -> None:
        """Bound an answer that goes on after `more` bytes."""
        self._received += more
        if self._received > (FRAMED_BYTES if self.status else HEAD_BYTES):
            raise httpx.RemoteProtocolError("the answer is too long")
        self._body += b"".join(self._parts)
        self._parts.clear()
        self.done = len(self._body) > ANSWER_BYTES

    def _end(self) -> None:
        """Without a length and chunks, the end of the connection is the end of the answer."""
        headers = self.headers
        chunked = headers.get("transfer-encoding", "").lower().endswith("chunked")
        if not self.status or chunked or "content-length" in headers:
            raise httpx.RemoteProtocolError("the connection was closed before the answer ended")
        self.done = True

    def on_message_begin(self) -> None:
        """What follows a whole answer was not asked for: the parser stops here."""
        if self.done:
            raise httpx.RemoteProtocolError("there is more than one answer")

    def on_headers_complete(self) -> None:
        """Note the status, unless this is a 1xx."""
        status = self._parser.get_status_code()
        if status >= 200:
            self.status = status

    def on_message_complete(self) -> None:
        """Note the end of the answer; after a 1xx, it is still to come."""
        if self.status:
            self.done = True
            self.keep = self._parser.should_keep_alive()
        else:
            self._headers.clear()
