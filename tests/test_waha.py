"""The WAHA adapter against small servers that fail in every way there is."""

import contextlib
import itertools
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import trio
import trio.testing
import trustme

from tests.core.messages import message
from tests.fakes import cancelled_at, http_answer, read_request, serve_tcp
from tests.waha_server import CREATED, TIMEOUT, Script, answering, refusing, session_at, waha
from trio_wa.adapters.waha.exchange import CONNECT_SECONDS
from trio_wa.core.outcome import Outcome, Sent, Unavailable, Unknown
from trio_wa.core.session import Session


async def send_to(address: str, *, scheme: str = "http") -> Outcome:
    async with waha().connect() as sender:
        return await sender.send(message(1), session_at(address, scheme=scheme))


async def test_the_request_is_that_of_the_go_service(nursery: trio.Nursery) -> None:
    server = Script(CREATED)
    address = await serve_tcp(nursery, server)
    assert await send_to(address) == Sent("3EB0FF")
    [(line, headers, body)] = server.requests
    assert line == "POST /api/sendText HTTP/1.1"
    assert headers["host"] == address
    assert headers["content-type"] == "application/json"
    assert headers["x-api-key"] == "secret"
    assert json.loads(body) == {
        "chatId": "6281234567890@c.us",
        "text": "Hello",
        "session": "default",
    }


async def test_a_message_with_an_id_goes_out_under_it(nursery: trio.Nursery) -> None:
    server = Script(CREATED)
    address = await serve_tcp(nursery, server)
    async with waha().connect() as sender:
        await sender.send(replace(message(1), waha_id="3EB0FF"), session_at(address))
    assert json.loads(server.requests[0][2]) == {
        "chatId": "6281234567890@c.us",
        "text": "Hello",
        "session": "default",
        "id": "3EB0FF",
    }


async def test_without_a_key_no_header_is_sent(nursery: trio.Nursery) -> None:
    server = Script(CREATED)
    address = await serve_tcp(nursery, server)
    async with waha(None).connect() as sender:
        await sender.send(message(1), session_at(address))
    assert "x-api-key" not in server.requests[0][1]


