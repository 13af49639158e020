"""Posts messages to a service, as fast as its clients can or at a rate, and times each request."""

import asyncio
import json
import re
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

TEXT = "Hello, your code is 123456"
FIRST_NUMBER = 6281210000000

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)

NO_ANSWER = 0
"""The status of a request whose connection was closed before an answer."""


@dataclass(frozen=True, slots=True)
class Load:
    """What came of the requests: when the first was written and the last answered.

    Both in CLOCK_MONOTONIC seconds; `latencies` are the seconds of each request, in the order of
    the answers; `statuses` counts requests by the status of their answer.
    """

    started: float
    ended: float
    latencies: list[float]
    statuses: Counter[int]


async def post(
    port: int,
    *,
    messages: int,
    clients: int,
    batch: int = 1,
    rate: float | None = None,
    first: int = 0,
    path: str | None = None,
    within: float = 300.0,
) -> Load:
    """Post `messages` to `127.0.0.1:port` over `clients` connections that are kept alive.

    With `batch` above 1 arrays of so many go to /send/batch. Without `rate` each client posts its
    next request once it has the answer to the last. With it `rate` requests are due each second,
    whether the service keeps up or not, and a latency counts from when its request was due to go,
    a wait for an idle client included. Numbers begin with number `first`: with other ones for each
    call, all recipients differ. Connections are open and requests made before the clock starts.
    Raises TimeoutError if not all is answered `within` seconds, and OSError if the service is gone.
    """
    path = path or ("/send" if batch == 1 else "/send/batch")
    run = _Run(port, list(_requests(port, path, messages, batch, first)), paced=rate is not None)
    await asyncio.gather(*(run.connect() for _ in range(clients)))
    started = time.monotonic()
    run.start()
    try:
        async with asyncio.timeout(within):
            if rate is not None:
                await run.release_at(rate)
            await run.done.wait()
    finally:
        run.close()
    if run.failure is not None:
        raise run.failure
    return Load(started, run.ended, run.latencies, run.statuses)


def _requests(port: int, path: str, messages: int, batch: int, first: int) -> Iterator[bytes]:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    ).encode()
    everyone = [
        json.dumps({"to": str(FIRST_NUMBER + first + n), "message": TEXT}) for n in range(messages)
    ]
    for at in range(0, messages, batch):
        some = everyone[at : at + batch]
        body = (some[0] if batch == 1 else f"[{','.join(some)}]").encode()
        yield head % len(body) + body


@dataclass(slots=True, eq=False)
class _Run:
    """The requests that are left, the clients, and what came of it all."""

    port: int
    requests: list[bytes]
    paced: bool
    ready: deque[tuple[bytes, float]] = field(default_factory=deque)
    clients: set["_Client"] = field(default_factory=set)
    idle: list["_Client"] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    ended: float = 0.0
    done: asyncio.Event = field(default_factory=asyncio.Event)
    failure: OSError | None = None
    over: bool = False
    reconnecting: set[asyncio.Task[None]] = field(default_factory=set)
    left: Iterator[bytes] = field(init=False)
    unanswered: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = iter(self.requests)
        self.unanswered = len(self.requests)

    async def connect(self) -> None:
        """Open one more connection; it is idle."""
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(lambda: _Client(self), "127.0.0.1", self.port)
        self.idle.append(client)

    def start(self) -> None:
        """Let every idle client post what there is."""
        idle, self.idle = self.idle, []
        for client in idle:
            client.post_next()

    def take(self) -> tuple[bytes, float] | None:
        """The next request, and from when its time counts; None if there is none now."""
        if self.paced:
            return self.ready.popleft() if self.ready else None
        request = next(self.left, None)
        return None if request is None else (request, time.monotonic())

    async def release_at(self, rate: float) -> None:
        """Let `rate` requests go each second, evenly; returns once all may."""
        begun = time.monotonic()
        for number, request in enumerate(self.left):
            ahead = begun + number / rate - time.monotonic()
            if ahead > 0:
                await asyncio.sleep(ahead)
            self.ready.append((request, time.monotonic()))
            if self.idle:
                self.idle.pop().post_next()

    def answered(self, status: int, since: float) -> None:
        """Note that a request was answered, or will not be."""
        self.ended = time.monotonic()
        self.latencies.append(self.ended - since)
        self.statuses[status] += 1
        self.unanswered -= 1
        if not self.unanswered:
            self.done.set()

    def lost(self, client: "_Client") -> None:
        """Open another connection in place of one that the service closed, if any is needed."""
        self.clients.discard(client)
        if client in self.idle:
            self.idle.remove(client)
        if not self.over and self.unanswered:
            task = asyncio.create_task(self._replace())
            self.reconnecting.add(task)
            task.add_done_callback(self.reconnecting.discard)

    async def _replace(self) -> None:
        try:
            await self.connect()
        except OSError as error:
            self.failure = error
            self.done.set()
        else:
            self.idle.pop().post_next()

    def close(self) -> None:
        """Close every connection."""
        self.over = True
        for client in list(self.clients):
            client.close()
        for task in self.reconnecting:
            task.cancel()


class _Client(asyncio.Protocol):
    """One connection: one request at a time."""

    __slots__ = ("_buffer", "_run", "_since", "_transport")

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._buffer = b""
        self._since: float | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._run.clients.add(self)

    def post_next(self) -> None:
        """Write the next request, or be idle if there is none."""
        taken = self._run.take()
        if taken is None:
            self._run.idle.append(self)
        else:
            request, self._since = taken
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        end = data.find(b"\r\n\r\n") + 4
        if end < 4:
            self._buffer = data
            return
        length = _LENGTH.search(data, 0, end)
        if length is None:
            raise ValueError(f"an answer without a Content-Length: {data[:end]!r}")
        if len(data) < end + int(length[1]):
            self._buffer = data
            return
        self._buffer = b""
        if self._since is not None:
            self._run.answered(int(data[9:12]), self._since)
            self._since = None
        if _CLOSES.search(data, 0, end):
            self._transport.close()
        else:
            self.post_next()

    def connection_lost(self, _exc: Exception | None) -> None:
        if self._since is not None:
            self._run.answered(NO_ANSWER, self._since)
            self._since = None
        self._run.lost(self)

    def close(self) -> None:
        """Close the connection."""
        self._transport.abort()
