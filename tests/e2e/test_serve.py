"""`trio-wa serve` as a real process: start, signals, drain."""

import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest
import trio

from tests.e2e.process import TRIO_WA, Process, running, send_all
from trio_wa.simulator.faults import Faults
from trio_wa.simulator.options import SimulatorOptions
from trio_wa.simulator.server import serve_simulator
from trio_wa.simulator.simulator import Simulator

KEY = "a-key"


@asynccontextmanager
async def simulated(**options: object) -> AsyncIterator[tuple[Simulator, str]]:
    simulator = Simulator(SimulatorOptions(api_key=KEY, **options))
    async with trio.open_nursery() as nursery:
        url = await nursery.start(partial(serve_simulator, simulator, stop=trio.Event()))
        yield simulator, url
        nursery.cancel_scope.cancel()


def settings(url: str, **others: object) -> dict[str, object]:
    return {
        "waha_url": url,
        "waha_api_key": KEY,
        "waha_sessions": "default",
        "journal_path": ":memory:",
        **others,
    }


@pytest.mark.parametrize("message_ids", [False, True])
async def test_it_forwards_as_the_go_service_did(tmp_path: Path, message_ids: bool) -> None:
    names = "default,marketing,support"
    sessions = tuple(names.split(","))
    async with (
        simulated(sessions=sessions, message_ids=message_ids) as (simulator, url),
        running(tmp_path, **settings(url, waha_sessions=names)) as process,
    ):
        address = await process.address()
        for n in range(6):
            async with httpx.AsyncClient(base_url=address) as http:
                body = f'{{"to": "62812345678{n:02}", "message": "Hello {n}", "x": 1}}'
                response = await http.post("/send", content=body)
            assert response.status_code == 202
            assert (
                response.json().items()
                >= {
                    "status": "queued",
                    "message": "Pesan masuk antrean",
                }.items()
            )
            await simulator.wait_delivered(n + 1)
        requests = simulator.requests
        process.signal()
        assert await process.wait() == 0
    assert [request.body for request in requests] == [
        {
            "chatId": f"62812345678{n:02}@c.us",
            "text": f"Hello {n}",
            "session": sessions[n % 3],
            **({"id": simulator.delivered[n].id} if message_ids else {}),
        }
        for n in range(6)
    ]
    assert requests[0].headers["content-type"] == "application/json"
    assert requests[0].headers["x-api-key"] == KEY


@pytest.mark.parametrize(("number", "count"), [(signal.SIGTERM, 5000), (signal.SIGINT, 50)])
async def test_a_signal_drains_what_was_accepted_exactly_once(
    tmp_path: Path, number: signal.Signals, count: int
) -> None:
    messages = [{"to": f"62812{n:07}", "message": f"{n}"} for n in range(count)]
    async with (
        simulated() as (simulator, url),
        running(tmp_path, **settings(url)) as process,
    ):
        ids = await send_all(await process.address(), messages)
        process.signal(number)
        assert await process.wait() == 0
        texts = Counter(delivered.text for delivered in simulator.delivered)
    assert len(set(ids)) == count
    assert texts == Counter(str(n) for n in range(count))
    assert simulator.max_concurrency <= 50


