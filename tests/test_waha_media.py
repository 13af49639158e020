"""Sends with the data of a file: they are read first, and outcomes are as exact as without."""

import base64
import itertools
import json
import random
import tracemalloc
from collections.abc import Awaitable, Callable
from dataclasses import replace
from math import inf

import pytest
import trio
import trio.testing

from tests.core.messages import message
from tests.fakes import cancelled_at, http_answer, read_request, serve_tcp
from tests.test_waha_answers import engine_error
from tests.waha_server import (
    CREATED,
    TIMEOUT,
    FakeMedia,
    Script,
    answering,
    refusing,
    session_at,
    waha,
)
from trio_wa.adapters.waha.exchange import ANSWER_BYTES
from trio_wa.core.content import File, Image
from trio_wa.core.message import Message
from trio_wa.core.outcome import Outcome, Rejected, Sent, Unavailable, Unknown

MEGABYTE = random.Random(0).randbytes(1_000_000)
SMALL = b"\x89PNG"


def picture(seq: int = 1) -> Message:
    return replace(message(seq), content=Image(File("image/png", "a.png"), "Look"))


async def send_to(address: str, media: FakeMedia) -> Outcome:
    async with waha(media=media).connect() as sender:
        return await sender.send(picture(), session_at(address))


async def test_a_megabyte_goes_out_as_it_is(nursery: trio.Nursery) -> None:
    server = Script(CREATED, CREATED)
    session = session_at(await serve_tcp(nursery, server))
    async with waha(media=FakeMedia(m1=MEGABYTE)).connect() as sender:
        for _ in range(2):
            assert await sender.send(picture(), session) == Sent("3EB0FF")
    assert server.connections == 1
    for _, _, body in server.requests:
        assert base64.b64decode(json.loads(body)["file"]["data"]) == MEGABYTE


async def test_a_send_holds_little_more_than_one_copy_of_the_base64(
    nursery: trio.Nursery,
) -> None:
    data = bytes(8_000_000)

    async def swallow(stream: trio.SocketStream) -> None:
        left = 8 * len(data) // 6
        while left > 0:
            left -= len(await stream.receive_some(1 << 16))
        await stream.send_all(CREATED)

    session = session_at(await serve_tcp(nursery, swallow))
    async with waha(media=FakeMedia(m1=data)).connect() as sender:
        tracemalloc.start()
        try:
            assert await sender.send(picture(), session) == Sent("3EB0FF")
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    # While it encodes them, Python has room for twice the data; two copies were 2.7 times as much.
    assert most < 2.2 * len(data)


async def test_what_waha_fetches_itself_is_not_read(nursery: trio.Nursery) -> None:
    media = FakeMedia(m1=SMALL)
    server = Script(CREATED)
    linked = replace(message(1), content=Image(File("image/png", url="https://example.org/a")))
    session = session_at(await serve_tcp(nursery, server))
    async with waha(media=media).connect() as sender:
        assert await sender.send(linked, session) == Sent("3EB0FF")
    assert media.read_ids == []


async def test_data_that_are_gone_are_refused_for_good(nursery: trio.Nursery) -> None:
    server = Script(CREATED)
    outcome = await send_to(await serve_tcp(nursery, server), FakeMedia(m2=SMALL))
    assert isinstance(outcome, Rejected)
    assert outcome.code == "media_gone"
    assert server.requests == []


async def test_data_that_cannot_be_read_are_tried_again(nursery: trio.Nursery) -> None:
    server = Script(CREATED)
    media = FakeMedia(m1=SMALL)
    media.problem = "the disk fails"
    address = await serve_tcp(nursery, server)
    outcome = await send_to(address, media)
    assert outcome == Unavailable("media_unreadable", "the disk fails", "message")
    assert server.requests == []
    media.problem = None
    assert await send_to(address, media) == Sent("3EB0FF")