async def test_a_path_before_waha_is_kept_and_the_environments_proxy_is_not_asked(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    server = Script(CREATED)
    address = await serve_tcp(nursery, server)
    assert await send_to(f"{address}/waha") == Sent("3EB0FF")
    assert server.requests[0][0] == "POST /waha/api/sendText HTTP/1.1"


async def test_one_connection_serves_many_sends(nursery: trio.Nursery) -> None:
    server = Script(*[CREATED] * 5)
    session = session_at(await serve_tcp(nursery, server))
    async with waha().connect() as sender:
        for seq in range(5):
            assert await sender.send(message(seq), session) == Sent("3EB0FF")
    assert server.connections == 1


async def test_a_connection_that_closed_while_idle_costs_no_message(nursery: trio.Nursery) -> None:
    closed = trio.Event()

    async def answer_once(stream: trio.SocketStream) -> None:
        nonlocal closed
        await read_request(stream)
        await stream.send_all(CREATED)
        await stream.aclose()
        closed.set()

    session = session_at(await serve_tcp(nursery, answer_once))
    async with waha().connect() as sender:
        for seq in range(3):
            assert await sender.send(message(seq), session) == Sent("3EB0FF")
            await closed.wait()
            closed = trio.Event()


async def test_a_refused_connection_is_certainly_unsent() -> None:
    async with refusing() as address:
        outcome = await send_to(address)
    assert isinstance(outcome, Unavailable)
    assert (outcome.code, outcome.fault) == ("unreachable", "origin")


@pytest.mark.parametrize(
    "url",
    [
        *("http://[::1", "http://\u2603.\u200b", "ftp://127.0.0.1"),
        *("http://a..b:3000", "http://.a", "https://.a", f"http://{'a' * 64}"),
    ],
)
async def test_a_wrong_url_is_certainly_unsent(url: str) -> None:
    async with waha().connect() as sender:
        outcome = await sender.send(message(1), Session("default", url))
    assert isinstance(outcome, Unavailable)
    assert (outcome.code, outcome.fault) == ("unreachable", "origin")


async def close_at_once(_stream: trio.SocketStream) -> None:
    return


@pytest.mark.parametrize(
    "handler",
    [
        close_at_once,
        answering(),
        answering(b"HTTP/1.1 201 Cre"),
        answering(b"HTTP/1.1 201 Created\r\nContent-Le"),
        answering(http_answer("500 Internal Server Error", b'{"exception":', length=900)),
        answering(b"SSH-2.0-OpenSSH_9.2\r\n"),
        answering(b"\x00\xff" * 4_000),
        answering(b"HTTP/1.1 201 Created\r\nX: " + b"y" * 200_000),
    ],
    ids=["close", "read", "half-line", "half-head", "half-500", "ssh", "binary", "endless-head"],
)
async def test_a_connection_lost_after_the_request_leaves_it_unknown(
    nursery: trio.Nursery, handler: Callable[[trio.SocketStream], Awaitable[None]]
) -> None:
    outcome = await send_to(await serve_tcp(nursery, handler))
    assert isinstance(outcome, Unknown)
    assert (outcome.code, outcome.answered) == ("connection_lost", False)


@pytest.mark.parametrize(
    "answers",
    [
        (),
        (b"HTTP/1.1 201 Created\r\n",),
        (http_answer("500 Internal Server Error", b'{"exception":', length=900),),
    ],
    ids=["silence", "half-head", "half-500"],
)
async def test_silence_until_the_deadline_leaves_it_unknown(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, answers: tuple[bytes, ...]
) -> None:
    address = await serve_tcp(nursery, answering(*answers, hang=True))
    began = trio.current_time()
    outcome = await send_to(address)
    assert outcome == Unknown("timeout", "no answer within 15 s")
    assert trio.current_time() - began == TIMEOUT


async def test_an_answer_just_before_the_deadline_counts(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    async def slow(stream: trio.SocketStream) -> None:
        await read_request(stream)
        await trio.sleep(TIMEOUT - 0.1)
        await stream.send_all(CREATED)

    assert await send_to(await serve_tcp(nursery, slow)) == Sent("3EB0FF")


async def test_a_success_whose_body_is_lost_or_odd_is_a_success(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    half = http_answer("201 Created", b'{"key":', length=900)
    zipped = http_answer("201 Created", b"not gzip", "Content-Encoding: gzip")
    for handler in (answering(half), answering(half, hang=True), answering(zipped)):
        assert await send_to(await serve_tcp(nursery, handler)) == Sent(None)


@pytest.mark.parametrize(
    ("status", "expected"), [("201 Created", Sent), ("500 Internal Server Error", Unknown)]
)
async def test_an_answer_without_end_is_not_read_to_its_end(
    nursery: trio.Nursery, status: str, expected: type[Outcome]
) -> None:
    sent = 0
    broken = trio.Event()

    async def endless(stream: trio.SocketStream) -> None:
        nonlocal sent
        await read_request(stream)
        await stream.send_all(http_answer(status, b"", length=10**12))
        with contextlib.suppress(trio.BrokenResourceError):
            while True:
                await stream.send_all(b"x" * 65_536)
                sent += 65_536
        broken.set()

    with trio.fail_after(5):
        assert isinstance(await send_to(await serve_tcp(nursery, endless)), expected)
        await broken.wait()
    assert sent < 32 << 20  # the megabyte that is read, and what the sockets hold


async def test_a_tls_handshake_that_never_ends_is_certainly_unsent(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    async def mute(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await trio.sleep_forever()

    began = trio.current_time()
    outcome = await send_to(await serve_tcp(nursery, mute), scheme="https")
    assert outcome == Unavailable("unreachable", "ConnectTimeout", "origin")
    assert trio.current_time() - began == CONNECT_SECONDS


async def test_a_plain_server_behind_https_is_certainly_unsent(nursery: trio.Nursery) -> None:
    async def plain(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(http_answer("400 Bad Request", b""))

    outcome = await send_to(await serve_tcp(nursery, plain), scheme="https")
    assert isinstance(outcome, Unavailable)
    assert outcome.code == "unreachable"


async def test_an_untrusted_certificate_is_certainly_unsent(
    nursery: trio.Nursery,
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    requests = 0

    async def secure(stream: trio.SocketStream) -> None:
        nonlocal requests
        tls = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
        with contextlib.suppress(trio.BrokenResourceError):
            await tls.do_handshake()
            requests += bool(await tls.receive_some())

    outcome = await send_to(await serve_tcp(nursery, secure), scheme="https")
    assert isinstance(outcome, Unavailable)
    assert (outcome.code, outcome.fault) == ("unreachable", "origin")
    assert "CERTIFICATE_VERIFY_FAILED" in outcome.detail
    assert requests == 0


async def test_a_cut_send_is_known_to_be_unsent_unknown_or_sent(nursery: trio.Nursery) -> None:
    """Whatever the step at which it is cut: never `unsent` once the server could read it."""
    reached = 0

    async def note(stream: trio.SocketStream) -> None:
        nonlocal reached
        while True:
            if await read_request(stream) is None:
                return
            reached += 1
            await stream.send_all(CREATED)

    session = session_at(await serve_tcp(nursery, note))
    seen: set[type[Outcome]] = set()
    for step in itertools.count(1):
        reached = 0
        async with waha().connect() as sender:
            if not await cancelled_at(step, lambda sender=sender: sender.send(message(1), session)):
                break
            outcome = sender.cut()
            seen.add(type(outcome))
            await trio.testing.wait_all_tasks_blocked()
            if isinstance(outcome, Unavailable):
                assert reached == 0
                assert (outcome.code, outcome.fault) == ("interrupted", "message")
            assert await sender.send(message(2), session) == Sent("3EB0FF")  # as good as new
    assert {Unavailable, Unknown} <= seen


async def test_a_cut_in_mid_answer_of_a_success_is_sent(nursery: trio.Nursery) -> None:
    half = http_answer("201 Created", b'{"key":', length=900)
    session = session_at(await serve_tcp(nursery, answering(half, hang=True)))
    async with waha().connect() as sender:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as sending:
                sending.start_soon(sender.send, message(1), session)
                while sender._posting.stage != "taken":
                    await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
        assert sender.cut() == Sent(None)
