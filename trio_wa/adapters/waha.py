"""WAHA over HTTP: sends, and what it says of itself."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import trio

from trio_wa.adapters.waha_answers import outcome_of
from trio_wa.clock import Clock
from trio_wa.core.message import Message
from trio_wa.core.outcome import Outcome, Unavailable, Unknown
from trio_wa.core.session import Session
from trio_wa.ports import WahaInfo

ASK_SECONDS = 5.0

KEEPALIVE_SECONDS = 3.0
"""Below the 5 s after which Node.js, under WAHA, closes an idle connection: reusing one in the
instant of its closing would make an attempt unknown."""


class WahaSender:
    """One worker's client: at most one request at a time, each within a deadline of its own."""

    def __init__(
        self, client: httpx.AsyncClient, headers: dict[str, str], timeout: float, clock: Clock
    ) -> None:
        self._client = client
        self._headers = headers
        self._timeout = timeout
        self._clock = clock
        self._written = False

    async def send(self, message: Message, session: Session) -> Outcome:
        """POST the message to `/api/sendText`; success is any 2xx."""
        body = {"chatId": message.chat_id, "text": message.text, "session": session.name}
        try:
            with trio.fail_after(self._timeout):
                response = await self._client.post(
                    f"{session.url}/api/sendText",
                    json=body,
                    headers=self._headers,
                    extensions={"trace": self._trace},
                )
        except trio.TooSlowError:
            outcome = self._failed("timeout", f"no answer within {self._timeout:g} s")
        except (httpx.RequestError, httpx.InvalidURL) as error:
            outcome = self._failed("connection_lost", f"{type(error).__name__}: {error}")
        else:
            outcome = outcome_of(
                response.status_code, response.headers, response.content, now=self._clock.now()
            )
        self._written = False
        return outcome

    def cut(self) -> Outcome:
        """What is known of the attempt that was just cancelled."""
        written, self._written = self._written, False
        if written:
            return Unknown("interrupted", "the service stopped before WAHA answered")
        return Unavailable("interrupted", "the service stopped before the send", "message")

    def _failed(self, code: str, detail: str) -> Outcome:
        if self._written:
            return Unknown(code, detail)
        return Unavailable("unreachable", detail, "origin")

    async def _trace(self, event: str, _info: dict[str, Any]) -> None:
        """Note, by httpcore's trace extension, that the first byte of the request may be out."""
        if event.endswith("send_request_headers.started"):
            self._written = True


class Waha:
    """The WAHA servers behind the sessions, with one shared TLS context."""

    def __init__(self, *, api_key: str | None, timeout: float, clock: Clock) -> None:
        self._headers = {"X-Api-Key": api_key} if api_key else {}
        self._timeout = timeout
        self._clock = clock
        self._tls = ssl.create_default_context()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[WahaSender]:
        """A sender with a connection pool of its own: a pool shared by 50 workers is slow."""
        limits = httpx.Limits(keepalive_expiry=KEEPALIVE_SECONDS)
        async with self._client(limits=limits) as client:
            yield WahaSender(client, self._headers, self._timeout, self._clock)

    async def ask(self, url: str) -> WahaInfo:
        """Version, engine and the status of each session, within 5 seconds."""
        try:
            with trio.fail_after(ASK_SECONDS):
                async with self._client(headers=self._headers) as client:
                    version = await client.get(f"{url}/api/version")
                    if version.status_code in (401, 403):
                        return WahaInfo(url, problem="WAHA refuses the key: check WAHA_API_KEY")
                    sessions = await client.get(f"{url}/api/sessions", params={"all": "true"})
        except trio.TooSlowError:
            return WahaInfo(url, problem=f"no answer within {ASK_SECONDS:g} s: is this WAHA?")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return WahaInfo(url, problem=f"cannot be reached ({error}): is it running?")
        return _info(url, version, sessions)

    def _client(self, **options: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            verify=self._tls,
            timeout=None,  # noqa: S113 - the deadline is of the whole attempt, not of each read
            trust_env=False,
            **options,
        )


def _info(url: str, version: httpx.Response, sessions: httpx.Response) -> WahaInfo:
    about = _json(version)
    if not isinstance(about, dict) or not isinstance(about.get("version"), str):
        return WahaInfo(url, problem="does not answer as WAHA does: check WAHA_URL")
    listed = _json(sessions)
    statuses = None
    if isinstance(listed, list):
        statuses = {
            item["name"]: str(item.get("status"))
            for item in listed
            if isinstance(item, dict) and isinstance(item.get("name"), str)
        }
    return WahaInfo(url, about["version"], str(about.get("engine")), statuses)


def _json(response: httpx.Response) -> object:
    try:
        return response.json() if response.is_success else None
    except (ValueError, RecursionError):
        return None
