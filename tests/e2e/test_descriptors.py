"""`trio-wa serve` where file descriptors are few."""

import resource
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
import trio

from tests.e2e.process import TRIO_WA, running
from trio_wa.descriptors import LEAST, WANTED

SETTINGS = {
    "waha_url": "http://127.0.0.1:1",
    "waha_sessions": "a,b@http://127.0.0.1:2,c",
    "journal_path": ":memory:",
    "drain_timeout": "0.2s",
}


def limited(option: str) -> tuple[str, ...]:
    """`trio-wa serve` after an `ulimit`."""
    return ("sh", "-c", f'ulimit {option}; exec "$@"', "sh", *TRIO_WA, "serve")


async def test_the_soft_limit_is_raised_to_what_the_workers_and_callers_need(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, limited("-Sn 256"), **SETTINGS, worker_count=100) as process:
        await process.address()
        soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    assert (soft, hard) == (2 * 100 + WANTED, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


async def test_a_hard_limit_below_what_the_workers_hold_ends_the_start_with_one_line(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, limited("-n 1024"), **SETTINGS, worker_count=1000) as process:
        assert await process.wait() == 2
    (line,) = process.lines
    assert line == (
        f"trio-wa: WORKER_COUNT=1000 needs {2000 + LEAST} file descriptors, and this process may"
        " have 1024: raise its hard limit (LimitNOFILE= of systemd, --ulimit nofile= of Docker),"
        f" or set WORKER_COUNT to {(1024 - LEAST) // 2}"
    )


async def test_a_limit_that_no_number_of_workers_fits_names_the_limit_alone(tmp_path: Path) -> None:
    async with running(tmp_path, limited(f"-n {LEAST}"), **SETTINGS) as process:
        assert await process.wait() == 2
    (line,) = process.lines
    assert line.endswith("--ulimit nofile= of Docker)")


async def test_more_callers_than_descriptors_are_told_once_in_a_while(tmp_path: Path) -> None:
    limit = 2 * 5 + LEAST
    async with running(tmp_path, limited(f"-n {limit}"), **SETTINGS, worker_count=5) as process:
        address = httpx.URL(await process.address())
        async with AsyncExitStack() as callers:
            for _ in range(limit):
                stream = await trio.open_tcp_stream(address.host, address.port or 0)
                await callers.enter_async_context(stream)
            await process.wait_line("accept returned EMFILE")
            with pytest.raises(httpx.TimeoutException):
                await httpx.AsyncClient(base_url=address, timeout=1).get("/livez")
        async with httpx.AsyncClient(base_url=address, timeout=20) as http:
            assert (await http.get("/livez")).status_code == 200
    told = [event for event in process.events if "accept returned" in event["event"]]
    assert len(told) == 1
    assert "exception" not in told[0]