async def test_idle_and_half_sent_requests_do_not_delay_the_stop(tmp_path: Path) -> None:
    async with (
        simulated() as (simulator, url),
        running(tmp_path, **settings(url)) as process,
    ):
        address = httpx.URL(await process.address())
        half = await trio.open_tcp_stream(address.host, address.port or 0)
        await half.send_all(b"POST /send HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        async with httpx.AsyncClient(base_url=address, timeout=30) as idle:
            assert (await idle.get("/livez")).status_code == 200
            await send_all(str(address), [{"to": "628123456", "message": "last"}])
            process.signal()
            with trio.fail_after(20):  # each of the two alone held the Go service for ever
                assert await process.wait() == 0
        await half.aclose()
        assert [delivered.text for delivered in simulator.delivered] == ["last"]
    stopping, stopped = (
        next(event for event in process.events if event["event"] == name)
        for name in ("service.stopping", "service.draining")
    )
    assert stopped["timestamp"][:16] >= stopping["timestamp"][:16]


@pytest.mark.parametrize(
    ("message_ids", "lost"),
    [
        (False, 8),  # two were with WAHA, and nothing would tell of them: `unknown` is their end
        (True, 10),  # those two were to be looked up, which nobody does any more
    ],
)
async def test_a_second_signal_skips_the_drain_and_the_exit_code_says_what_is_lost(
    tmp_path: Path, message_ids: bool, lost: int
) -> None:
    async with (
        simulated(message_ids=message_ids, faults=Faults(latency=600.0)) as (_, url),
        running(tmp_path, **settings(url, worker_count=2)) as process,
    ):
        messages = [{"to": f"62812{n:07}", "message": f"{n}"} for n in range(10)]
        await send_all(await process.address(), messages)
        process.signal()
        await process.wait_event("service.draining")
        process.signal()
        assert await process.wait() == 3
    left = next(event for event in process.events if event["event"] == "service.left_behind")
    assert left["messages"] == lost


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_a_start_that_waits_for_the_journal(
    tmp_path: Path, number: signal.Signals
) -> None:
    journal = {"journal_path": tmp_path / "queue.db", "lock_wait": "60s"}
    async with (
        simulated() as (_, url),
        running(tmp_path, **settings(url, **journal)) as holder,
    ):
        await holder.address()
        async with running(tmp_path, **settings(url, **journal)) as waiting:
            told = await waiting.wait_event("store.locked")
            assert told["holder"] == f"process {holder.pid}"
            waiting.signal(number)
            with trio.fail_after(20):
                assert await waiting.wait() == 0
        await send_all(await holder.address(), [{"to": "628123456", "message": "goes on"}])
        holder.signal()
        assert await holder.wait() == 0


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"waha_url": ""}, "WAHA_URL is missing"),
        ({"waha_url": "localhost:3000"}, "WAHA_URL='localhost:3000'"),
        ({"worker_count": "many"}, "WORKER_COUNT='many'"),
        ({"port": 70000}, "PORT='70000'"),
        ({"journal_path": "x" * 300}, "File name too long"),
        ({"host": "203.0.113.7", "allow_anonymous": "true"}, "HOST"),
    ],
)
async def test_a_wrong_setting_ends_the_start_with_one_line(
    tmp_path: Path, changes: dict[str, object], line: str
) -> None:
    async with running(tmp_path, **settings("http://127.0.0.1:1", **changes)) as process:
        assert await process.wait() == 2
    assert len(process.lines) == 1
    assert line in process.lines[0]


async def test_a_port_in_use_ends_the_start_with_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with running(tmp_path, **settings("http://127.0.0.1:1", port=port)) as process:
            assert await process.wait() == 2
    assert len(process.lines) == 1
    assert str(port) in process.lines[0]


async def test_an_unreadable_hypercorn_toml_ends_the_start_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "hypercorn.toml").write_text("bind = [")
    async with running(tmp_path, **settings("http://127.0.0.1:1")) as process:
        assert await process.wait() == 2
    assert len(process.lines) == 1
    assert "hypercorn.toml" in process.lines[0]


async def test_it_starts_and_accepts_while_waha_is_away(tmp_path: Path) -> None:
    async with running(tmp_path, **settings("http://127.0.0.1:1", drain_timeout="0.2s")) as process:
        address = await process.address()
        problem = await process.wait_event("waha.problem")
        await send_all(address, [{"to": "628123456", "message": "later"}])
        async with httpx.AsyncClient(base_url=address) as http:
            assert (await http.get("/livez")).status_code == 200
            ready = await http.get("/readyz")
        assert ready.status_code == 200
        process.signal()
        assert await process.wait() == 3  # in memory, and it could not be sent in time
    assert "cannot be reached" in problem["problem"]


DEMO = ("sh", "-c", 'exec "$@" 1>&2', "sh", *TRIO_WA, "demo", "--port", "0")


async def demo_address(process: Process) -> str:
    """Where a demo listens, once it says so."""
    await process.wait_line("Deliveries:")
    words = (word.rstrip(",") for line in process.lines for word in line.split())
    return next(word for word in words if word.startswith("http://127.0.0.1:"))


async def test_demo_shows_a_delivery_and_drains_on_ctrl_c(tmp_path: Path) -> None:
    async with running(tmp_path, DEMO) as process:
        address = await demo_address(process)
        place = {"type": "location", "latitude": -6.1754, "longitude": 106.8272}
        messages = [{"message": "Hello from a test"}, place, place | {"title": "Monas"}]
        await send_all(address, [{"to": f"628123456789{n}", **m} for n, m in enumerate(messages)])
        process.signal(signal.SIGINT)
        assert await process.wait() == 0
    shown = "\n".join(process.lines) + "\n"
    assert "6281234567890@c.us: Hello from a test\n" in shown
    assert "6281234567891@c.us: (sendLocation)\n" in shown
    assert "6281234567892@c.us: (sendLocation) Monas\n" in shown
    assert process.lines[-1] == "Drained, and stopped."


async def test_demo_says_what_its_end_leaves_unsent(tmp_path: Path) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    async with running(tmp_path, DEMO) as process:
        address = await demo_address(process)
        later = {"to": "6281234567890", "message": "later", "send_at": tomorrow.isoformat()}
        await send_all(address, [later])
        process.signal(signal.SIGINT)
        assert await process.wait() == 0
    assert process.lines[-2:] == [
        "1 not sent, and gone: the demo keeps messages in memory.",
        "Drained, and stopped.",
    ]
