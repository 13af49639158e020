import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import hypercorn
import pytest
import structlog
import trio
import trio.testing
from hypercorn.trio.worker_context import WorkerContext
from quart import request
from quart_trio import QuartTrio

from tests.e2e.raw_http import connect, exchange, read_answer, self_signed
from trio_wa.web.connection import Connection
from trio_wa.web.hypercorn_config import load_hypercorn_config
from trio_wa.web.server import abort_connection, finish_responses, serve

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
MAX_BODY = 1_000_000


@pytest.fixture
def app() -> QuartTrio:
    app = QuartTrio("tests")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY

    @app.get("/")
    async def hello() -> str:
        return "hello"

    @app.post("/")
    async def size() -> str:
        return str(len(await request.get_data()))

    @app.get("/wait/<int:seconds>")
    async def wait(seconds: int) -> str:
        await trio.sleep(seconds)
        return "waited"

    @app.get("/big")
    async def big() -> bytes:
        return b"x" * 50_000_000

    @app.get("/abort")
    async def abort() -> str:
        abort_connection()
        await trio.sleep(1)
        return "too late"

    return app


@dataclass
class Server:
    """A running server, and how to stop it."""

    address: str
    stop: trio.Event
    stopped: trio.Event

    async def stop_and_wait(self) -> float:
        """Set `stop` and return the seconds until serve() is back."""
        started = trio.current_time()
        self.stop.set()
        await self.stopped.wait()
        return trio.current_time() - started


@contextlib.asynccontextmanager
async def serving(app: object, config: hypercorn.Config | None = None) -> AsyncIterator[Server]:
    config = config or load_hypercorn_config(None, bind="127.0.0.1:0")
    stop, stopped = trio.Event(), trio.Event()

    async def run(task_status: trio.TaskStatus[list[str]]) -> None:
        await serve(app, config, stop=stop, task_status=task_status)
        stopped.set()

    async with trio.open_nursery() as nursery:
        (address,) = await nursery.start(run)
        yield Server(address, stop, stopped)
        stop.set()


async def ends(stream: trio.SocketStream, *, within: float) -> bytes:
    """What the server still sends until it closes the connection."""
    received = b""
    with trio.fail_after(within):
        while data := await stream.receive_some():
            received += data
    return received


async def trickle(stream: trio.SocketStream, data: bytes, *, seconds: float) -> None:
    for byte in data:
        await stream.send_all(bytes([byte]))
        await trio.sleep(seconds)


@pytest.mark.parametrize(("size", "status"), [(65_536, 200), (65_537, 431), (100_000, 431)])
async def test_a_head_has_its_bound_however_it_arrives(app, size, status):
    start, end = GET[:-2] + b"X: ", b"\r\n\r\n"
    head = start + b"x" * (size - len(start + end)) + end
    assert len(head) == size
    async with serving(app) as server:
        for pieces in ([head], [head[:60_000], head[60_000:]]):
            async with await connect(server.address) as client:
                for piece in pieces:
                    await client.send_all(piece)
                    await trio.sleep(0.05)
                assert (await read_answer(client)).status == status


# Time


async def test_an_idle_connection_is_closed_on_time(app, autojump_clock):
    async with serving(app) as server, await connect(server.address) as client:
        await exchange(client, GET)
        started = trio.current_time()
        assert await ends(client, within=80) == b""
        assert trio.current_time() - started == pytest.approx(75, abs=0.5)


async def test_each_request_restarts_the_idle_timer(app, autojump_clock):
    async with serving(app) as server, await connect(server.address) as client:
        for _ in range(4):
            assert (await exchange(client, GET)).body == b"hello"
            await trio.sleep(70)


