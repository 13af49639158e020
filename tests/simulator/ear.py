"""A server that hears webhooks."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import trio
from hypercorn.config import Config
from quart import Response, request
from quart_trio import QuartTrio

from trio_wa.web.server import serve


@dataclass
class Ear:
    """A server that hears webhooks, and answers with `statuses`, then with 200,
    after `pauses`."""

    url: str = ""
    heard: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    _grown: trio.Event = field(default_factory=trio.Event)

    async def hear(self) -> Response:
        raw = await request.get_data()
        self.raw.append(raw)
        self.heard.append(json.loads(raw))
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self.at.append(trio.current_time())
        grown, self._grown = self._grown, trio.Event()
        grown.set()
        if self.pauses:
            await trio.sleep(self.pauses.pop(0))
        return Response(b"", self.statuses.pop(0) if self.statuses else 200)

    async def wait(self, count: int) -> list[dict[str, Any]]:
        """What was heard, once it is `count` webhooks."""
        with trio.fail_after(1000):
            while len(self.heard) < count:
                await self._grown.wait()
        return self.heard

    def names(self) -> list[str]:
        return [each["event"] for each in self.heard]


@asynccontextmanager
async def listening() -> AsyncIterator[Ear]:
    ear = Ear()
    app = QuartTrio(__name__)
    app.add_url_rule("/hook", "hook", ear.hear, methods=["POST"])
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.graceful_timeout = 0.1
    config.errorlog = None
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        (address,) = await nursery.start(partial(serve, app, config, stop=stop))
        ear.url = f"{address}/hook"
        try:
            yield ear
        finally:
            stop.set()
