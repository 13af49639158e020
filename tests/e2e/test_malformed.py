"""A score of bad requests at `trio-wa serve`; after each one a good one is answered."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from tests.e2e.raw_http import connect, exchange, read_answer
from tests.e2e.stand_in import Process


@pytest.fixture(scope="module")
def silent_clients() -> Iterator[list[socket.socket]]:
    """Connections that stay open while the server is told to stop."""
    clients: list[socket.socket] = []
    yield clients
    for client in clients:
        client.close()


class Log:
    """The log of a process, read in a thread so that its pipe never fills."""

    def __init__(self, popen: subprocess.Popen[str]) -> None:
        self.events: list[dict[str, object]] = []
        self.others: list[str] = []
        self.address: str | None = None
        self.listening = threading.Event()
        self.thread = threading.Thread(target=self._read, args=(popen,))
        self.thread.start()

    def _read(self, popen: subprocess.Popen[str]) -> None:
        for line in popen.stderr or ():
            if not line.startswith("{"):
                self.others.append(line)
                continue
            event = json.loads(line)
            self.events.append(event)
            if event["event"] == "service.listening":
                self.address = event["address"]
                self.listening.set()


@contextlib.contextmanager
def serve(directory: Path) -> Iterator[tuple[subprocess.Popen[str], Log]]:
    """`trio-wa serve` before a WAHA that is away, killed at the end."""
    settings = {"PORT": "0", "WAHA_URL": "http://127.0.0.1:9", "WAHA_API_KEY": "key"}
    settings |= {"LOG_FORMAT": "json", "LOG_LEVEL": "info", "DRAIN_TIMEOUT": "0.1"}
    with subprocess.Popen(
        [sys.executable, "-m", "trio_wa", "serve"],
        cwd=directory,
        env={**os.environ, **settings, "WAHA_SESSIONS": "default"},
        stderr=subprocess.PIPE,
        text=True,
    ) as popen:
        log = Log(popen)
        try:
            yield popen, log
        finally:
            popen.kill()
            log.thread.join()


@pytest.fixture(scope="module")
def server_address(
    silent_clients: list[socket.socket], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Process]:
    with serve(tmp_path_factory.mktemp("serve")) as (popen, log):
        assert log.listening.wait(timeout=30), log.others
        assert log.address is not None
        yield Process(popen, log.address)
        assert popen.poll() is None, "the server died"
        popen.send_signal(signal.SIGTERM)
        assert popen.wait(timeout=5) == 0
    failures = [event for event in log.events if event["level"] not in ("info", "warning")]
    assert failures + log.others == []
    assert "connection.failed" not in {event["event"] for event in log.events}


BODY = b'{"to": "6281234567890", "message": "Hello"}'
HOST = b"Host: 127.0.0.1\r\n"
SEND = b"POST /send HTTP/1.1\r\n" + HOST
GET = b"GET /livez HTTP/1.1\r\n" + HOST
GOOD = SEND + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
CHUNKED = SEND + b"Transfer-Encoding: chunked\r\n"
WEBSOCKET = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
H2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

# What is sent, and the status of its answer.
ANSWERED = {
    "websocket upgrade with bytes behind it": (GET + WEBSOCKET + b"\x81\x05Hello", 200),
    "websocket upgrade, wrong version": (GET + WEBSOCKET.replace(b"13", b"99"), 200),
    "websocket upgrade of a POST": (SEND + WEBSOCKET, 400),
    "h2c upgrade, settings not base64": (
        GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: a\r\n\r\n",
        200,
    ),
    "HTTP/2 preface and garbage": (H2_PREFACE + bytes(range(256)), 505),
    "HTTP/2 preface and a frame": (H2_PREFACE + b"\0\0\0\x04\0\0\0\0\0", 505),
    "HTTP/3.0 in the request line": (b"GET / HTTP/3.0\r\n" + HOST + b"\r\n", 505),
    "TLS client hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), 400),
    "nothing but line ends": (b"\r\n" * 500, 400),
    "no version": (b"GET /livez\r\n\r\n", 400),
    "no host": (b"GET /livez HTTP/1.1\r\n\r\n", 400),
    "two hosts": (GET + HOST + b"\r\n", 400),
    "space before the colon": (GET + b"X : 1\r\n\r\n", 400),
    "control characters in a header": (GET + b"X: \x00\x0b\r\n\r\n", 400),
    "bytes above ASCII in the target": (b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "target without a path": (b"GET ?a HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "target of a proxy": (b"CONNECT a:443 HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "escapes that are no UTF-8": (b"GET /%ff%00%c0%af HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "path that climbs": (b"GET /../../etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "unknown method": (b"BREW /livez HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "target of 300 kB": (b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 431),
    "header of 300 kB": (GET + b"X: " + b"a" * 300_000 + b"\r\n\r\n", 431),
    "60,000 headers": (GET + b"X: 1\r\n" * 60_000 + b"\r\n", 431),
    "content length negative": (SEND + b"Content-Length: -1\r\n\r\n", 400),
    "content length not a number": (SEND + b"Content-Length: 0x10\r\n\r\n", 400),
    "content lengths that differ": (
        SEND + b"Content-Length: 5\r\nContent-Length: 50\r\n\r\n" + BODY,
        400,
    ),
    "content length beyond any memory": (SEND + b"Content-Length: 99999999999999999\r\n\r\n", 413),
    "body of 20 MB": (SEND + b"Content-Length: 20000000\r\n\r\n" + b"x" * 20_000_000, 413),
    "chunks of 20 MB": (CHUNKED + b"\r\n" + (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 300, 413),
    "chunk length no number": (CHUNKED + b"\r\nzz\r\nabc\r\n0\r\n\r\n", 400),
    "chunk length beyond 64 bits": (CHUNKED + b"\r\nfffffffffffffffffffff\r\na", 400),
    "chunk shorter than it says": (CHUNKED + b"\r\n5\r\nab\r\n0\r\n\r\n" + GOOD, 400),
    "smuggling by two lengths": (CHUNKED + b"Content-Length: 4\r\n\r\n0\r\n\r\n" + GOOD, 400),
    "smuggling by an unknown coding": (
        SEND + b"Transfer-Encoding: xchunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        501,
    ),
    "smuggling by a folded header": (
        SEND + b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        400,
    ),
    "body that is no JSON": (SEND + b"Content-Length: 4\r\n\r\n\xff\xfe\x00\x01", 400),
    "100 requests in one write": (GOOD * 100, 202),
}

# What is sent before the client hangs up, or says no more and stays.
UNFINISHED = {
    "nothing": b"",
    "half a request line": b"POST /se",
    "half a head": SEND + b"Content-Le",
    "half a body": SEND + b"Content-Length: 100\r\n\r\n" + BODY,
    "half a chunk": CHUNKED + b"\r\nff\r\nabc",
    "expecting 100-continue": SEND + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    "half a TLS client hello": b"\x16\x03\x01\x02",
    "half an HTTP/2 preface": H2_PREFACE[:8],
    "half a websocket upgrade": GET + WEBSOCKET[:-10],
}


async def assert_serving(server: Process) -> None:
    with trio.fail_after(5):
        async with await connect(server.address) as client:
            assert (await exchange(client, GOOD)).status == 202
    assert server.popen.poll() is None


@pytest.mark.parametrize(("request_", "status"), ANSWERED.values(), ids=ANSWERED.keys())
async def test_a_bad_request_gets_a_problem_and_hurts_no_other(server_address, request_, status):
    with trio.fail_after(5):
        async with await connect(server_address.address) as client:
            await client.send_all(request_)
            answer = await read_answer(client)
    assert answer.status == status
    assert status < 400 or answer.headers["content-type"] == "application/problem+json"
    await assert_serving(server_address)


@pytest.mark.parametrize("request_", UNFINISHED.values(), ids=UNFINISHED.keys())
async def test_a_client_that_hangs_up_hurts_no_other(server_address, request_):
    async with await connect(server_address.address) as client:
        await client.send_all(request_)
    await assert_serving(server_address)


@pytest.mark.parametrize("request_", UNFINISHED.values(), ids=UNFINISHED.keys())
async def test_a_client_that_stays_silent_hurts_no_other(silent_clients, server_address, request_):
    client = socket.create_connection(server_address.endpoint)
    silent_clients.append(client)
    client.sendall(request_)
    await assert_serving(server_address)
