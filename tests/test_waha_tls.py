"""Sends over TLS: as over a plain connection, and to no one but the WAHA that was meant."""

import contextlib
import gc
import itertools
import ssl
from collections.abc import Awaitable, Callable

import httpx
import pytest
import trio
import trio.testing
import trustme

from tests.core.messages import message
from tests.fakes import cancelled_at, http_answer, read_request, serve_tcp
from tests.test_waha_media import MEGABYTE, picture
from tests.waha_server import CREATED, FakeMedia, Script, session_at, waha
from trio_wa.adapters.waha import Waha
from trio_wa.adapters.waha.dial import Origin
from trio_wa.adapters.waha.line import Line
from trio_wa.core.outcome import Outcome, Sent, Unavailable, Unknown
from trio_wa.core.session import Session

Serve = Callable[[trio.abc.Stream], Awaitable[None]]


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


def trusting(ca: trustme.CA, **data: bytes) -> Waha:
    adapter = waha(media=FakeMedia(**data))
    ca.configure_trust(adapter._tls)
    return adapter


async def serve_tls(
    nursery: trio.Nursery, ca: trustme.CA, handler: Serve, name: str = "127.0.0.1"
) -> tuple[Session, list[str | None]]:
    """A session at a server with a certificate for `name`, and the names that clients ask for."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(name).configure_cert(context)
    asked: list[str | None] = []
    context.sni_callback = lambda _tls, name, _context: asked.append(name)

    async def serve(stream: trio.SocketStream) -> None:
        tls = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await handler(tls)
        await tls.aclose()

    return session_at(await serve_tcp(nursery, serve), scheme="https"), asked


async def test_many_sends_share_one_handshake(nursery: trio.Nursery, ca: trustme.CA) -> None:
    """The tickets that TLS 1.3 sends behind it are no sign of a peer that hung up."""
    server = Script(*[CREATED] * 5)
    session, _ = await serve_tls(nursery, ca, server)
    async with trusting(ca).connect() as sender:
        for _ in range(5):
            assert await sender.send(message(1), session) == Sent("3EB0FF")
            await trio.testing.wait_all_tasks_blocked()
    assert server.connections == 1


async def test_a_large_body_and_a_large_answer_go_through(
    nursery: trio.Nursery, ca: trustme.CA
) -> None:
    padded = http_answer(
        "201 Created", b'{"key":{"id":"3EB0FF"},"message":"%b"}' % (b"x" * 300_000)
    )
    server = Script(padded, padded)
    session, _ = await serve_tls(nursery, ca, server)
    async with trusting(ca, m1=MEGABYTE).connect() as sender:
        for _ in range(2):
            assert await sender.send(picture(), session) == Sent("3EB0FF")
    assert server.connections == 1


async def test_a_peer_that_says_goodbye_while_idle_costs_no_message(
    nursery: trio.Nursery, ca: trustme.CA
) -> None:
    async def once(stream: trio.abc.Stream) -> None:
        await read_request(stream)
        await stream.send_all(CREATED)

    session, _ = await serve_tls(nursery, ca, once)
    async with trusting(ca).connect() as sender:
        for _ in range(3):
            assert await sender.send(message(1), session) == Sent("3EB0FF")
            await trio.testing.wait_all_tasks_blocked(0.001)


async def test_a_host_is_asked_for_by_its_name(nursery: trio.Nursery, ca: trustme.CA) -> None:
    session, asked = await serve_tls(nursery, ca, Script(CREATED), "localhost")
    named = Session("default", session.url.replace("127.0.0.1", "localhost"))
    async with trusting(ca).connect() as sender:
        assert await sender.send(message(1), named) == Sent("3EB0FF")
    assert asked == ["localhost"]


async def test_a_certificate_for_another_name_is_refused(
    nursery: trio.Nursery, ca: trustme.CA
) -> None:
    server = Script(CREATED, CREATED)
    session, _ = await serve_tls(nursery, ca, server, "example.org")
    async with trusting(ca).connect() as sender:
        sent = await sender.send(message(1), session)
        assert sent == await sender.new_message_id(session)
    assert isinstance(sent, Unavailable)
    assert "certificate is not valid for '127.0.0.1'" in sent.detail
    assert server.requests == []


async def test_a_send_that_is_cut_anywhere_leaves_no_socket(
    nursery: trio.Nursery, ca: trustme.CA
) -> None:
    reached = 0

    async def serve(stream: trio.abc.Stream) -> None:
        nonlocal reached
        while await read_request(stream) is not None:
            reached += 1
            await stream.send_all(CREATED)

    session, _ = await serve_tls(nursery, ca, serve)
    adapter = trusting(ca)
    seen: set[type[Outcome]] = set()
    for step in itertools.count(1):
        reached = 0
        async with adapter.connect() as sender:
            if not await cancelled_at(step, lambda sender=sender: sender.send(message(1), session)):
                break
            seen.add(type(outcome := sender.cut()))
            await trio.testing.wait_all_tasks_blocked()
            assert not (reached and isinstance(outcome, Unavailable))
            assert await sender.send(message(2), session) == Sent("3EB0FF")  # as good as new
    gc.collect()
    assert seen == {Unavailable, Unknown}


async def test_what_expires_before_it_is_connected_writes_nothing(
    nursery: trio.Nursery, ca: trustme.CA
) -> None:
    """As where the whole process stood still for longer than the deadline."""
    server = Script(CREATED)
    session, _ = await serve_tls(nursery, ca, server)
    line = Line(trusting(ca)._tls)
    port = httpx.URL(session.url).port
    assert port is not None

    async def expire() -> None:
        line.expire()

    async with trio.open_nursery() as late:
        late.start_soon(expire)
        with pytest.raises(httpx.ConnectTimeout):
            await line.exchange(Origin("127.0.0.1", port, secure=True), [b"GET"], 10**9)
    assert (line.stage, server.requests) == ("idle", [])
