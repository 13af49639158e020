"""Alerts by a POST: against small servers that answer in every way."""

import itertools
import json

import pytest
import trio
import trio.testing

from tests.fakes import cancelled_at, http_answer, read_request, serve_tcp
from tests.waha_server import Script, answering, refusing
from trio_wa.adapters.alert_url import CONNECT_SHARE, WITHIN_SECONDS, AlertUrl
from trio_wa.ports import NotNotified

BODY = json.dumps({"alert": "session.ghost", "facts": {"reason": "gerät"}}).encode()
OK = http_answer("200 OK", b"{}")


def hook(address: str, scheme: str = "http") -> AlertUrl:
    return AlertUrl(f"{scheme}://{address}/secret/hook?token=secret")


async def refusal(notifier: AlertUrl) -> str:
    """Why it could not be told, without anything of the path or the query."""
    with pytest.raises(NotNotified) as caught:
        await notifier.notify(BODY)
    assert "secret" not in str(caught.value)
    return str(caught.value)


async def test_an_alert_is_posted_as_json(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    server = Script(OK, OK)
    await hook(await serve_tcp(nursery, server)).notify(BODY)
    [(line, headers, body)] = server.requests
    assert (line, body) == ("POST /secret/hook?token=secret HTTP/1.1", BODY)
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == "trio-wa"


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "202 Accepted", "204 No Content"])
async def test_any_success_will_do(nursery: trio.Nursery, status: str) -> None:
    await hook(await serve_tcp(nursery, Script(http_answer(status, b"")))).notify(BODY)


@pytest.mark.parametrize("status", ["301 Moved", "307 Temporary", "400 Bad", "404 No", "500 Oh"])
async def test_any_other_answer_is_told_and_no_redirect_followed(
    nursery: trio.Nursery, status: str
) -> None:
    server = Script(http_answer(status, b"/secret", "Location: /secret/there"), OK)
    told = await refusal(hook(await serve_tcp(nursery, server)))
    assert told == f"127.0.0.1 answered {status[:3]}"
    assert len(server.requests) == 1


async def test_a_body_without_end_is_not_read(nursery: trio.Nursery) -> None:
    begun = http_answer("200 OK", b"{", length=1 << 40)
    await hook(await serve_tcp(nursery, answering(begun, hang=True))).notify(BODY)


async def test_a_refused_connection_is_told() -> None:
    async with refusing() as address:
        told = await refusal(hook(address))
    assert told == f"no answer from 127.0.0.1: all attempts to connect to {address} failed"


async def test_a_cut_connection_is_told(nursery: trio.Nursery) -> None:
    told = await refusal(hook(await serve_tcp(nursery, answering())))
    assert told == "no answer from 127.0.0.1: RemoteProtocolError"


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", ["a..b", ".a", "a" * 64, f"{'ü' * 60}.b"])
async def test_a_host_that_is_no_name_ends_nothing(host: str, scheme: str) -> None:
    """The settings refuse it, as far as they can see."""
    assert (await refusal(hook(host, scheme))).startswith(f"no answer from {host}: ")


async def test_a_server_that_says_the_token_back_does_not_bring_it_into_the_log(
    nursery: trio.Nursery,
) -> None:
    async def echo(stream: trio.SocketStream) -> None:
        await stream.send_all(await stream.receive_some())

    told = await refusal(hook(await serve_tcp(nursery, echo)))
    assert told == "no answer from 127.0.0.1: RemoteProtocolError"


async def test_a_plain_server_behind_https_is_told(nursery: trio.Nursery) -> None:
    async def plain(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(http_answer("400 Bad Request", b""))

    told = await refusal(hook(await serve_tcp(nursery, plain), "https"))
    assert told.startswith("no answer from 127.0.0.1: ")


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\n"])
async def test_an_answer_that_does_not_come_is_given_up(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery, begun: bytes
) -> None:
    told = await refusal(hook(await serve_tcp(nursery, answering(begun, hang=True))))
    assert told == "127.0.0.1 gave no answer within 10 s"
    assert trio.current_time() == WITHIN_SECONDS


async def test_an_answer_that_drips_is_given_up_after_the_whole_time(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    async def drip(stream: trio.SocketStream) -> None:
        await read_request(stream)
        await stream.send_all(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            await stream.send_all(b"x")
            await trio.sleep(1)

    told = await refusal(hook(await serve_tcp(nursery, drip)))
    assert told == "127.0.0.1 gave no answer within 10 s"
    assert trio.current_time() == WITHIN_SECONDS


async def test_a_handshake_that_never_ends_is_given_up(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    told = await refusal(hook(await serve_tcp(nursery, answering(hang=True)), "https"))
    assert told == "no answer from 127.0.0.1: ConnectTimeout"
    assert trio.current_time() == CONNECT_SHARE * WITHIN_SECONDS


async def test_a_cut_leaves_no_connection_open_at_whatever_step(nursery: trio.Nursery) -> None:
    connections = 0

    async def answer(stream: trio.SocketStream) -> None:
        nonlocal connections
        connections += 1
        try:
            while await read_request(stream) is not None:
                await stream.send_all(OK)
        finally:
            connections -= 1

    notifier = hook(await serve_tcp(nursery, answer))
    for step in itertools.count(1):
        cut = await cancelled_at(step, lambda: notifier.notify(BODY), grouped=True)
        await trio.testing.wait_all_tasks_blocked()
        assert connections == 0
        if not cut:
            break
    assert step > 5
