"""The benchmarks' load, sink and processes: what they count is what was sent."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from benchmarks.ask import ask
from benchmarks.load import NO_ANSWER, TEXT, Load, post
from benchmarks.loop import run
from benchmarks.process import clean_environment, ended, free_port, resident, serving
from benchmarks.sink import running_sink

OK = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}"

Answering = Callable[[asyncio.StreamWriter, int], Awaitable[None]]


class Listener:
    """A service that keeps what it is posted; `answering` gets each request's place among all."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self.targets: list[str] = []
        self.bodies: list[Any] = []
        self.connections = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = int(head.partition("Content-Length: ")[2].partition("\r\n")[0])
                self.targets.append(head.split(" ")[1])
                self.bodies.append(json.loads(await reader.readexactly(length)))
                await self._answering(writer, len(self.bodies) - 1)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has left
        finally:
            writer.close()


async def at_once(writer: asyncio.StreamWriter, _place: int) -> None:
    writer.write(OK)


async def in_pieces(writer: asyncio.StreamWriter, _place: int) -> None:
    for piece in (OK[:20], OK[20:-1], OK[-1:]):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)


async def then_close(writer: asyncio.StreamWriter, _place: int) -> None:
    writer.write(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    writer.close()


async def cut_the_third(writer: asyncio.StreamWriter, place: int) -> None:
    if place == 2:
        writer.close()
    else:
        writer.write(OK)


def posted(answering: Answering, **options: Any) -> tuple[Load, Listener]:
    """What `post` counts, and what a service that answers so was posted."""
    listener = Listener(answering)

    async def main() -> Load:
        async with await asyncio.start_server(listener, "127.0.0.1", 0) as server:
            return await post(server.sockets[0].getsockname()[1], within=30.0, **options)

    return run(main()), listener


@pytest.mark.parametrize("rate", [None, 1_000_000.0])
@pytest.mark.parametrize("answering", [at_once, in_pieces, then_close])
def test_every_message_is_posted_once_each_to_another_number(
    answering: Answering, rate: float | None
) -> None:
    load, listener = posted(answering, messages=60, clients=7, rate=rate)
    assert load.statuses == {202: 60}
    assert len(load.latencies) == 60
    assert load.started <= load.ended
    assert set(listener.targets) == {"/send"}
    assert {body["message"] for body in listener.bodies} == {TEXT}
    assert len({body["to"] for body in listener.bodies}) == len(listener.bodies) == 60


def test_connections_are_kept() -> None:
    _, listener = posted(at_once, messages=60, clients=7)
    assert listener.connections == 7


def test_batches_are_arrays_and_the_last_holds_what_is_left() -> None:
    load, listener = posted(at_once, messages=25, clients=2, batch=10)
    assert load.statuses == {202: 3}
    assert set(listener.targets) == {"/send/batch"}
    assert sorted(len(body) for body in listener.bodies) == [5, 10, 10]
    assert len({one["to"] for body in listener.bodies for one in body}) == 25


def test_numbers_begin_where_the_caller_says() -> None:
    _, earlier = posted(at_once, messages=5, clients=1)
    _, later = posted(at_once, messages=5, clients=1, first=5)
    both = {body["to"] for body in earlier.bodies + later.bodies}
    assert len(both) == 10


def test_a_request_that_gets_no_answer_is_counted_and_not_posted_again() -> None:
    load, listener = posted(cut_the_third, messages=9, clients=1)
    assert load.statuses == {202: 8, NO_ANSWER: 1}
    assert len({body["to"] for body in listener.bodies}) == len(listener.bodies) == 9


def test_a_service_that_is_gone_is_an_error() -> None:
    with pytest.raises(ConnectionRefusedError):
        run(post(free_port(), messages=1, clients=1))


def test_the_sink_counts_sends_and_tells_when_they_came() -> None:
    async def main() -> None:
        async with running_sink(delay_ms=1) as sink:
            load = await post(sink.port, messages=40, clients=4, path="/api/sendText")
            arrivals = await sink.reached(40, within=30.0)
            assert load.statuses == {201: 40}
            assert arrivals.count == 40
            assert load.started <= arrivals.first <= arrivals.last <= load.ended
            await sink.reset()
            assert (await sink.arrivals()).count == 0

    run(main())


def test_the_sink_answers_a_send_however_it_is_cut_up() -> None:
    send = b"POST /api/sendText HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}"

    async def main() -> bytes:
        async with running_sink(delay_ms=0) as sink:
            reader, writer = await asyncio.open_connection("127.0.0.1", sink.port)
            for piece in (send[:30], send[30:-1], send[-1:] + send):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            await sink.reached(2, within=30.0)
            writer.write_eof()
            said = await reader.read()
            writer.close()
            return said

    assert run(main()).count(b"HTTP/1.1 201 Created\r\n") == 2


def test_the_sink_is_a_waha_whose_sessions_work() -> None:
    async def main() -> None:
        async with running_sink(delay_ms=0) as sink:
            sessions = (await ask(sink.port, "/api/sessions?all=true")).json()
            assert [each["status"] for each in sessions] == ["WORKING"] * 3
            assert (await ask(sink.port, "/api/version")).json()["engine"] == "NOWEB"
            assert (await ask(sink.port, "/api/default/new-message-id")).status == 404

    run(main())


def test_a_program_that_does_not_come_to_answer_says_why(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "raise SystemExit('no licence')")

    async def main() -> None:
        async with serving(command, clean_environment(), tmp_path, port=free_port()):
            pytest.fail("it answered")

    with pytest.raises(RuntimeError, match="no licence"):
        run(main())


@pytest.mark.parametrize("runner", [run, asyncio.run])
def test_a_process_is_weighed_and_its_end_is_seen(
    runner: Callable[[Coroutine[Any, Any, None]], None],
) -> None:
    async def main() -> None:
        async with running_sink(delay_ms=0) as sink:
            assert resident(sink.pid) > 1_000_000
            os.kill(sink.pid, signal.SIGKILL)
            await ended(sink.pid, within=30.0)
            with pytest.raises(ConnectionRefusedError):
                await ask(sink.port, "/ping")

    runner(main())
