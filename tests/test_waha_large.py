"""Large bodies: what is answered before they are written, and cuts in their midst."""

import gc
import itertools
import socket
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from tests.fakes import cancelled_at, http_answer, serve_tcp
from tests.test_waha_media import MEGABYTE, picture
from tests.waha_server import CREATED, FakeMedia, session_at, waha
from trio_wa.core.outcome import Outcome, Rejected, Sent, Unavailable, Unknown

TOO_LARGE = http_answer("413 Content Too Large", b"<html>nginx</html>", "Connection: close")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LARGE = MEGABYTE * 8
"""More than the buffers of two sockets hold."""


async def send_large(address: str) -> Outcome:
    async with waha(media=FakeMedia(m1=LARGE)).connect() as sender:
        return await sender.send(picture(), session_at(address))


async def swallow(stream: trio.SocketStream) -> bool:
    """Read a request to the end of its JSON; False if the client hangs up before."""
    end = b""
    while not end.endswith(b'"}}'):
        if not (part := await stream.receive_some(1 << 20)):
            return False
        end = (end + part)[-3:]
    return True


async def refuse_and_close(stream: trio.SocketStream) -> None:
    await stream.receive_some(1000)
    await stream.send_all(TOO_LARGE)


async def refuse_and_reset(stream: trio.SocketStream) -> None:
    await refuse_and_close(stream)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


async def refuse_and_stay(stream: trio.SocketStream) -> None:
    await refuse_and_close(stream)
    await trio.sleep_forever()


async def refuse_in_halves(stream: trio.SocketStream) -> None:
    await stream.receive_some(1000)
    for piece in (CONTINUE, TOO_LARGE[:40], TOO_LARGE[40:-5], TOO_LARGE[-5:]):
        await stream.send_all(piece)
        await trio.sleep(1)


@pytest.mark.parametrize(
    "handler", [refuse_and_close, refuse_and_reset, refuse_and_stay, refuse_in_halves]
)
async def test_an_answer_before_the_end_of_a_large_body_is_read(
    nursery: trio.Nursery,
    autojump_clock: trio.testing.MockClock,
    handler: Callable[[trio.SocketStream], Awaitable[None]],
) -> None:
    outcome = await send_large(await serve_tcp(nursery, handler))
    assert isinstance(outcome, Rejected)
    assert outcome.code == "payload_too_large"
    assert trio.current_time() < 5


async def test_a_100_in_mid_body_changes_nothing(nursery: trio.Nursery) -> None:
    async def serve(stream: trio.SocketStream) -> None:
        for _ in range(3):
            await stream.receive_some(1000)
            await stream.send_all(CONTINUE)
        assert await swallow(stream)
        await stream.send_all(CREATED)

    with trio.fail_after(5):
        assert await send_large(await serve_tcp(nursery, serve)) == Sent("3EB0FF")


async def test_a_peer_that_hangs_up_in_mid_body_leaves_it_unknown(nursery: trio.Nursery) -> None:
    async def serve(stream: trio.SocketStream) -> None:
        await stream.receive_some(1000)

    outcome = await send_large(await serve_tcp(nursery, serve))
    assert isinstance(outcome, Unknown)
    assert outcome.code == "connection_lost"


@pytest.mark.parametrize("taken", [True, False])
async def test_a_large_send_that_is_cut_anywhere_is_known_to_be_unsent_or_unknown(
    nursery: trio.Nursery, taken: bool
) -> None:
    """And leaves no socket open: its warning would be an error."""
    reached = 0

    async def serve(stream: trio.SocketStream) -> None:
        nonlocal reached
        if not taken:
            await stream.receive_some(1000)
            await trio.testing.wait_all_tasks_blocked()
            await stream.send_all(TOO_LARGE)
        elif await swallow(stream):
            reached += 1
            await stream.send_all(CREATED)

    session = session_at(await serve_tcp(nursery, serve))
    adapter = waha(media=FakeMedia(m1=LARGE))
    seen: set[type[Outcome]] = set()
    for step in itertools.count(1):
        reached = 0
        async with adapter.connect() as sender:
            send = sender.send
            if not await cancelled_at(
                step, lambda send=send: send(picture(), session), children=True
            ):
                break
            seen.add(type(outcome := sender.cut()))
            await trio.testing.wait_all_tasks_blocked()
        assert not (isinstance(outcome, Unavailable) and reached)
        assert not (isinstance(outcome, Sent) and not reached)
    gc.collect()
    assert {Unavailable, Unknown} <= seen
