"""What sees after sessions and messages, against small servers that answer in every way."""

import itertools
import json
import logging
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from tests.fakes import cancelled_at, http_answer, serve_tcp
from tests.waha_server import Script, answering, refusing, session_at, waha
from trio_wa.adapters.waha.exchange import ANSWER_BYTES
from trio_wa.adapters.waha.gateway import OBSERVER_CONNECTIONS
from trio_wa.adapters.waha.observer import WahaObserver
from trio_wa.core.outcome import Unavailable
from trio_wa.core.session import Session
from trio_wa.ports import Found, Missing, Picture, Refusal, Unreadable, WahaInfo

ABOUT = http_answer("200 OK", b'{"version":"2026.2.1","engine":"NOWEB","tier":"CORE"}')
LISTED = http_answer("200 OK", b'[{"name":"default","status":"WORKING"}]')
HOOK = "https://trio-wa.example/webhooks/waha"
SECRET = "a-long-random-secret"
OK = http_answer("200 OK", b"{}")
SHOWN = http_answer("200 OK", b'{"name":"default","config":null}')
PNG = http_answer("200 OK", b"\x89PNG", "Content-Type: image/png")


async def ask(address: str) -> WahaInfo:
    async with waha().observe() as observer:
        return await observer.ask(f"http://{address}")


async def statuses(address: str) -> WahaInfo:
    async with waha().observe() as observer:
        return await observer.statuses(f"http://{address}")


async def test_waha_tells_its_version_and_sessions(nursery: trio.Nursery) -> None:
    server = Script(ABOUT, LISTED)
    address = await serve_tcp(nursery, server)
    info = await ask(address)
    assert info == WahaInfo(f"http://{address}", "2026.2.1", "NOWEB", {"default": "WORKING"})
    assert server.lines == ["GET /api/version", "GET /api/sessions?all=true"]
    assert {headers["x-api-key"] for _, headers, _ in server.requests} == {"secret"}


async def test_the_statuses_alone_are_one_request(nursery: trio.Nursery) -> None:
    server = Script(LISTED)
    address = await serve_tcp(nursery, server)
    info = await statuses(address)
    assert info == WahaInfo(f"http://{address}", statuses={"default": "WORKING"})
    assert server.lines == ["GET /api/sessions?all=true"]


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ([http_answer("401 Unauthorized", b"{}")], "refuses the key"),
        ([http_answer("403 Forbidden", b"{}")], "refuses the key"),
        ([http_answer("200 OK", b"<html>")], "not answer as WAHA"),
        ([http_answer("200 OK", b"[" * 100_000)], "not answer as WAHA"),
        ([http_answer("404 Not Found", b"{}")], "not answer as WAHA"),
        ([http_answer("503 Service Unavailable", b"<html>")], "answered 503"),
        ([ABOUT, b"SSH-2.0\r\n\r\n"], "cannot be reached"),
        ([b"SSH-2.0\r\n\r\n"], "cannot be reached"),
        ([], "cannot be reached"),
    ],
)
async def test_what_is_not_right_with_waha_is_told(
    nursery: trio.Nursery, answers: list[bytes], problem: str
) -> None:
    info = await ask(await serve_tcp(nursery, Script(*answers)))
    assert info.problem is not None
    assert problem in info.problem


async def test_unreadable_sessions_are_no_problem_of_waha_itself(nursery: trio.Nursery) -> None:
    server = Script(ABOUT, http_answer("500 Internal Server Error", b""))
    info = await ask(await serve_tcp(nursery, server))
    assert (info.version, info.statuses, info.problem) == ("2026.2.1", None, None)


@pytest.mark.parametrize("answers", [(), (ABOUT,)])
async def test_a_silent_waha_is_asked_for_five_seconds(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, answers: tuple[bytes, ...]
) -> None:
    address = await serve_tcp(nursery, answering(*answers, hang=True))
    began = trio.current_time()
    info = await ask(address)
    assert info.problem == "no answer within 5 s: is this WAHA?"
    assert trio.current_time() - began == 5


