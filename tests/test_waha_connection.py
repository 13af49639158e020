"""What the kernel may say to a write or a read, each at its worst time."""

import socket
from collections.abc import AsyncIterator

import httpx
import pytest
import trio
import trio.testing

from tests.core.messages import message
from tests.fakes import http_answer, read_request, serve_tcp
from tests.test_waha_large import LARGE, TOO_LARGE, swallow
from tests.test_waha_media import picture
from tests.waha_server import CREATED, FakeMedia, session_at, waha
from trio_wa.adapters.waha.connection import Connection
from trio_wa.core.outcome import Rejected, Sent

NO_LINGER = b"\1\0\0\0\0\0\0\0"
"""A close is a reset then."""


async def test_a_connection_that_was_reset_while_idle_costs_no_message(
    nursery: trio.Nursery,
) -> None:
    async def once(stream: trio.SocketStream) -> None:
        await read_request(stream)
        await stream.send_all(CREATED)
        await trio.testing.wait_all_tasks_blocked()
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)

    session = session_at(await serve_tcp(nursery, once))
    async with waha().connect() as sender:
        for _ in range(3):
            assert await sender.send(message(1), session) == Sent("3EB0FF")
            await trio.testing.wait_all_tasks_blocked(0.001)


async def test_an_answer_is_read_where_the_writing_fails_in_mid_body(
    nursery: trio.Nursery,
) -> None:
    async def serve(stream: trio.SocketStream) -> None:
        await stream.receive_some(1000)
        await trio.testing.wait_all_tasks_blocked()
        last = sender._posting._line._last
        assert last is not None
        last._socket.shutdown(socket.SHUT_WR)
        while await stream.receive_some(1 << 20):
            pass
        await stream.send_all(TOO_LARGE)

    session = session_at(await serve_tcp(nursery, serve))
    with trio.fail_after(5):
        async with waha(media=FakeMedia(m1=LARGE)).connect() as sender:
            outcome = await sender.send(picture(), session)
    assert isinstance(outcome, Rejected)
    assert outcome.code == "payload_too_large"


async def test_a_connection_that_expired_as_its_answer_came_serves_no_other_request() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.sendall(CREATED)
        connection = Connection(ours)
        reply = await connection.exchange([b"POST / HTTP/1.1\r\n\r\n"])
        assert reply.successful
        assert connection.is_reusable()
        connection.expire()
        assert not connection.is_reusable()


@pytest.mark.parametrize("reads", [True, False])
async def test_a_first_write_that_has_to_wait_may_be_out(reads: bool) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
        with pytest.raises(BlockingIOError):  # noqa: PT012 - once it is full
            while True:
                ours.send(b" " * 65_536)
        connection = Connection(ours)
        with trio.move_on_after(5) as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(connection.exchange, [b'"}}'])
                await trio.testing.wait_all_tasks_blocked()
                assert connection.stage == "written"
                if reads:
                    assert await swallow(stream)
                    await stream.send_all(http_answer("200 OK", b""))
                else:
                    nursery.cancel_scope.cancel()
    assert not scope.cancelled_caught
    assert connection.stage == ("taken" if reads else "written")
    assert connection.is_reusable() == reads


async def test_a_wait_that_the_system_refuses_in_mid_body_is_told_as_any_other_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refused(_fd: int) -> None:
        await trio.lowlevel.checkpoint()
        raise OSError("no space left on device")

    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        connection = Connection(ours)
        monkeypatch.setattr(trio.lowlevel, "wait_writable", refused)
        with pytest.raises(httpx.ReadError, match="no space left"):
            await connection.exchange([LARGE])
    assert connection.stage == "written"


async def test_what_is_posted_by_httpx_is_framed(nursery: trio.Nursery) -> None:
    """As a body that comes in pieces, too."""
    requests = []

    async def serve(stream: trio.SocketStream) -> None:
        while (request := await read_request(stream)) is not None:
            requests.append(request)
            await stream.send_all(CREATED)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"bc"

    address = await serve_tcp(nursery, serve)
    async with waha().connect() as sender:
        client = sender._http.client
        for content in (b"abc", pieces(), b""):
            answer = await client.post(f"http://{address}/", content=content)
            assert (answer.status_code, answer.json()) == (201, {"key": {"id": "3EB0FF"}})
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.post("http:///nowhere")
    assert [body for _, _, body in requests] == [b"abc", b"abc", b""]
    assert [headers["content-length"] for _, headers, _ in requests] == ["3", "3", "0"]
    assert not any("transfer-encoding" in headers for _, headers, _ in requests)