async def test_the_time_for_the_send_begins_after_the_data_were_read(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    media = FakeMedia(m1=SMALL)
    media.seconds = 2 * TIMEOUT
    assert await send_to(await serve_tcp(nursery, Script(CREATED)), media) == Sent("3EB0FF")


async def test_a_disk_that_hangs_holds_no_worker_for_ever(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    server = Script(CREATED)
    media = FakeMedia(m1=SMALL)
    media.seconds = inf
    outcome = await send_to(await serve_tcp(nursery, server), media)
    detail = "the data of its file were not read within 60 s"
    assert outcome == Unavailable("media_unreadable", detail, "message")
    assert server.requests == []


async def test_a_refused_connection_is_certainly_unsent() -> None:
    async with refusing() as address:
        outcome = await send_to(address, FakeMedia(m1=MEGABYTE))
    assert isinstance(outcome, Unavailable)
    assert (outcome.code, outcome.fault) == ("unreachable", "origin")


async def hang_up_in_mid_body(stream: trio.SocketStream) -> None:
    await stream.receive_some(1)


@pytest.mark.parametrize("handler", [hang_up_in_mid_body, answering()], ids=["body", "answer"])
async def test_a_connection_lost_after_the_first_byte_leaves_it_unknown(
    nursery: trio.Nursery, handler: Callable[[trio.SocketStream], Awaitable[None]]
) -> None:
    outcome = await send_to(await serve_tcp(nursery, handler), FakeMedia(m1=MEGABYTE))
    assert isinstance(outcome, Unknown)
    assert (outcome.code, outcome.answered) == ("connection_lost", False)


async def test_a_body_that_is_not_taken_until_the_deadline_leaves_it_unknown(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    async def stall(stream: trio.SocketStream) -> None:
        await stream.receive_some(1)
        await trio.sleep_forever()

    media = FakeMedia(m1=bytes(20_000_000))  # more than the sockets hold
    began = trio.current_time()
    outcome = await send_to(await serve_tcp(nursery, stall), media)
    assert outcome == Unknown("timeout", "no answer within 15 s")
    assert trio.current_time() - began == TIMEOUT


async def test_a_cut_send_is_known_to_be_unsent_unknown_or_sent(nursery: trio.Nursery) -> None:
    """Whatever the step at which it is cut: never `unsent` once the server could read it."""
    reached = 0

    async def note(stream: trio.SocketStream) -> None:
        nonlocal reached
        while await read_request(stream) is not None:
            reached += 1
            await stream.send_all(CREATED)

    session = session_at(await serve_tcp(nursery, note))
    media = FakeMedia(m1=bytes(3_000_000), m2=SMALL)  # m1 is written in several steps
    seen: set[type[Outcome]] = set()
    for step in itertools.count(1):
        reached = 0
        async with waha(media=media).connect() as sender:
            if not await cancelled_at(step, lambda sender=sender: sender.send(picture(), session)):
                break
            outcome = sender.cut()
            seen.add(type(outcome))
            await trio.testing.wait_all_tasks_blocked()
            if isinstance(outcome, Unavailable):
                assert reached == 0
                assert (outcome.code, outcome.fault) == ("interrupted", "message")
            assert await sender.send(picture(2), session) == Sent("3EB0FF")  # as good as new
    assert {Unavailable, Unknown} <= seen


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("no LID found for 628@s.whatsapp.net", Rejected),
        ("server returned error 463", Unavailable),
        ("Timed Out", Unknown),
    ],
)
@pytest.mark.parametrize("spare", [0, 1, 2, 3])
async def test_a_refusal_that_echoes_the_data_is_understood(
    nursery: trio.Nursery, said: str, expected: type[Outcome], spare: int
) -> None:
    """WAHA's 500 holds the request, and the end of so long an answer is not read."""
    error = engine_error(said)
    error["request"]["body"] = {"text": "é" * (ANSWER_BYTES + spare)}
    echo = json.dumps(error, ensure_ascii=False).encode()
    server = Script(http_answer("500 Internal Server Error", echo))
    outcome = await send_to(await serve_tcp(nursery, server), FakeMedia(m1=SMALL))
    assert isinstance(outcome, expected)
    if isinstance(outcome, Unknown):
        assert (outcome.code, outcome.answered) == ("engine_error", True)
