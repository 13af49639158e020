"""The plain `hypercorn` command: how it stops, and how it ends that cannot start."""

import shutil
import sys
from pathlib import Path

import httpx
import pytest
import trio

from tests.e2e.process import running
from tests.e2e.test_nginx import free_ports
from tests.e2e.test_serve import settings, simulated
from trio_wa.simulator.faults import Faults

SHIPPED = Path(__file__).parents[2] / "hypercorn.toml"


FAILING = """
import trio
from trio_wa import service
from trio_wa.asgi import app

async def run(settings, front, *, drain):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(front, None)
        await trio.sleep(0.1)
        raise RuntimeError("a bug")

service.run = run
"""


def command(cwd: Path, *options: str, app: str = "trio_wa.asgi:app") -> tuple[str, ...]:
    """The command with the shipped configuration, on a free port."""
    shutil.copy(SHIPPED, cwd)
    [port] = free_ports(1)
    bind = ("--bind", f"127.0.0.1:{port}")
    return (
        *(sys.executable, "-m", "hypercorn", "-c", "hypercorn.toml"),
        *(*bind, *options, app),
    )


async def test_a_wrong_setting_ends_it_with_one_line_and_2(tmp_path: Path) -> None:
    wrong = settings("http://127.0.0.1:9", pace="foo")
    async with running(tmp_path, command(tmp_path), **wrong) as process:
        with trio.fail_after(30):
            code = await process.wait()
    assert code == 2
    [line] = process.lines
    assert line.startswith("trio-wa: PACE='foo' (environment) must be ")


@pytest.mark.parametrize(
    ("workers", "pace", "said"), [("1", "foo", "PACE='foo'"), ("2", "off", "workers must be 0")]
)
async def test_no_traceback_comes_of_a_worker_of_its_own(
    tmp_path: Path, workers: str, pace: str, said: str
) -> None:
    given = settings("http://127.0.0.1:9", pace=pace)
    async with running(tmp_path, command(tmp_path, "-w", workers), **given) as process:
        with trio.fail_after(30):
            await process.wait()
    lines = [line for line in process.lines if not line.startswith("{")]
    assert len(lines) == 1
    assert lines[0].startswith(f"trio-wa: {said}")


async def test_a_service_that_fails_ends_it_with_its_traceback_and_1(tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text(FAILING)
    started = command(tmp_path, app="failing:app")
    async with running(tmp_path, started, **settings("http://127.0.0.1:9")) as process:
        with trio.fail_after(30):
            code = await process.wait()
    assert code == 1
    assert any("RuntimeError: a bug" in line for line in process.lines)


async def test_a_signal_drains_it_and_a_second_one_does_not_kill_it(tmp_path: Path) -> None:
    started = command(tmp_path)
    transport = httpx.AsyncHTTPTransport(retries=5)  # it says nothing once it listens
    async with (
        simulated(faults=Faults(latency=1.0)) as (simulator, url),
        running(tmp_path, started, **settings(url)) as process,
        httpx.AsyncClient(base_url=f"http://{started[6]}", transport=transport) as http,
    ):
        await process.wait_event("queue.ready")
        body = {"to": "0812-3456-7890", "message": "Hello"}
        assert (await http.post("/send", json=body)).status_code == 202
        process.signal()
        await process.wait_event("service.draining")
        process.signal()
        with trio.fail_after(30):
            code = await process.wait()
        assert (code, len(simulator.journal.delivered)) == (0, 1)