async def test_statuses_that_do_not_come_are_a_problem(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    silent = await statuses(await serve_tcp(nursery, answering(hang=True)))
    assert silent.problem == "no answer within 5 s: is this WAHA?"
    async with refusing() as address:
        refused = await statuses(address)
    assert refused.problem is not None
    assert "cannot be reached" in refused.problem


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", ["a..b:3000", ".a", "a" * 64, f"{'ü' * 60}.b"])
async def test_a_host_that_is_no_name_cannot_be_reached(host: str, scheme: str) -> None:
    async with waha().observe() as observer:
        info = await observer.ask(f"{scheme}://{host}")
        assert info.problem is not None
        assert "cannot be reached" in info.problem
        unavailable = await observer.new_message_id(Session("a", f"{scheme}://{host}"))
    assert isinstance(unavailable, Unavailable)
    assert (unavailable.code, unavailable.fault) == ("unreachable", "origin")


async def test_one_connection_serves_what_is_asked_in_a_row(nursery: trio.Nursery) -> None:
    server = Script(LISTED, ABOUT, LISTED, OK, http_answer("200 OK", b""))
    session = session_at(await serve_tcp(nursery, server))
    async with waha().observe() as observer:
        await observer.statuses(session.url)
        await observer.ask(session.url)
        assert await observer.restart(session) is None
        assert await observer.look_up(session, "3EB0") == Missing()
    assert server.connections == 1


async def test_what_many_tasks_ask_at_once_shares_a_bounded_number_of_connections(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    found = http_answer("200 OK", b'{"id":"3EB0","ack":1}')
    opened = 0

    async def slow(stream: trio.SocketStream) -> None:
        nonlocal opened
        opened += 1
        while await stream.receive_some():
            await trio.sleep(0.1)
            await stream.send_all(found)

    session = session_at(await serve_tcp(nursery, slow))
    findings = []

    async def look(observer: WahaObserver) -> None:
        findings.append(await observer.look_up(session, "3EB0"))

    async with waha().observe() as observer, trio.open_nursery() as asking:
        for _ in range(100):
            asking.start_soon(look, observer)
    assert findings == [Found(1)] * 100
    assert opened == OBSERVER_CONNECTIONS


async def test_names_and_ids_are_encoded_in_paths(nursery: trio.Nursery) -> None:
    server = Script(*[OK] * 10)
    address = await serve_tcp(nursery, server)
    session = Session("räum/e?#%41", f"http://{address}/waha")
    async with waha().observe() as observer:
        await observer.look_up(session, "AB/C?#%20&")
        await observer.new_message_id(session)
        await observer.restart(session)
        await observer.timelock(session)
        await observer.qr_code(session)
        await observer.register_webhook(session, HOOK, None)
    name = "r%C3%A4um%2Fe%3F%23%2541"
    assert server.lines == [
        f"GET /waha/api/{name}/chats/all/messages/AB%2FC%3F%23%2520%26?downloadMedia=false",
        f"GET /waha/api/{name}/new-message-id",
        f"POST /waha/api/sessions/{name}/restart",
        f"GET /waha/api/sessions/{name}/timelock",
        f"GET /waha/api/{name}/auth/qr?format=image",
        f"GET /waha/api/sessions/{name}",
    ]


async def test_a_look_up_waits_five_seconds(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    session = session_at(await serve_tcp(nursery, answering(hang=True)))
    began = trio.current_time()
    async with waha().observe() as observer:
        assert await observer.look_up(session, "3EB0") == Unreadable("no answer within 5 s")
    assert trio.current_time() - began == 5


async def test_the_end_of_a_time_lock_is_waited_for_five_seconds(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    session = session_at(await serve_tcp(nursery, answering(hang=True)))
    began = trio.current_time()
    async with waha().observe() as observer:
        assert await observer.timelock(session) is None
    assert trio.current_time() - began == 5


@pytest.mark.parametrize(
    "handler",
    [
        answering(),
        answering(b"HTTP/1.1 200 OK\r\nContent-Le"),
        answering(http_answer("200 OK", b'{"id":"3EB0"}', length=900)),
        answering(http_answer("404 Not Found", b'{"statusCode":404}', length=900)),
    ],
    ids=["close", "half-head", "half-200", "half-404"],
)
async def test_a_connection_lost_in_mid_look_up_says_nothing_of_the_message(
    nursery: trio.Nursery, handler: Callable[[trio.SocketStream], Awaitable[None]]
) -> None:
    session = session_at(await serve_tcp(nursery, handler))
    async with waha().observe() as observer:
        finding = await observer.look_up(session, "3EB0")
        assert isinstance(finding, Unreadable)
        assert not finding.refused
        unavailable = await observer.new_message_id(session)
        assert isinstance(unavailable, Unavailable)
        assert (unavailable.code, unavailable.fault) == ("no_message_id", "message")


async def test_a_waha_that_is_away_gives_values() -> None:
    async with refusing() as address, waha().observe() as observer:
        session = session_at(address)
        assert isinstance(await observer.look_up(session, "3EB0"), Unreadable)
        assert await observer.timelock(session) is None
        unavailable = await observer.new_message_id(session)
        assert isinstance(unavailable, Unavailable)
        assert (unavailable.code, unavailable.fault) == ("unreachable", "origin")
        for refusal in (
            await observer.restart(session),
            await observer.qr_code(session),
            await observer.register_webhook(session, HOOK, SECRET),
        ):
            assert isinstance(refusal, Refusal)
            assert refusal.code == "waha_unavailable"
            assert SECRET not in refusal.detail


@pytest.mark.parametrize("url", ["http://[::1", "http://\u2603.\u200b", "ftp://127.0.0.1"])
async def test_a_wrong_url_gives_values(url: str) -> None:
    session = Session("default", url)
    async with waha().observe() as observer:
        assert (await observer.ask(url)).problem is not None
        assert (await observer.statuses(url)).problem is not None
        assert isinstance(await observer.look_up(session, "3EB0"), Unreadable)
        assert isinstance(await observer.new_message_id(session), Unavailable)
        assert await observer.timelock(session) is None
        assert isinstance(await observer.restart(session), Refusal)
        assert isinstance(await observer.qr_code(session), Refusal)
        assert isinstance(await observer.register_webhook(session, HOOK, None), Refusal)


async def test_the_qr_code_is_asked_for_as_an_image(nursery: trio.Nursery) -> None:
    server = Script(PNG)
    session = session_at(await serve_tcp(nursery, server))
    async with waha().observe() as observer:
        assert await observer.qr_code(session) == Picture("image/png", b"\x89PNG")
    [(_, headers, _)] = server.requests
    assert headers["accept"] == "image/png"


@pytest.mark.parametrize(("size", "fits"), [(ANSWER_BYTES, True), (ANSWER_BYTES + 1, False)])
async def test_a_picture_has_a_megabyte_at_most(
    nursery: trio.Nursery, size: int, fits: bool
) -> None:
    large = http_answer("200 OK", b"x" * size, "Content-Type: image/png")
    session = session_at(await serve_tcp(nursery, Script(large)))
    async with waha().observe() as observer:
        assert isinstance(await observer.qr_code(session), Picture) is fits


async def test_the_secret_and_the_keys_stay_out_of_refusals_and_logs(
    nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    echo = json.dumps({"message": f"the key {SECRET} is wrong", "statusCode": 400}).encode()
    server = Script(SHOWN, http_answer("400 Bad Request", echo), PNG)
    session = session_at(await serve_tcp(nursery, server))
    with caplog.at_level(logging.DEBUG):
        async with waha("the-waha-key").observe() as observer:
            refusal = await observer.register_webhook(session, HOOK, SECRET)
            await observer.qr_code(session)
    assert refusal == Refusal("waha_refused", "WAHA answered 400: the key ••• is wrong")
    for line in caplog.messages:
        assert SECRET not in line
        assert "the-waha-key" not in line
        assert "PNG" not in line


async def test_an_answer_without_end_is_not_read_to_its_end(nursery: trio.Nursery) -> None:
    broken = trio.Event()

    async def endless(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(http_answer("200 OK", b"", length=10**12))
        try:
            while True:
                await stream.send_all(b"x" * 65_536)
        except trio.BrokenResourceError:
            broken.set()

    session = session_at(await serve_tcp(nursery, endless))
    with trio.fail_after(5):
        async with waha().observe() as observer:
            assert isinstance(await observer.look_up(session, "3EB0"), Unreadable)
        await broken.wait()


async def test_whatever_is_cut_leaves_the_observer_as_good_as_new(nursery: trio.Nursery) -> None:
    answer = http_answer("200 OK", b'{"id":"3EB0","ack":1}')

    async def serve(stream: trio.SocketStream) -> None:
        while await stream.receive_some():
            await stream.send_all(answer)

    session = session_at(await serve_tcp(nursery, serve))
    async with waha().observe() as observer:
        for step in itertools.count(1):
            if not await cancelled_at(step, lambda: observer.look_up(session, "3EB0")):
                break
            assert await observer.look_up(session, "3EB0") == Found(1)
    assert step > 3


async def test_the_number_behind_a_hidden_one_is_asked_for(nursery: trio.Nursery) -> None:
    server = Script(http_answer("200 OK", b'{"lid":"1@lid","pn":"628123@c.us"}'))
    session = session_at(await serve_tcp(nursery, server))
    async with waha().observe() as observer:
        assert await observer.number_of(session, "1@lid") == "628123@c.us"
    assert server.lines == ["GET /api/default/lids/1%40lid"]


@pytest.mark.parametrize(("hang", "seconds"), [(True, 5.0), (False, 0.0)])
async def test_a_waha_that_does_not_answer_names_no_number(
    hang: bool, seconds: float, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    session = session_at(await serve_tcp(nursery, answering(hang=hang)))
    began = trio.current_time()
    async with waha().observe() as observer:
        assert await observer.number_of(session, "1@lid") is None
    assert trio.current_time() - began == seconds
