"""What an httpx client asks, over a worker's own connections."""

import httpx
import trio

from trio_wa.adapters.waha.dial import origin_of
from trio_wa.adapters.waha.exchange import CONNECT_SECONDS
from trio_wa.adapters.waha.line import Line


class LineTransport(httpx.AsyncBaseTransport):
    """Makes an httpx client's requests, one at a time, over a line, which it closes with itself.

    An answer is read before it is handed over, up to a little more than `ANSWER_BYTES` of its body.
    The request's extension `written` is called where its first byte may have gone out.
    """

    def __init__(self, line: Line) -> None:
        self._line = line

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """What the WAHA at the request's URL answers; raises httpx.TransportError."""
        whole = whole_of(request, await request.aread())
        origin = origin_of(request.url)
        within = request.extensions["timeout"]["connect"]
        connect_by = trio.current_time() + (CONNECT_SECONDS if within is None else within)
        try:
            reply = await self._line.exchange(origin, (whole,), connect_by)
        finally:
            if self._line.stage != "idle" and "written" in request.extensions:
                request.extensions["written"]()
        stream = httpx.ByteStream(reply.take_body())
        return httpx.Response(reply.status, headers=reply.raw_headers, stream=stream)

    async def aclose(self) -> None:
        """Hang up."""
        self._line.close()


def whole_of(request: httpx.Request, content: bytes) -> bytes:
    """The bytes of a request with all of its body; raises httpx.LocalProtocolError."""
    head = head_of(request)
    if not content and request.method == "GET":
        return head + b"\r\n"
    return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(content), content)


def head_of(request: httpx.Request) -> bytes:
    """The lines of a request before its body, but for its length and the last, empty one.

    Raises httpx.LocalProtocolError for a header with a line break.
    """
    lines = [b"%b %b HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
    for name, value in request.headers.raw:
        if name.lower() not in (b"content-length", b"transfer-encoding"):
            lines.append(b"%b: %b" % (name, value))
    if any(b"\r" in line or b"\n" in line for line in lines):
        raise httpx.LocalProtocolError("a header holds a line break")
    return b"".join(line + b"\r\n" for line in lines)
