"""HTTP/1 without upgrades, and refusals that a program can read."""

import json
from http import HTTPStatus

import h11
from hypercorn.events import Closed
from hypercorn.protocol.h11 import H11Protocol

_MORE_TO_COME = {h11.SEND_BODY, h11.ERROR}


class Http1(H11Protocol):
    """HTTP/1.0 and 1.1 only: an upgrade to websocket or h2c is answered as if it had not asked.

    RFC 9110, 7.8 allows that, and it closes the code in which Hypercorn 0.18 fails: a websocket
    upgrade with bytes behind it, an h2c upgrade whose settings are not base64.
    """

    @property
    def half_received(self) -> bool:
        """Whether the client still owes a part of the request that is being handled."""
        return self.connection.their_state in _MORE_TO_COME

    async def refuse(self, status: int) -> None:
        """Answer with a problem, unless an answer has begun, and close."""
        if self.connection.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            await self._send_error_response(status)
        await self.send(Closed())

    async def _check_protocol(self, event: h11.Request) -> None:
        """Switch to nothing: upstream turns to HTTP/2 here, for h2c and for its preface."""

    async def _create_stream(self, request: h11.Request) -> None:
        names = {name for name, _ in request.headers}
        if _head_size(request) > self.config.h11_max_incomplete_size:
            # h11 bounds what is incomplete: a head whose end comes with the bytes that go beyond
            # the bound, up to 64 KiB, passes.
            await self.refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif not request.http_version.startswith(b"1."):
            await self.refuse(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
        elif {b"content-length", b"transfer-encoding"} <= names:
            # h11 goes by the second; a proxy that goes by the first sees another request behind
            # this one (RFC 9112, 11.2).
            await self.refuse(HTTPStatus.BAD_REQUEST)
        elif request.method == b"CONNECT":  # h11 stops reading after a 2xx to it
            await self.refuse(HTTPStatus.NOT_IMPLEMENTED)
        elif request.target.startswith(b"?"):  # an IndexError in Quart
            await self.refuse(HTTPStatus.BAD_REQUEST)
        else:
            await super()._create_stream(_without_upgrade(request, names))

    async def _send_error_response(self, status_code: int) -> None:
        # Upstream sends an empty body; a caller of ours gets a problem (RFC 9457) for every error.
        title = HTTPStatus(status_code).phrase
        problem = {"type": "about:blank", "title": title, "status": status_code, "error": title}
        body = json.dumps(problem).encode()
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
            *self.config.response_headers("h11"),
        ]
        await self._send_h11_event(h11.Response(status_code=status_code, headers=headers))
        await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())


def _head_size(request: h11.Request) -> int:
    """How many bytes the head of a request has, without blanks that mean nothing."""
    line = len(request.method) + len(request.target) + len("  HTTP/1.1\r\n")
    headers = sum(len(name) + len(value) + len(": \r\n") for name, value in request.headers)
    return line + headers + len("\r\n")


def _without_upgrade(request: h11.Request, names: set[bytes]) -> h11.Request:
    if b"upgrade" not in names:
        return request
    return h11.Request(
        method=request.method,
        target=request.target,
        headers=[(name, value) for name, value in request.headers if name != b"upgrade"],
        http_version=request.http_version,
    )
