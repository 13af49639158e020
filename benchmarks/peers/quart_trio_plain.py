"""A peer as one writes it on Trio at first: Quart-Trio on Hypercorn, workers with one httpx client.

It is what trio-wa is made of, without what trio-wa does to be fast, and without its store.
"""

import signal
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import httpx
import hypercorn.trio
import trio
from hypercorn.config import Config
from pydantic import ValidationError
from quart import request
from quart_trio import QuartTrio

from benchmarks.peer import Running, Setting
from benchmarks.peers.queued import (
    CAPACITY,
    FULL,
    INVALID,
    QUEUED,
    Job,
    Service,
    module,
    send,
    service,
)


@dataclass(frozen=True, slots=True)
class QuartTrioPlain:
    """Quart-Trio on Hypercorn; messages live in memory."""

    @property
    def name(self) -> str:
        """What the table calls it."""
        return "Quart-Trio, Hypercorn, httpx"

    def missing(self) -> str | None:
        """None: trio-wa needs all of it too."""
        return None

    def run(self, setting: Setting) -> AbstractAsyncContextManager[Running]:
        """Start it, and stop it at the end."""
        return service(module("quart_trio_plain"), setting)


def application(queue: trio.MemorySendChannel[Job]) -> QuartTrio:
    """The Quart application, which puts what it accepts on `queue`."""
    app = QuartTrio(__name__)

    @app.post("/send")
    async def accept() -> tuple[dict[str, str], int]:
        try:
            queue.send_nowait(Job.model_validate_json(await request.get_data()))
        except ValidationError:
            return INVALID, 400
        except trio.WouldBlock:
            return FULL, 503
        return QUEUED, 202

    return app


async def work(
    jobs: trio.MemoryReceiveChannel[Job], client: httpx.AsyncClient, turns: Iterator[str]
) -> None:
    """Send what is queued until no more can come."""
    async for job in jobs:
        await send(client, job, next(turns))


async def serve(settings: Service) -> None:
    """Serve on PORT of 127.0.0.1 until SIGTERM, and send what is queued."""
    config = Config()
    config.bind = [f"127.0.0.1:{settings.port}"]
    config.loglevel = "warning"
    config.graceful_timeout = 1.0  # seconds, of which it always takes all
    queue, jobs = trio.open_memory_channel[Job](CAPACITY)
    turns = settings.turns()
    async with settings.client() as client, trio.open_nursery() as nursery:
        for _ in range(settings.workers):
            nursery.start_soon(work, jobs, client, turns)
        async with queue:
            await hypercorn.trio.serve(
                application(queue),
                config,
                shutdown_trigger=_terminated,
            )


async def _terminated() -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        await anext(aiter(signals))


if __name__ == "__main__":
    trio.run(serve, Service.from_environment())
