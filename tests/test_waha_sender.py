"""What a worker asks of WAHA beside its sends: ids, and whether a number exists."""

import itertools

import pytest
import trio
import trio.testing

from tests.core.messages import message
from tests.fakes import cancelled_at, http_answer, serve_tcp
from tests.waha_server import CREATED, Script, answering, refusing, session_at, waha
from trio_wa.core.outcome import Sent, Unavailable
from trio_wa.ports import Check, Contact, NoMessageIds, Uncheckable

CHAT = "5511987654321@c.us"
NEW_ID = http_answer("200 OK", b'{"id":"3EB0AA"}')
EXISTS = http_answer("200 OK", b'{"numberExists":true,"chatId":"551187654321@c.us"}')


async def check(address: str, chat_id: str = CHAT) -> Check:
    async with waha().connect() as sender:
        return await sender.check_exists(session_at(address), chat_id)


async def test_id_check_and_send_share_one_connection(nursery: trio.Nursery) -> None:
    server = Script(NEW_ID, EXISTS, CREATED)
    session = session_at(await serve_tcp(nursery, server))
    async with waha().connect() as sender:
        assert await sender.new_message_id(session) == "3EB0AA"
        assert await sender.check_exists(session, CHAT) == Contact("551187654321@c.us")
        assert await sender.send(message(1), session) == Sent("3EB0FF")
    assert server.connections == 1
    assert server.lines == [
        "GET /api/default/new-message-id",
        "GET /api/contacts/check-exists?session=default&phone=5511987654321",
        "POST /api/sendText",
    ]
    assert {headers["x-api-key"] for _, headers, _ in server.requests} == {"secret"}


async def test_no_proxy_is_to_answer_out_of_a_cache(nursery: trio.Nursery) -> None:
    server = Script(NEW_ID)
    async with waha().connect() as sender:
        await sender.new_message_id(session_at(await serve_tcp(nursery, server)))
    [(_, headers, _)] = server.requests
    assert headers["cache-control"] == "no-cache"


async def test_a_cookie_is_neither_kept_nor_sent_back(nursery: trio.Nursery) -> None:
    with_cookie = http_answer("200 OK", b'{"id":"3EB0AA"}', "Set-Cookie: a=b; Path=/")
    server = Script(*[with_cookie] * 6)
    session = session_at(await serve_tcp(nursery, server))
    adapter = waha()
    async with adapter.connect() as sender, adapter.observe() as observer:
        for _ in range(2):
            assert await sender.new_message_id(session) == "3EB0AA"
            assert await observer.new_message_id(session) == "3EB0AA"
            assert await sender.send(message(1), session) == Sent("3EB0AA")
    assert len(server.requests) == 6
    assert not any("cookie" in headers for _, headers, _ in server.requests)


async def test_an_old_waha_has_no_ids(nursery: trio.Nursery) -> None:
    server = Script(http_answer("404 Not Found", b'{"message":"Cannot GET /","statusCode":404}'))
    async with waha().connect() as sender:
        session = session_at(await serve_tcp(nursery, server))
        assert await sender.new_message_id(session) == NoMessageIds()


async def test_a_waha_that_is_silent_or_cuts_gives_no_id_for_now(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    for handler, seconds in ((answering(hang=True), 5.0), (answering(), 0.0)):
        session = session_at(await serve_tcp(nursery, handler))
        began = trio.current_time()
        async with waha().connect() as sender:
            unavailable = await sender.new_message_id(session)
        assert isinstance(unavailable, Unavailable)
        assert (unavailable.code, unavailable.fault) == ("no_message_id", "message")
        assert trio.current_time() - began == seconds


async def test_a_waha_that_is_away_is_unreachable_as_for_a_send() -> None:
    async with refusing() as address, waha().connect() as sender:
        session = session_at(address)
        sent = await sender.send(message(1), session)
        assert await sender.new_message_id(session) == sent
        assert await sender.check_exists(session, CHAT) == sent
    assert isinstance(sent, Unavailable)
    assert (sent.code, sent.fault) == ("unreachable", "origin")


async def test_a_handshake_that_never_ends_is_unreachable_too(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    async def mute(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await trio.sleep_forever()

    session = session_at(await serve_tcp(nursery, mute), scheme="https")
    began = trio.current_time()
    async with waha().connect() as sender:
        unavailable = await sender.new_message_id(session)
    assert unavailable == Unavailable("unreachable", "ConnectTimeout", "origin")
    assert trio.current_time() - began < 5


async def test_a_check_waits_ten_seconds(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    began = trio.current_time()
    found = await check(await serve_tcp(nursery, answering(hang=True)))
    assert found == Uncheckable("no answer within 10 s")
    assert trio.current_time() - began == 10


@pytest.mark.parametrize("chat_id", ["120363025@g.us", "628-123@g.us", "5@lid", "5@newsletter"])
async def test_what_is_no_phone_number_is_not_asked_for(
    nursery: trio.Nursery, chat_id: str
) -> None:
    server = Script(EXISTS)
    assert isinstance(await check(await serve_tcp(nursery, server), chat_id), Uncheckable)
    assert server.requests == []


@pytest.mark.parametrize("question", ["new_message_id", "check_exists"])
async def test_what_is_cut_before_the_send_sent_nothing(
    nursery: trio.Nursery, question: str
) -> None:
    """Not even where the send before it was a success; each question connects anew."""
    created = http_answer("201 Created", b'{"key":{"id":"3EB0FF"}}', "Connection: close")

    async def serve(stream: trio.SocketStream) -> None:
        while data := await stream.receive_some():
            await stream.send_all(created if b"POST" in data else NEW_ID)

    session = session_at(await serve_tcp(nursery, serve))
    async with waha().connect() as sender:
        arguments = (session,) if question == "new_message_id" else (session, CHAT)
        for step in itertools.count(1):
            assert await sender.send(message(1), session) == Sent("3EB0FF")
            ask = getattr(sender, question)
            if not await cancelled_at(step, lambda ask=ask: ask(*arguments)):
                break
            unsent = sender.cut()
            assert isinstance(unsent, Unavailable)
            assert (unsent.code, unsent.fault) == ("interrupted", "message")
    assert step > 3