@pytest.mark.parametrize("begin", [b"", b"GET", b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "])
async def test_half_a_head_is_closed_on_time(app, autojump_clock, begin):
    async with serving(app) as server, await connect(server.address) as client:
        await client.send_all(begin)
        await ends(client, within=76)


async def test_a_head_that_trickles_is_closed_on_time(app, autojump_clock):
    async with serving(app) as server, await connect(server.address) as client:
        await exchange(client, GET)
        with trio.fail_after(100), pytest.raises(trio.BrokenResourceError):
            await trickle(client, b"GET / HTTP/1.1 " + b"x" * 1000, seconds=10)


async def test_a_client_that_hangs_up_is_let_go_at_once(app, autojump_clock):
    async with serving(app) as server, await connect(server.address) as client:
        await exchange(client, GET)
        await trio.sleep(1)
        await client.send_eof()
        assert await ends(client, within=1) == b""


async def test_a_client_that_is_gone_is_let_go_when_its_handler_ends(app, autojump_clock):
    async def deaf(scope, receive, send):
        if scope["type"] == "http":
            await trio.sleep(5)
            length = [(b"content-length", b"0")]
            await send({"type": "http.response.start", "status": 200, "headers": length})
            await send({"type": "http.response.body"})
        else:
            await app(scope, receive, send)

    async with serving(deaf) as server:
        await trio.testing.wait_all_tasks_blocked()
        tasks = trio.lowlevel.current_statistics().tasks_living
        async with await connect(server.address) as client:
            await client.send_all(GET)
            await trio.sleep(1)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await trio.sleep(5)
        assert trio.lowlevel.current_statistics().tasks_living == tasks


async def test_a_client_that_pipelines_and_is_gone_is_let_go(app, autojump_clock):
    async with serving(app) as server:
        await trio.testing.wait_all_tasks_blocked()
        tasks = trio.lowlevel.current_statistics().tasks_living
        for _ in range(10):  # it depends on the order of two tasks, which Trio makes random
            async with await connect(server.address) as client:
                await client.send_all(b"GET /wait/2 HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
                await trio.sleep(1)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await trio.sleep(2)
        assert trio.lowlevel.current_statistics().tasks_living == tasks


async def test_a_client_that_does_not_read_its_answer_is_cut_in_the_end(app, autojump_clock):
    async with serving(app) as server, await connect(server.address) as client:
        await client.send_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        await trio.sleep(70)
        with contextlib.suppress(trio.BrokenResourceError):
            assert len(await ends(client, within=1)) < 50_000_000


# Stop


async def test_stop_returns_at_once_when_connections_are_idle(app, autojump_clock):
    async with (
        serving(app) as server,
        await connect(server.address) as fresh,
        await connect(server.address) as used,
    ):
        await exchange(used, GET)
        assert await server.stop_and_wait() < 0.1
        assert await ends(used, within=1) == b""
        assert await ends(fresh, within=1) == b""


async def test_stop_does_not_wait_for_half_a_head(app, autojump_clock):
    async with serving(app) as server, await connect(server.address) as client:
        await client.send_all(b"GET / HTTP/1.1\r\nHo")
        await trio.sleep(0.1)
        assert await server.stop_and_wait() < 0.1


async def test_stop_answers_503_to_half_a_body(app, autojump_clock):
    async with serving(app) as server, await connect(server.address) as client:
        await client.send_all(POST % 100 + b"half")
        await trio.sleep(0.1)
        assert await server.stop_and_wait() < 0.1
        answer = await read_answer(client)
        assert answer.status == 503
        assert answer.headers["content-type"] == "application/problem+json"


async def test_stop_lets_a_request_in_progress_end(app, autojump_clock):
    config = load_hypercorn_config(None, bind="127.0.0.1:0")
    config.graceful_timeout = 5
    async with serving(app, config) as server, await connect(server.address) as client:
        await client.send_all(b"GET /wait/3 HTTP/1.1\r\nHost: a\r\n\r\n")
        await trio.sleep(1)
        assert await server.stop_and_wait() == pytest.approx(2, abs=0.1)
        assert (await read_answer(client)).body == b"waited"


async def test_stop_gives_a_request_in_progress_no_more_than_its_grace(app, autojump_clock):
    async with serving(app) as server, await connect(server.address) as client:
        await client.send_all(b"GET /wait/30 HTTP/1.1\r\nHost: a\r\n\r\n")
        await trio.sleep(0.1)
        assert await server.stop_and_wait() == pytest.approx(1, abs=0.1)


async def test_stop_does_not_wait_for_a_client_that_does_not_read(app, autojump_clock):
    async with serving(app) as server, await connect(server.address) as client:
        await client.send_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        await trio.sleep(0.1)
        assert await server.stop_and_wait() <= 1.1


async def test_stop_does_not_wait_for_pipelined_requests(app, autojump_clock):
    config = load_hypercorn_config(None, bind="127.0.0.1:0")
    config.graceful_timeout = 5
    async with serving(app, config) as server, await connect(server.address) as client:
        await client.send_all(b"GET /wait/1 HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        await trio.sleep(0.5)
        assert await server.stop_and_wait() == pytest.approx(0.5, abs=0.1)


async def test_stop_closes_the_listener(app):
    async with serving(app) as server:
        await server.stop_and_wait()
        with pytest.raises(OSError, match="connect"):
            await connect(server.address)


# Refusals


@pytest.mark.parametrize(
    "upgrade",
    [
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: a\r\n",
    ],
)
async def test_an_upgrade_is_answered_as_if_it_had_not_asked(app, autojump_clock, upgrade):
    async with serving(app) as server, await connect(server.address) as client:
        ask = b"GET / HTTP/1.1\r\nHost: a\r\n" + upgrade + b"\r\n"
        assert (await exchange(client, ask)).body == b"hello"
        assert (await exchange(client, GET)).body == b"hello"


async def test_two_lengths_are_refused(app, autojump_clock):
    smuggling = (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\n" + GET
    )
    async with serving(app) as server, await connect(server.address) as client:
        assert (await exchange(client, smuggling)).status == 400
        assert await ends(client, within=1) == b""


async def test_an_upload_answered_early_can_be_sent_to_its_end(app, autojump_clock):
    async with serving(app) as server, await connect(server.address) as client:
        size = 20 * MAX_BODY
        await client.send_all(POST % size)
        await client.send_all(b"x" * size)
        assert (await read_answer(client)).status == 413
        await ends(client, within=1)


async def test_a_broken_body_ends_an_answer_in_progress_without_a_failure(
    app, autojump_clock, caplog
):
    async def chatty(scope, receive, send):
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1000):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await send({"type": "http.response.body"})

    chunk = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    with structlog.testing.capture_logs() as logs:
        async with serving(chatty) as server:
            for _ in range(10):  # it depends on the order of two tasks, which Trio makes random
                async with await connect(server.address) as client:
                    await client.send_all(chunk)
                    await client.receive_some()
                    await client.send_all(b"rubbish\r\n")
                    with contextlib.suppress(trio.BrokenResourceError):
                        await ends(client, within=3)
    assert logs == []
    assert caplog.records == []


# Faults


async def test_abort_cuts_one_connection_and_no_other(app, autojump_clock, caplog):
    async with (
        serving(app) as server,
        await connect(server.address) as other,
        await connect(server.address) as client,
    ):
        await exchange(other, GET)
        with structlog.testing.capture_logs() as logs:
            with pytest.raises(trio.BrokenResourceError):
                await exchange(client, b"GET /abort HTTP/1.1\r\nHost: a\r\n\r\n")
            await trio.sleep(2)
        assert logs == []
        assert caplog.records == []
        assert (await exchange(other, GET)).body == b"hello"


async def test_abort_outside_a_request_is_a_mistake():
    with pytest.raises(RuntimeError, match="outside a request"):
        abort_connection()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return self_signed(tmp_path_factory.mktemp("tls"))


@contextlib.asynccontextmanager
async def serving_tls(app, certificate) -> AsyncIterator[tuple[Server, ssl.SSLContext]]:
    config = load_hypercorn_config(None, bind="127.0.0.1:0")
    config.certfile, config.keyfile = map(str, certificate)
    async with serving(app, config) as server:
        yield server, ssl.create_default_context(cafile=certificate[0])


async def connect_tls(server: Server, context: ssl.SSLContext, protocol: str) -> trio.SSLStream:
    context.set_alpn_protocols([protocol])
    stream = trio.SSLStream(
        await connect(server.address), context, server_hostname="127.0.0.1", https_compatible=True
    )
    await stream.do_handshake()
    assert stream.selected_alpn_protocol() == protocol
    return stream


async def h2_status(stream: trio.SSLStream, path: bytes) -> int | None:
    """The status of a GET over HTTP/2; None if the server closes the connection."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
    connection.initiate_connection()
    headers = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a")]
    connection.send_headers(1, [*headers, (b":path", path)], end_stream=True)
    await stream.send_all(connection.data_to_send())
    with contextlib.suppress(trio.BrokenResourceError):
        while data := await stream.receive_some(65536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    return int(dict(event.headers)[b":status"])
    return None


async def test_a_failing_connection_ends_alone(app, certificate):
    async with (
        serving_tls(app, certificate) as (server, context),
        await connect_tls(server, context, "http/1.1") as other,
    ):
        assert (await exchange(other, GET)).body == b"hello"
        bad = await connect_tls(server, context, "h2")
        with structlog.testing.capture_logs() as logs:
            assert await h2_status(bad, b"/\xff") is None
            await trio.testing.wait_all_tasks_blocked()
        await trio.aclose_forcefully(bad)
        assert [(log["event"], log["errors"]) for log in logs] == [
            ("connection.failed", ["UnicodeDecodeError"])
        ]
        assert (await exchange(other, GET)).body == b"hello"
        good = await connect_tls(server, context, "h2")
        assert await h2_status(good, b"/") == 200
        await trio.aclose_forcefully(good)


async def test_no_tls_handshake_holds_the_stop(app, certificate):
    async with serving_tls(app, certificate) as (server, context):
        silent, garbled = await connect(server.address), await connect(server.address)
        await garbled.send_all(b"GET / HTTP/1.1\r\n\r\n")
        async with await connect_tls(server, context, "http/1.1") as good, silent, garbled:
            assert (await exchange(good, GET)).body == b"hello"
            with trio.fail_after(0.8):
                await server.stop_and_wait()


class FailingStream:
    """A peer that breaks in a way that no one thought of, when read or when cancelled."""

    def __init__(self, reading: trio.Event) -> None:
        self.socket = self
        self.family = -1
        self.reading = reading

    def getpeername(self) -> str:
        return ""

    getsockname = getpeername

    async def receive_some(self, _: int) -> bytes:
        try:
            await self.reading.wait()
        finally:
            raise ValueError("nobody thought of this")

    async def send_eof(self) -> None: ...

    async def aclose(self) -> None: ...

    def close(self) -> None: ...


def failing_connection(reading: trio.Event) -> Connection:
    return Connection(None, hypercorn.Config(), WorkerContext(None), {}, FailingStream(reading))


async def test_the_guard_lets_no_exception_out():
    reading = trio.Event()
    reading.set()
    with structlog.testing.capture_logs() as logs:
        await failing_connection(reading)
    assert [log["errors"] for log in logs] == [["ValueError"]]


async def test_the_guard_lets_cancellation_through_beside_an_exception():
    with structlog.testing.capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(failing_connection(trio.Event()).run)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert nursery.cancel_scope.cancelled_caught
    assert [log["errors"] for log in logs] == [["ValueError"]]


# The end of a response


async def test_the_end_of_a_response_is_sent_although_the_handler_is_cancelled(autojump_clock):
    sent = []

    async def send(message):
        await trio.sleep(1)
        sent.append(message)

    async def app(scope, receive, send):
        with trio.move_on_after(1.5):
            await send({"type": "http.response.start"})
            await send({"type": "http.response.body", "body": b"x"})

    await finish_responses(app)({"type": "http"}, None, send)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]


async def test_the_end_of_a_response_has_a_deadline(autojump_clock):
    started = trio.current_time()

    async def send(message):
        await trio.sleep_forever()

    async def app(scope, receive, send):
        await send({"type": "http.response.body"})

    await finish_responses(app)({"type": "http"}, None, send)
    assert trio.current_time() - started == pytest.approx(60, abs=0.1)
