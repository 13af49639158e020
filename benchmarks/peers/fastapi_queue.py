"""A peer as one writes it on FastAPI: an asyncio.Queue, and tasks that share an httpx client.

It runs on uvicorn with uvloop and httptools, its fastest setting, and without an access log.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from benchmarks.peer import Running, Setting
from benchmarks.peers.queued import (
    CAPACITY,
    FULL,
    INVALID,
    QUEUED,
    Job,
    Service,
    module,
    not_installed,
    send,
    service,
)


@dataclass(frozen=True, slots=True)
class FastApiQueue:
    """FastAPI on uvicorn; messages live in memory."""

    @property
    def name(self) -> str:
        """What the table calls it."""
        return "FastAPI, uvicorn, httpx"

    def missing(self) -> str | None:
        """What of it is not installed; None if it can run."""
        return not_installed("fastapi", "uvicorn", "uvloop", "httptools")

    def run(self, setting: Setting) -> AbstractAsyncContextManager[Running]:
        """Start it, and stop it at the end."""
        return service(module("fastapi_queue"), setting)


async def work(
    queue: asyncio.Queue[Job | None], client: httpx.AsyncClient, turns: Iterator[str]
) -> None:
    """Send what is queued until a None comes."""
    while (job := await queue.get()) is not None:
        await send(client, job, next(turns))


def application(settings: Service) -> Any:
    """The FastAPI application."""
    from fastapi import FastAPI
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse

    queue: asyncio.Queue[Job | None] = asyncio.Queue(CAPACITY)

    @asynccontextmanager
    async def workers(_app: FastAPI) -> AsyncIterator[None]:
        turns = settings.turns()
        async with settings.client() as client, asyncio.TaskGroup() as group:
            for _ in range(settings.workers):
                group.create_task(work(queue, client, turns))
            yield
            for _ in range(settings.workers):
                await queue.put(None)

    app = FastAPI(lifespan=workers)

    @app.exception_handler(RequestValidationError)
    async def refuse(_request: Any, _error: Exception) -> JSONResponse:
        return JSONResponse(INVALID, 400)

    @app.post("/send", status_code=202)
    async def accept(job: Job) -> JSONResponse:
        try:
            queue.put_nowait(job)
        except asyncio.QueueFull:
            return JSONResponse(FULL, 503)
        return JSONResponse(QUEUED, 202)

    return app


def main() -> None:
    """Serve on PORT of 127.0.0.1 until SIGTERM, and send what is queued."""
    import uvicorn

    settings = Service.from_environment()
    uvicorn.run(
        application(settings),
        host="127.0.0.1",
        port=settings.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
