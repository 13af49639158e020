"""The way of a send: JSON that is POSTed without a layer of httpx in between."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import httpx
import trio

from trio_wa.adapters.waha.answer import Answer
from trio_wa.adapters.waha.dial import Origin, origin_of
from trio_wa.adapters.waha.exchange import (
    ANSWER_BYTES,
    CONNECT_SECONDS,
    CONNECT_SHARE,
    Http,
    Silence,
    Stage,
    api,
    cause,
)
from trio_wa.adapters.waha.line import Line
from trio_wa.adapters.waha.transport import head_of


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where something is POSTed, and the head of each request there, up to the body's length."""

    origin: Origin
    head: bytes


Endpoints: TypeAlias = dict[tuple[str, str], Endpoint]
"""What was prepared so far, by the base URL of a WAHA and the name of the endpoint."""


class Posting:
    """POSTs JSON, one request at a time; `stage` is right even where one was cancelled."""

    def __init__(self, http: Http, line: Line, endpoints: Endpoints) -> None:
        self._http = http
        self._line = line
        self._endpoints = endpoints
        self._began = False

    @property
    def stage(self) -> Stage:
        """How far the last request came; what else went over the same line does not count."""
        return self._line.stage if self._began else "idle"

    def forget(self) -> None:
        """Let `stage` be that of the next request, which did not begin yet."""
        self._began = False

    async def post(
        self, url: str, name: str, pieces: Sequence[bytes], *, within: float
    ) -> Answer | Silence:
        """POST JSON in pieces to an endpoint of the WAHA at `url`, within so many seconds.

        Pieces beside the first are not joined, as they may be large. Raises only `trio.Cancelled`.
        """
        self._began = False
        began_at = trio.current_time()
        try:
            endpoint = self._endpoints.get((url, name)) or self._prepare(url, name)
            first, *others = pieces
            length = sum(map(len, pieces))
            first = b"%bContent-Length: %d\r\n\r\n%b" % (endpoint.head, length, first)
            self._began = True
            reply = await self._line.exchange(
                endpoint.origin,
                (first, *others),
                began_at + min(CONNECT_SECONDS, CONNECT_SHARE * within),
                began_at + within,
            )
        except httpx.ReadTimeout:
            return Silence("timeout", f"no answer within {within:g} s", self.stage)
        except (httpx.RequestError, httpx.InvalidURL) as error:
            return Silence("connection_lost", cause(error), self.stage)
        body = reply.take_body()
        now = self._http.clock.now()
        if len(body) > ANSWER_BYTES:
            return Answer(reply.status, reply.headers, body[:ANSWER_BYTES], now, whole=False)
        return Answer(reply.status, reply.headers, body, now)

    def _prepare(self, url: str, name: str) -> Endpoint:
        headers = {**self._http.headers, "Content-Type": "application/json"}
        request = self._http.client.build_request("POST", api(url, name), headers=headers)
        endpoint = Endpoint(origin_of(request.url), head_of(request))
        self._endpoints[url, name] = endpoint
        return endpoint
