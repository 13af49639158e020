"""A connection that makes one webhook call after another."""

import functools
import ssl
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

import h11
import trio

_CHUNK = 65_536
_PORTS = {"http": 80, "https": 443}


class NotAnswered(Exception):
    """The call went wrong: nobody listens, the connection was cut, or that is no HTTP."""


class WebhookConnection:
    """Posts, one call at a time, and stays connected to the server of the last one.

    It is h11 on a Trio stream: with httpx a call costs three times as much, and tests make tens of
    thousands.
    """

    def __init__(self) -> None:
        self._stream: trio.abc.Stream | None = None
        self._server = ""
        self._http = h11.Connection(h11.CLIENT)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status with which `url` answers; raises NotAnswered."""
        try:
            target = _split(url)
            request = _request(target, headers, len(body))
            if self._stream is not None and self._server == target.netloc:
                try:
                    return await self._exchange(self._stream, request, body)
                except (OSError, trio.BrokenResourceError, h11.RemoteProtocolError):
                    pass  # it had been idle for too long, perhaps
            return await self._exchange(await self._connect(target), request, body)
        except (OSError, ValueError, trio.BrokenResourceError, h11.ProtocolError) as error:
            raise NotAnswered(str(error)) from error

    async def aclose(self) -> None:
        """Hang up."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await trio.aclose_forcefully(stream)

    async def _connect(self, target: SplitResult) -> trio.abc.Stream:
        await self.aclose()
        host, port = target.hostname or "", target.port or _PORTS[target.scheme]
        stream: trio.abc.Stream = await trio.open_tcp_stream(host, port)
        if target.scheme == "https":
            stream = trio.SSLStream(stream, _tls(), server_hostname=host, https_compatible=True)
        self._stream, self._server, self._http = stream, target.netloc, h11.Connection(h11.CLIENT)
        return stream

    async def _exchange(self, stream: trio.abc.Stream, request: h11.Request, body: bytes) -> int:
        http, done = self._http, False
        try:
            parts = (request, h11.Data(data=body), h11.EndOfMessage())
            await stream.send_all(b"".join(http.send(part) or b"" for part in parts))
            status = 0
            while not isinstance(event := http.next_event(), h11.EndOfMessage):
                if event is h11.NEED_DATA:
                    http.receive_data(bytes(await stream.receive_some(_CHUNK)))
                elif isinstance(event, h11.Response):
                    status = event.status_code
                elif isinstance(event, h11.ConnectionClosed):
                    raise h11.RemoteProtocolError("the connection was closed")
            done = http.our_state is http.their_state is h11.DONE
            if done:
                http.start_next_cycle()
            return status
        finally:
            if not done:
                with trio.move_on_after(1, shield=True):  # the socket would stay open
                    await self.aclose()


@functools.lru_cache(maxsize=64)
def _split(url: str) -> SplitResult:
    target = urlsplit(url)
    if target.scheme not in _PORTS or not target.hostname:
        raise ValueError(f"no URL of a webhook: {url!r}")
    return target


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _request(target: SplitResult, headers: Mapping[str, str], length: int) -> h11.Request:
    path = f"{target.path or '/'}{f'?{target.query}' if target.query else ''}"
    host = target.netloc.rpartition("@")[2]
    own = {"Host": host, "Content-Length": str(length)}
    return h11.Request(method="POST", target=path, headers=[*own.items(), *headers.items()])
