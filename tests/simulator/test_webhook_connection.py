"""One connection makes call after call, whatever the server does to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest
import trio

from trio_wa.simulator.webhook_connection import NotAnswered, WebhookConnection

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CONTINUED = b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK
LAST = b"HTTP/1.1 202 Accepted\r\nConnection: close\r\n\r\nuntil the end"
FAILED = b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"


@dataclass
class Peer:
    """A server that reads a request of one segment and answers as told; None cuts instead."""

    url: str = ""
    answers: list[bytes | None] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)
    connections: int = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        async for request in stream:
            self.heard.append(request)
            answer = self.answers.pop(0) if self.answers else OK
            if answer is None:
                return
            await stream.send_all(answer)
            if answer is LAST:
                return


@asynccontextmanager
async def peer(*answers: bytes | None) -> AsyncIterator[tuple[Peer, WebhookConnection]]:
    told = Peer(answers=list(answers))
    connection = WebhookConnection()
    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, told.serve, 0, host="127.0.0.1"))
        told.url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        yield told, connection
        await connection.aclose()
        nursery.cancel_scope.cancel()


async def test_calls_share_a_connection(autojump_clock):
    async with peer(OK, CONTINUED, FAILED, OK) as (told, connection):
        statuses = [await connection.post(told.url + "/h?a=1", {"X": "y"}, b"{}") for _ in range(4)]
        assert statuses == [200, 200, 500, 200]
        assert told.connections == 1
        head, _, body = told.heard[0].partition(b"\r\n\r\n")
        assert head.startswith(b"POST /h?a=1 HTTP/1.1\r\n")
        assert b"X: y" in head
        assert b"Content-Length: 2" in head
        assert body == b"{}"


async def test_a_server_that_closes_is_called_anew(autojump_clock):
    async with peer(LAST, OK) as (told, connection):
        assert [await connection.post(told.url, {}, b"") for _ in range(2)] == [202, 200]
        assert told.connections == 2


async def test_a_connection_that_was_closed_while_idle_is_replaced(autojump_clock):
    async with peer(OK, None, OK) as (told, connection):
        assert [await connection.post(told.url, {}, b"") for _ in range(2)] == [200, 200]
        assert (told.connections, len(told.heard)) == (2, 3)


@pytest.mark.parametrize("answer", [None, b"nonsense\r\n\r\n"])
async def test_a_call_that_gets_no_answer_says_so_and_the_next_one_works(answer, autojump_clock):
    async with peer(answer, OK, None, answer) as (told, connection):
        with pytest.raises(NotAnswered):
            await connection.post(told.url, {}, b"")
        assert await connection.post(told.url, {}, b"") == 200
        with pytest.raises(NotAnswered):
            await connection.post(told.url, {}, b"")
        assert await connection.post(told.url, {}, b"") == 200
        assert told.connections == 4


async def test_a_call_that_is_given_up_leaves_a_connection_that_can_be_used(autojump_clock):
    async with peer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", OK) as (told, connection):
        with trio.move_on_after(10) as scope:
            await connection.post(told.url, {}, b"")
        assert scope.cancelled_caught
        assert await connection.post(told.url, {}, b"") == 200
        assert told.connections == 2


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "ftp://127.0.0.1/", "nonsense", "http://"])
async def test_a_url_that_nobody_answers_is_told(url):
    connection = WebhookConnection()
    with pytest.raises(NotAnswered):
        await connection.post(url, {}, b"")
    await connection.aclose()


async def test_a_server_without_tls_is_not_answered_over_https(autojump_clock):
    async with peer(b"nonsense\r\n\r\n") as (told, connection):
        with pytest.raises(NotAnswered):
            await connection.post(told.url.replace("http:", "https:"), {}, b"")
