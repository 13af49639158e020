"""A simulator on a real port, with a client, inside the test's own Trio run."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import trio

from trio_wa.simulator import Simulator, SimulatorOptions, serve_simulator

NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading those of the system takes 25 ms
LONGEST = 10_000.0  # seconds, mostly virtual
HELLO = {"session": "default", "chatId": "6281234567890@c.us", "text": "Hello"}


@dataclass(frozen=True, slots=True)
class Running:
    """A simulator that is served, its URL, and a patient client for it."""

    simulator: Simulator
    url: str
    client: httpx.AsyncClient

    async def text(self, **changes: Any) -> httpx.Response:
        """Send HELLO, changed."""
        return await self.client.post("/api/sendText", json={**HELLO, **changes})


@asynccontextmanager
async def running(options: SimulatorOptions | None = None) -> AsyncIterator[Running]:
    """Serve a simulator with `options` on a free port, and stop it in the end.

    What waits for ever fails, at once under a virtual clock.
    """
    simulator = Simulator(options)
    stop = trio.Event()
    with trio.fail_after(LONGEST):
        async with trio.open_nursery() as nursery:
            url = await nursery.start(partial(serve_simulator, simulator, stop=stop))
            try:
                async with client_of(url) as client:
                    yield Running(simulator, url, client)
            finally:
                stop.set()


def client_of(url: str, **settings: Any) -> httpx.AsyncClient:
    """A client that waits for an hour: virtual time makes nothing of less."""
    return httpx.AsyncClient(
        base_url=url, timeout=3600, trust_env=False, verify=NO_CERTIFICATES, **settings
    )
