"""The WAHA servers, and the clients through which they are reached."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from trio_wa.adapters.waha.exchange import Http
from trio_wa.adapters.waha.observer import WahaObserver
from trio_wa.adapters.waha.sender import WahaSender
from trio_wa.clock import Clock
from trio_wa.ports import MediaStore

KEEPALIVE_SECONDS = 3.0
"""Below the 5 s after which Node.js, under WAHA, closes an idle connection: reusing one in the
instant of its closing would make an attempt unknown."""

OBSERVER_CONNECTIONS = 16
"""How many requests beside the sends may be under way at once; more of them wait their turn."""


class Waha:
    """The WAHA servers behind the sessions, with one shared TLS context.

    What comes with data of a file, `media` holds until it is sent.
    """

    def __init__(
        self, *, api_key: str | None, timeout: float, clock: Clock, media: MediaStore
    ) -> None:
        # Answers are short, and what nothing has to unpack cannot burst.
        self._headers = {"Accept-Encoding": "identity"}
        if api_key:
            self._headers["X-Api-Key"] = api_key
        self._timeout = timeout
        self._clock = clock
        self._media = media
        self._tls = ssl.create_default_context()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[WahaSender]:
        """A sender with a connection pool of its own: a pool shared by 50 workers is slow."""
        async with self._client(httpx.Limits(keepalive_expiry=KEEPALIVE_SECONDS)) as client:
            yield WahaSender(Http(client, self._headers, self._clock), self._media, self._timeout)

    @asynccontextmanager
    async def observe(self) -> AsyncIterator[WahaObserver]:
        """An observer with one bounded connection pool for all that it asks."""
        limits = httpx.Limits(
            max_connections=OBSERVER_CONNECTIONS, keepalive_expiry=KEEPALIVE_SECONDS
        )
        async with self._client(limits) as client:
            yield WahaObserver(Http(client, self._headers, self._clock))

    def _client(self, limits: httpx.Limits) -> httpx.AsyncClient:
        return httpx.AsyncClient(verify=self._tls, limits=limits, trust_env=False)
