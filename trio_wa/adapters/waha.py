"""WAHA over HTTP: sends, and what it says of itself."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal, assert_never

import httpx
import trio

from trio_wa.adapters.waha_answers import outcome_of
from trio_wa.clock import Clock
from trio_wa.core.message import Message
from trio_wa.core.outcome import Outcome, Sent, Unavailable, Unknown
from trio_wa.core.session import Session
from trio_wa.ports import WahaInfo

ASK_SECONDS = 5.0

KEEPALIVE_SECONDS = 3.0
"""Below the 5 s after which Node.js, under WAHA, closes an idle connection: reusing one in the
instant of its closing would make an attempt unknown."""

CONNECT_SECONDS = 10.0
"""How long a connection, or its TLS handshake, may take: a WAHA that is away holds no worker."""

ANSWER_BYTES = 1 << 20
"""How much of an answer is read. WAHA's 500 echoes the request, its error stands before that."""


class WahaSender:
    """One worker's client: at most one request at a time, each within a deadline of its own."""

    def __init__(
        self, client: httpx.AsyncClient, headers: dict[str, str], timeout: float, clock: Clock
    ) -> None:
        self._client = client
        self._headers = headers
        self._timeout = timeout
        self._clock = clock
        self._stage: Literal["idle", "written", "taken"] = "idle"

    async def send(self, message: Message, session: Session) -> Outcome:
        """POST the message to `/api/sendText`; success is any 2xx."""
        self._stage = "idle"
        try:
            with trio.fail_after(self._timeout):
                return await self._post(message, session)
        except trio.TooSlowError:
            detail = f"no answer within {self._timeout:g} s"
            return self._known("timeout", detail, Unavailable("unreachable", detail, "origin"))
        except (httpx.RequestError, httpx.InvalidURL) as error:
            detail = _cause(error)
            unsent = Unavailable("unreachable", detail, "origin")
            return self._known("connection_lost", detail, unsent)

    def cut(self) -> Outcome:
        """What is known of the attempt that was just cancelled."""
        unsent = Unavailable("interrupted", "the service stopped before the send", "message")
        return self._known("interrupted", "the service stopped before WAHA answered", unsent)

    async def _post(self, message: Message, session: Session) -> Outcome:
        async with self._client.stream(
            "POST",
            f"{session.url}/api/sendText",
            json={"chatId": message.chat_id, "text": message.text, "session": session.name},
            headers=self._headers,
            extensions={"trace": self._trace},
        ) as response:
            if response.is_success:
                self._stage = "taken"
            content = await _beginning(response)
        now = self._clock.now()
        return outcome_of(response.status_code, response.headers, content, now=now)

    def _known(self, code: str, detail: str, unsent: Unavailable) -> Outcome:
        """The outcome of an attempt that broke off; `unsent` if nothing of it was written."""
        match self._stage:
            case "idle":
                return unsent
            case "written":
                return Unknown(code, detail)
            case "taken":  # WAHA said so before the rest of its answer was lost
                return Sent()
            case _:
                assert_never(self._stage)

    async def _trace(self, event: str, _info: dict[str, Any]) -> None:
        """Note, by httpcore's trace extension, that the first byte of the request may be out."""
        if event.endswith("send_request_headers.started"):
            self._stage = "written"


class Waha:
    """The WAHA servers behind the sessions, with one shared TLS context."""

    def __init__(self, *, api_key: str | None, timeout: float, clock: Clock) -> None:
        # Answers are short, and what nothing has to unpack cannot burst.
        self._headers = {"Accept-Encoding": "identity"}
        if api_key:
            self._headers["X-Api-Key"] = api_key
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
            return WahaInfo(url, problem=f"cannot be reached ({_cause(error)}): is it running?")
        return _info(url, version, sessions)

    def _client(self, **options: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            verify=self._tls,
            # All other deadlines are of the whole attempt, not of each read.
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            trust_env=False,
            **options,
        )


def _cause(error: BaseException) -> str:
    """What went wrong. A failed TLS handshake says so only in what httpx's error came of."""
    name = type(error).__name__
    while not str(error) and isinstance(inner := error.__cause__ or error.__context__, Exception):
        error = inner
    return f"{name}: {error}" if str(error) else name


async def _beginning(response: httpx.Response) -> bytes:
    """The body of a response, cut off behind `ANSWER_BYTES`; the connection then closes."""
    content = bytearray()
    with trio.CancelScope() as enough:
        async for part in response.aiter_raw():
            content += part
            if len(content) > ANSWER_BYTES:
                # Ends the next read. Leaving the loop would leave its inner generators open.
                enough.cancel()
    return bytes(content[:ANSWER_BYTES])


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
