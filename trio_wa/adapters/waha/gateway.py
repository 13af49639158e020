"""The WAHA servers, and the clients through which they are reached."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx
import trio

from trio_wa.adapters.waha.connection import KEEPALIVE_SECONDS
from trio_wa.adapters.waha.exchange import Http
from trio_wa.adapters.waha.line import Line
from trio_wa.adapters.waha.observer import WahaObserver
from trio_wa.adapters.waha.posting import Endpoints, Posting
from trio_wa.adapters.waha.sender import WahaSender
from trio_wa.adapters.waha.transport import LineTransport
from trio_wa.clock import Clock
from trio_wa.ports import MediaStore

OBSERVER_CONNECTIONS = 16
"""How many requests beside the sends may be under way at once; more of them wait their turn."""


class Waha:
    """The WAHA servers behind the sessions, with one shared TLS context.

    What comes with data of a file, `media` holds until it is sent.
    """

    def __init__(
        self, *, api_key: str | None, timeout: float, clock: Clock, media: MediaStore
    ) -> None:
        # Answers are short, and what nothing has to unpack cannot burst. A proxy that kept some
        # would give many messages the same id, and sessions a status that they had.
        self._headers = {"Accept-Encoding": "identity", "Cache-Control": "no-cache"}
        if api_key:
            self._headers["X-Api-Key"] = api_key
        # WAHA sets no cookies. What a proxy sets would be kept for good, and sent each time.
        self._cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        self._timeout = timeout
        self._clock = clock
        self._media = media
        self._tls = ssl.create_default_context()
        self._tls.set_alpn_protocols(["http/1.1"])
        self._endpoints: Endpoints = {}

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[WahaSender]:
        """A sender with connections of its own: a pool shared by 50 workers is slow."""
        line = Line(self._tls)
        client = httpx.AsyncClient(
            transport=LineTransport(line), cookies=self._cookies, trust_env=False
        )
        async with client, trio.open_nursery() as nursery:
            http = Http(client, self._headers, self._clock)
            nursery.start_soon(line.watch, name="line")
            try:
                posting = Posting(http, line, self._endpoints)
                yield WahaSender(http, posting, self._media, self._timeout)
            finally:
                nursery.cancel_scope.cancel()

    @asynccontextmanager
    async def observe(self) -> AsyncIterator[WahaObserver]:
        """An observer with one bounded connection pool for all that it asks."""
        limits = httpx.Limits(
            max_connections=OBSERVER_CONNECTIONS, keepalive_expiry=KEEPALIVE_SECONDS
        )
        async with httpx.AsyncClient(
            verify=self._tls, limits=limits, cookies=self._cookies, trust_env=False
        ) as client:
            yield WahaObserver(Http(client, self._headers, self._clock))
