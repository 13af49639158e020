"""One request to WAHA and what came of it, as a value."""

import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import httpx
import trio

from trio_wa.adapters.waha.answer import Answer
from trio_wa.clock import Clock

Stage: TypeAlias = Literal["idle", "written", "taken"]
"""How far a request came: nothing of it is out, its first byte may be, or WAHA has said 2xx."""

CONNECT_SECONDS = 10.0
"""How long a connection, or its TLS handshake, may take: a WAHA that is away holds no worker."""

CONNECT_SHARE = 0.8
"""How much of the time for an exchange they may take at most: httpcore leaves the socket of a
handshake open that is cancelled, and closes that of one which takes too long."""

ANSWER_BYTES = 1 << 20
"""How much of an answer is read. WAHA's 500 echoes the request, its error stands before that."""


@dataclass(frozen=True, slots=True)
class Silence:
    """No whole answer came, and how far the request had come by then."""

    code: Literal["timeout", "connection_lost"]
    detail: str
    stage: Stage


@dataclass(frozen=True, slots=True)
class Http:
    """A client, and the headers of each of its requests."""

    client: httpx.AsyncClient
    headers: Mapping[str, str]
    clock: Clock

    async def ask(
        self, method: str, url: str, *, within: float, **request: Any
    ) -> Answer | Silence:
        """What came of one request within so many seconds; raises only `trio.Cancelled`."""
        return await Exchange(self).run(method, url, within=within, **request)


class Exchange:
    """One request and its answer; `stage` is right even where it was cancelled."""

    def __init__(self, http: Http) -> None:
        self.stage: Stage = "idle"
        self._http = http

    async def run(
        self, method: str, url: str, *, within: float, **request: Any
    ) -> Answer | Silence:
        """Make the request; `request` is what httpx's `stream` takes.

        Raises only `trio.Cancelled`.
        """
        try:
            with trio.fail_after(within):
                connect = min(CONNECT_SECONDS, CONNECT_SHARE * within)
                # All other deadlines are of the whole exchange, not of each read.
                timeout = httpx.Timeout(None, connect=connect)
                return await self._request(method, url, timeout=timeout, **request)
        except trio.TooSlowError:
            return Silence("timeout", f"no answer within {within:g} s", self.stage)
        except (httpx.RequestError, httpx.InvalidURL, ValueError) as error:
            # A host that is no name at all is a ValueError of the socket module, or of TLS.
            return Silence("connection_lost", cause(error), self.stage)

    async def _request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, **request: Any
    ) -> Answer:
        async with self._http.client.stream(
            method,
            url,
            headers={**self._http.headers, **(headers or {})},
            extensions={"trace": self._trace, "written": self._note_written},
            **request,
        ) as response:
            if response.is_success:
                self.stage = "taken"
            content = await _beginning(response)
        body, whole = content[:ANSWER_BYTES], len(content) <= ANSWER_BYTES
        now = self._http.clock.now()
        return Answer(response.status_code, response.headers, body, now, whole)

    async def _trace(self, event: str, _info: dict[str, Any]) -> None:
        """Note what httpcore tells by its trace extension."""
        if event.endswith("send_request_headers.started"):
            self._note_written()

    def _note_written(self) -> None:
        """Note that the first byte of the request may be out."""
        self.stage = "written"


def api(url: str, *path: str) -> str:
    """The address of an endpoint of the WAHA at `url`; a name in its path may hold anything."""
    return "/".join((url, "api", *(urllib.parse.quote(part, safe="") for part in path)))


def cause(error: BaseException) -> str:
    """What went wrong. A failed TLS handshake says so only in what httpx's error came of."""
    name = type(error).__name__
    while not str(error) and isinstance(inner := error.__cause__ or error.__context__, Exception):
        error = inner
    return f"{name}: {error}" if str(error) else name


async def _beginning(response: httpx.Response) -> bytes:
    """The body of a response, up to a little more than is wanted; the connection then closes."""
    content = bytearray()
    with trio.CancelScope() as enough:
        async for part in response.aiter_raw():
            content += part
            if len(content) > ANSWER_BYTES:
                # Ends the next read. Leaving the loop would leave its inner generators open.
                enough.cancel()
    return bytes(content)
