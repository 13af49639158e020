"""The sends over HTTP: plain ASGI, in front of the Quart app that has every other endpoint.

Sends are what tests push through by the thousand, and without Quart one costs 28 % less (0.92 in
place of 1.27 ms of CPU). And Quart-Trio cancels a handler when its client hangs up; WAHA goes on,
and so does this.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import trio

from trio_wa.simulator import answers
from trio_wa.simulator.answers import Answer, Cut
from trio_wa.simulator.sends import SENDS, send
from trio_wa.simulator.simulator import Simulator

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]

_KINDS = {f"/api/{kind}": kind for kind in SENDS}


class TooLarge(Exception):
    """The body is beyond the limit; its length, if the client said it."""

    def __init__(self, length: int | None) -> None:
        super().__init__(length)
        self.length = length


class SendEndpoint:
    """An ASGI app that handles sends itself, to their end, and leaves the rest to `others`.

    `abort` cuts the connection of the request being handled.
    """

    def __init__(self, simulator: Simulator, others: App, abort: Callable[[], None]) -> None:
        self._simulator = simulator
        self._others = others
        self._abort = abort

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Handle one request; a client that hangs up in the middle of its body is not served."""
        kind = _KINDS.get(scope["path"]) if scope["type"] == "http" else None
        if kind is None or scope["method"] != "POST":
            await self._others(scope, receive, send)
            return
        async with trio.open_nursery() as nursery:
            result = await self._result(kind, scope, receive, nursery)
            nursery.cancel_scope.cancel()
        match result:
            case Answer():
                await _respond(send, result)
            case Cut():
                self._abort()
            case None:
                pass

    async def _result(
        self, kind: str, scope: Mapping[str, Any], receive: Receive, nursery: trio.Nursery
    ) -> Answer | Cut | None:
        """What to answer, if anything; spawns a watch for the client's hanging up in `nursery`."""
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        try:
            raw = await _read(receive, headers, self._simulator.options.max_body_bytes)
        except TooLarge as error:
            return self._too_large(kind, error)
        if raw is None:
            return None
        key = self._simulator.options.api_key
        if key is not None and headers.get("x-api-key") != key:
            return answers.unauthorized()
        try:
            body = json.loads(raw) if raw else {}
        except ValueError as error:
            return answers.bad_request(str(error))
        gone = trio.Event()
        nursery.start_soon(_watch, receive, gone)
        return await send(
            self._simulator, kind, body if isinstance(body, dict) else {}, headers, gone
        )

    def _too_large(self, kind: str, error: TooLarge) -> Answer:
        simulator = self._simulator
        exception = answers.too_large(simulator.options.max_body_bytes, error.length)
        return answers.failure(
            f"/api/{kind}", {}, simulator.environment, simulator.now(), exception
        )


async def _read(receive: Receive, headers: Mapping[str, str], limit: int) -> bytes | None:
    """The whole body, or None if the client hung up before its end."""
    said = int(headers.get("content-length", 0))
    if said > limit:
        raise TooLarge(said)
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body.extend(message["body"])
        if len(body) > limit:
            raise TooLarge(None)
        if not message["more_body"]:
            return bytes(body)


async def _watch(receive: Receive, gone: trio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    gone.set()


async def _respond(send: Send, answer: Answer) -> None:
    headers = [
        (b"content-type", answer.content_type.encode("latin-1")),
        (b"content-length", b"%d" % len(answer.body)),
        *((name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})
