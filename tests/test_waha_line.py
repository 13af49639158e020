"""Sends over a connection of one's own: kept, replaced and closed, whatever the peer does."""

import itertools
import socket
from collections.abc import Sequence

import hypothesis.strategies as st
import pytest
import trio
import trio.testing
from hypothesis import given

from tests.core.messages import message
from tests.fakes import http_answer, read_request, serve_tcp
from tests.waha_server import CREATED, TIMEOUT, Script, answering, session_at, waha
from trio_wa.adapters.waha.connection import KEEPALIVE_SECONDS
from trio_wa.adapters.waha.sender import WahaSender
from trio_wa.core.outcome import Sent, Unavailable, Unknown

BODY = b'{"key":{"id":"3EB0FF"}}'
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CHUNKED = (
    b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n17\r\n" + BODY + b"\r\n0\r\n\r\n"
)


def cut(data: bytes, at: Sequence[int]) -> list[bytes]:
    ends = [0, *sorted({where % len(data) for where in at} - {0}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(ends)]


@given(
    st.sampled_from([CREATED, CONTINUE + CREATED, CHUNKED]),
    st.lists(st.lists(st.integers(1, 200), max_size=20), min_size=2, max_size=2),
)
def test_answers_in_any_pieces_are_read_one_after_the_other(
    answer: bytes, cuts: list[list[int]]
) -> None:
    async def run() -> None:
        connections = 0

        async def serve(stream: trio.SocketStream) -> None:
            nonlocal connections
            connections += 1
            for at in cuts:
                await read_request(stream)
                for piece in cut(answer, at):
                    await stream.send_all(piece)
                    await trio.sleep(0.01)

        async with trio.open_nursery() as nursery:
            session = session_at(await serve_tcp(nursery, serve))
            async with waha().connect() as sender:
                for _ in cuts:
                    assert await sender.send(message(1), session) == Sent("3EB0FF")
            nursery.cancel_scope.cancel()
        assert connections == 1

    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.parametrize(
    "answer",
    [
        CREATED + CREATED,
        CREATED + b"\0",
        http_answer("201 Created", BODY, "Connection: close"),
        CREATED.replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
    ids=["two", "garbage", "close", "http-1.0"],
)
async def test_after_such_an_answer_the_next_send_connects_anew(
    nursery: trio.Nursery, answer: bytes
) -> None:
    server = Script(answer, answer)
    session = session_at(await serve_tcp(nursery, server))
    async with waha().connect() as sender:
        for _ in range(2):
            assert await sender.send(message(1), session) == Sent("3EB0FF")
    assert server.connections == 2


async def test_an_answer_without_a_length_ends_with_the_connection(nursery: trio.Nursery) -> None:
    handler = answering(b"HTTP/1.1 201 Created\r\n\r\n", BODY[:5], BODY[5:])
    session = session_at(await serve_tcp(nursery, handler))
    async with waha().connect() as sender:
        assert await sender.send(message(1), session) == Sent("3EB0FF")


@pytest.mark.parametrize(("pause", "connections"), [(-0.1, 1), (0.1, 2)])
async def test_a_connection_that_was_idle_for_long_is_replaced(
    nursery: trio.Nursery,
    autojump_clock: trio.testing.MockClock,
    pause: float,
    connections: int,
) -> None:
    server = Script(CREATED, CREATED)
    session = session_at(await serve_tcp(nursery, server))
    async with waha().connect() as sender:
        await sender.send(message(1), session)
        await trio.sleep(KEEPALIVE_SECONDS + pause)
        assert await sender.send(message(1), session) == Sent("3EB0FF")
    assert server.connections == connections


class Open(Script):
    """A server that answers each request after `seconds`, and knows how many connections it has."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds = seconds
        self.now_open = 0

    async def __call__(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        self.now_open += 1
        while await read_request(stream) is not None:
            await trio.sleep(self.seconds)
            await stream.send_all(CREATED)
        self.now_open -= 1


@pytest.mark.parametrize("request_", ["send", "new_message_id"])
async def test_a_connection_that_is_too_old_to_be_used_again_is_closed(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, request_: str
) -> None:
    server = Open()
    session = session_at(await serve_tcp(nursery, server))
    async with waha().connect() as sender:
        for again in range(3):
            if request_ == "send":
                await sender.send(message(1), session)
            else:
                await sender.new_message_id(session)
            await trio.sleep(KEEPALIVE_SECONDS - 0.1)
            assert (server.now_open, server.connections) == (1, again + 1)
            await trio.sleep(0.2)
            assert server.now_open == 0
    assert trio.current_time() < 10


async def test_of_several_connections_each_is_closed_at_its_own_time(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    first, second = Open(), Open()
    sessions = [session_at(await serve_tcp(nursery, server)) for server in (first, second)]
    async with waha().connect() as sender:
        await sender.send(message(1), sessions[0])
        for _ in range(4):  # the other one stays in use
            await trio.sleep(1)
            await sender.send(message(1), sessions[1])
        assert (first.now_open, second.now_open) == (0, 1)
        await trio.sleep(KEEPALIVE_SECONDS + 0.1)
        assert second.now_open == 0


@pytest.mark.parametrize("request_", ["send", "new_message_id"])
async def test_a_request_that_takes_longer_is_not_cut_by_that(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, request_: str
) -> None:
    server = Open(seconds=KEEPALIVE_SECONDS + 1)
    session = session_at(await serve_tcp(nursery, server))
    async with waha().connect() as sender:
        for _ in range(2):
            await sender.send(message(1), session)
            await trio.sleep(KEEPALIVE_SECONDS - 0.5)
            if request_ == "send":
                assert await sender.send(message(1), session) == Sent("3EB0FF")
            else:
                assert await sender.new_message_id(session) == "3EB0FF"
    assert server.connections == 1


async def test_what_comes_unasked_while_idle_is_no_answer(nursery: trio.Nursery) -> None:
    timed_out = http_answer("408 Request Timeout", b"")

    async def serve(stream: trio.SocketStream) -> None:
        while await read_request(stream) is not None:
            await stream.send_all(CREATED)
            await trio.testing.wait_all_tasks_blocked()
            await stream.send_all(timed_out)

    session = session_at(await serve_tcp(nursery, serve))
    async with waha().connect() as sender:
        for _ in range(3):
            assert await sender.send(message(1), session) == Sent("3EB0FF")
            await trio.testing.wait_all_tasks_blocked(0.001)


def shut(sender: WahaSender) -> None:
    """Let the next write over a kept connection fail, as in the instant of a reset."""
    for kept in sender._posting._line._kept.values():
        kept._socket.shutdown(socket.SHUT_WR)


async def test_where_nothing_was_written_it_goes_out_over_a_new_connection(
    nursery: trio.Nursery,
) -> None:
    server = Script(CREATED, CREATED)
    session = session_at(await serve_tcp(nursery, server))
    async with waha().connect() as sender:
        await sender.send(message(1), session)
        shut(sender)
        assert await sender.send(message(1), session) == Sent("3EB0FF")
    assert server.connections == len(server.requests) == 2


async def test_where_nothing_was_written_and_nobody_listens_it_is_unsent() -> None:
    async with trio.open_nursery() as nursery:
        session = session_at(await serve_tcp(nursery, Script(CREATED)))
        async with waha().connect() as sender:
            await sender.send(message(1), session)
            nursery.cancel_scope.cancel()
            shut(sender)
            with trio.CancelScope(shield=True):
                await trio.lowlevel.checkpoint()
                outcome = await sender.send(message(1), session)
    assert isinstance(outcome, Unavailable)
    assert outcome.code == "unreachable"


async def test_each_waha_has_a_connection_of_its_own(nursery: trio.Nursery) -> None:
    servers = [Script(*[CREATED] * 3) for _ in range(2)]
    sessions = [session_at(await serve_tcp(nursery, server)) for server in servers]
    async with waha().connect() as sender:
        for _ in range(3):
            for session in sessions:
                assert await sender.send(message(1), session) == Sent("3EB0FF")
    assert [(server.connections, len(server.requests)) for server in servers] == [(1, 3)] * 2


async def test_a_host_may_be_an_address_of_ipv6(nursery: trio.Nursery) -> None:
    try:
        [listener] = await trio.open_tcp_listeners(0, host="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    server = Script(CREATED)
    nursery.start_soon(trio.serve_listeners, server, [listener])
    address = f"[::1]:{listener.socket.getsockname()[1]}"
    async with waha().connect() as sender:
        assert await sender.send(message(1), session_at(f"{address}/a")) == Sent("3EB0FF")
    [(line, headers, _)] = server.requests
    assert (line, headers["host"]) == ("POST /a/api/sendText HTTP/1.1", address)


async def test_a_key_that_no_header_can_hold_is_not_sent(nursery: trio.Nursery) -> None:
    server = Script(CREATED)
    session = session_at(await serve_tcp(nursery, server))
    async with waha("a\r\nb: c").connect() as sender:
        sent = await sender.send(message(1), session)
        assert sent == await sender.new_message_id(session)
    assert isinstance(sent, Unavailable)
    assert server.connections == 0


async def test_headers_of_an_answer_may_hold_any_byte(nursery: trio.Nursery) -> None:
    odd = http_answer("201 Created", b'{"id":"3EB0FF"}', "X-A: \xe9\u2603")
    session = session_at(await serve_tcp(nursery, Script(odd, odd)))
    async with waha().connect() as sender:
        assert await sender.send(message(1), session) == Sent("3EB0FF")
        assert await sender.new_message_id(session) == "3EB0FF"


async def test_each_send_has_a_deadline_of_its_own(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    requests = itertools.count()

    async def serve(stream: trio.SocketStream) -> None:
        while await read_request(stream) is not None:
            await trio.sleep(10 if next(requests) % 2 == 0 else TIMEOUT + 0.1)
            await stream.send_all(CREATED)

    session = session_at(await serve_tcp(nursery, serve))
    async with waha().connect() as sender:
        for _ in range(3):
            assert await sender.send(message(1), session) == Sent("3EB0FF")
            began = trio.current_time()
            assert isinstance(await sender.send(message(1), session), Unknown)
            assert trio.current_time() - began == TIMEOUT
