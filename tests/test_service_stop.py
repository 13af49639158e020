"""How long a stop takes where nothing goes as it should."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import trio
import trio.testing

from tests.sqlite_hold import Hold
from trio_wa import service
from trio_wa.adapters.sqlite import SqliteStore
from trio_wa.config import Settings, load_settings
from trio_wa.core.session import Session
from trio_wa.intake.http import Request
from trio_wa.ports import Publish, StoreUnavailable
from trio_wa.simulator.faults import Faults
from trio_wa.simulator.options import SimulatorOptions
from trio_wa.simulator.server import serve_simulator
from trio_wa.simulator.simulator import Simulator
from trio_wa.web.hypercorn_config import DEFAULTS

DOCKER_SECONDS = 10.0
"""How long `docker stop` waits before it kills."""


def send(n: int) -> Request:
    body = json.dumps({"to": f"62812{n:07}", "message": "Hello"}).encode()
    return Request("POST", "/send", {}, {}, "127.0.0.1", body)


async def hang(store: SqliteStore, hold: Hold) -> None:
    with suppress(StoreUnavailable):
        await store._writer.write(hold)


async def test_a_stop_with_hanging_sends_on_a_hanging_disk_ends_before_docker_kills(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    stop, stores = trio.Event(), list[SqliteStore]()
    simulator = Simulator(SimulatorOptions(faults=Faults(latency=600.0), message_ids=False))

    async def front(intake: service.Intake) -> None:
        for n in range(3):
            assert (await intake(send(n))).status == 202
        await stop.wait()
        await trio.sleep(float(DEFAULTS["graceful_timeout"]))  # a request that does not end

    @asynccontextmanager
    async def opening(settings: Settings, publish: Publish) -> AsyncIterator[SqliteStore]:
        async with service.open_store(settings, publish) as store:
            assert isinstance(store, SqliteStore)
            stores.append(store)
            yield store

    async with trio.open_nursery() as waha, trio.open_nursery() as nursery:
        url = await waha.start(partial(serve_simulator, simulator, stop=trio.Event()))
        settings = load_settings(
            None,
            waha_url=url,
            sessions=(Session("default", url),),
            journal_path=str(tmp_path / "store.db"),
            min_free_disk=0,
        )
        run = partial(service.run, settings, front, drain=trio.CancelScope(), opening=opening)
        async with trio.open_nursery() as running:
            running.start_soon(run)
            while len(simulator.requests) < 3:
                await trio.testing.wait_all_tasks_blocked(0.01)
            hold = Hold(stores[0])
            nursery.start_soon(hang, stores[0], hold)
            assert await trio.to_thread.run_sync(hold.begun.wait, 10)
            mock_clock.autojump_threshold = 0.01
            stopped_at = trio.current_time()
            stop.set()
        took = trio.current_time() - stopped_at
        hold.release()
        waha.cancel_scope.cancel()
    assert took >= float(DEFAULTS["graceful_timeout"]) + (settings.drain_seconds or 0)
    assert took < DOCKER_SECONDS
