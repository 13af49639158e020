"""The server of the sink: WAHA's answers over raw HTTP/1.1, at a cost that no peer has."""

import argparse
import asyncio
import json
import re
import signal
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from benchmarks.loop import run

SESSIONS = ("default", "marketing", "support")

_SEND = b"POST /api/sendText "
_BODY = (
    b'{"key":{"remoteJid":"6281234567890@s.whatsapp.net","fromMe":true,"id":"3EB0%018X"},'
    b'"message":{"extendedTextMessage":{"text":"Hello, your code is 123456"}},'
    b'"messageTimestamp":"1795489115","status":"PENDING"}'
)
_SENT = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: keep-alive\r\nKeep-Alive: timeout=72\r\n\r\n"
) % len(_BODY % 0) + _BODY
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_COUNT = re.compile(rb"count=(\d+)")
_VERSION = {
    "version": "2026.2.1",
    "engine": "NOWEB",
    "tier": "CORE",
    "browser": None,
    "platform": "linux/x64",
    "worker": {"id": None},
}


def _json(status: bytes, body: object) -> bytes:
    encoded = json.dumps(body).encode()
    head = b"HTTP/1.1 %b\r\nContent-Type: application/json; charset=utf-8\r\n" % status
    return head + b"Content-Length: %d\r\n\r\n" % len(encoded) + encoded


_ANSWERS = {
    b"/ping": _json(b"200 OK", {"message": "pong"}),
    b"/api/version": _json(b"200 OK", _VERSION),
    b"/api/sessions": _json(
        b"200 OK",
        [
            {
                "name": name,
                "status": "WORKING",
                "config": None,
                "me": {"id": f"7999000000{number}@c.us", "pushName": name},
            }
            for number, name in enumerate(SESSIONS)
        ],
    ),
}
_NOT_FOUND = _json(
    b"404 Not Found", {"message": "Not found", "error": "Not Found", "statusCode": 404}
)


@dataclass(slots=True, eq=False)
class State:
    """What came in since the last reset, who waits for how much, and the answers that are due."""

    delay: float
    count: int = 0
    first: float = 0.0
    last: float = 0.0
    connections: int = 0
    waiting: list[tuple[int, asyncio.Transport]] = field(default_factory=list)
    due: deque[tuple[float, asyncio.Transport, bytes]] = field(default_factory=deque)
    timed: bool = False

    def take(self, transport: asyncio.Transport) -> None:
        """Count a send, and answer it after the delay."""
        now = self.last = time.monotonic()
        self.count += 1
        if self.count == 1:
            self.first = now
        answer = _SENT % self.count
        if not self.delay:
            transport.write(answer)
        else:
            self.due.append((now + self.delay, transport, answer))
            if not self.timed:
                self._set_timer(now)
        if self.waiting:
            self._tell()

    def wait(self, count: int, transport: asyncio.Transport) -> None:
        """Answer once `count` sends have come in."""
        self.waiting.append((count, transport))
        self._tell()

    def reset(self) -> None:
        """Count from nothing again."""
        self.count = self.connections = 0
        self.first = self.last = 0.0

    def report(self) -> bytes:
        """What came in, as an answer."""
        members = ("count", "first", "last", "connections")
        return _json(b"200 OK", {name: getattr(self, name) for name in members})

    def _tell(self) -> None:
        for each in [each for each in self.waiting if each[0] <= self.count]:
            self.waiting.remove(each)
            each[1].write(self.report())
            each[1].close()

    def _set_timer(self, now: float) -> None:
        # All answers wait equally long, so one timer for the first of them is enough. Those of an
        # event loop are late by up to a millisecond, which is a fiftieth of what is waited for.
        self.timed = True
        signal.setitimer(signal.ITIMER_REAL, max(self.due[0][0] - now, 1e-6))

    def answer_due(self) -> None:
        """Answer each send whose delay is over, and set the timer to the next."""
        self.timed = False
        now = time.monotonic()
        while self.due and self.due[0][0] <= now:
            _, transport, answer = self.due.popleft()
            transport.write(answer)
        if self.due:
            self._set_timer(now)


class Connection(asyncio.Protocol):
    """One client of the sink; its requests have a Content-Length, or no body."""

    __slots__ = ("_buffer", "_state", "_transport")

    def __init__(self, state: State) -> None:
        self._state = state
        self._buffer = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._state.connections += 1

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        while data:
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:
                break
            length = _LENGTH.search(data, 0, end)
            after = end + (int(length[1]) if length else 0)
            if len(data) < after:
                break
            if data.startswith(_SEND):
                self._state.take(self._transport)
            else:
                self._answer(data[:end])
            data = data[after:]
        self._buffer = data

    def _answer(self, head: bytes) -> None:
        target = head.split(b" ", 2)[1]
        path, _, query = target.partition(b"?")
        if path == b"/sink/wait" and (count := _COUNT.search(query)):
            self._state.wait(int(count[1]), self._transport)
            return
        if path == b"/sink/reset":
            self._state.reset()
        answer = self._state.report() if path.startswith(b"/sink/") else None
        self._transport.write(answer or _ANSWERS.get(path, _NOT_FOUND))
        if b"connection: close" in head.lower():
            self._transport.close()


async def serve(port: int, delay: float) -> None:
    """Serve on `port` of 127.0.0.1 until cancelled; prints the port, on a line."""
    state = State(delay)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGALRM, state.answer_due)
    server = await loop.create_server(lambda: Connection(state), "127.0.0.1", port, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Run the sink as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sink")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    chosen = parser.parse_args()
    run(serve(chosen.port, chosen.delay_ms / 1000))
