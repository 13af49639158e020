"""What the Python peers have in common: their settings, and what they make of a request."""

import importlib.util
import itertools
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import httpx
from pydantic import BaseModel, Field

from benchmarks.peer import Running, Setting
from benchmarks.process import clean_environment, free_port, serving
from benchmarks.sink_server import SESSIONS

CAPACITY = 10_000
SEND_SECONDS = 15.0

QUEUED = {"status": "queued", "message": "Pesan masuk antrean"}
INVALID = {"error": "Payload invalid"}
FULL = {"error": "Server sibuk, antrean penuh"}


class Job(BaseModel):
    """The body of `POST /send`."""

    to: Annotated[str, Field(min_length=1, strict=True)]
    message: Annotated[str, Field(min_length=1, strict=True)]


@dataclass(frozen=True, slots=True)
class Service:
    """The settings of a peer, from the environment."""

    port: int
    waha_url: str
    sessions: tuple[str, ...]
    workers: int

    @classmethod
    def from_environment(cls) -> "Service":
        """PORT, WAHA_URL, WAHA_SESSIONS and WORKER_COUNT; only WAHA_URL has to be set."""
        return cls(
            port=int(os.environ.get("PORT", "8080")),
            waha_url=os.environ["WAHA_URL"].rstrip("/"),
            sessions=tuple(os.environ.get("WAHA_SESSIONS", ",".join(SESSIONS)).split(",")),
            workers=int(os.environ.get("WORKER_COUNT", "50")),
        )

    def turns(self) -> Iterator[str]:
        """The sessions, one after the other, without end."""
        return itertools.cycle(self.sessions)

    def client(self) -> httpx.AsyncClient:
        """A client for all workers that keeps a connection for each."""
        limits = httpx.Limits(max_connections=self.workers, max_keepalive_connections=self.workers)
        headers = {"X-Api-Key": os.environ.get("WAHA_API_KEY", "")}
        return httpx.AsyncClient(
            base_url=self.waha_url, timeout=SEND_SECONDS, limits=limits, headers=headers
        )


async def send(client: httpx.AsyncClient, job: Job, session: str) -> None:
    """Hand one message to WAHA; what fails is said, and lost."""
    body = {"chatId": f"{job.to}@c.us", "text": job.message, "session": session}
    try:
        response = await client.post("/api/sendText", json=body)
    except httpx.HTTPError as error:
        print(f"lost: {error!r}", file=sys.stderr)
    else:
        if response.status_code not in (200, 201):
            print(f"lost: WAHA said {response.status_code}", file=sys.stderr)


def not_installed(*modules: str) -> str | None:
    """That one of `modules` is not installed; None if all are."""
    for module in modules:
        if importlib.util.find_spec(module) is None:
            return f"{module} is not installed"
    return None


@asynccontextmanager
async def service(command: tuple[str, ...], setting: Setting) -> AsyncIterator[Running]:
    """Run `command`, a service that takes its settings from the environment, for one trial."""
    port = free_port()
    environment = clean_environment(
        PORT=str(port),
        WAHA_URL=setting.waha_url,
        WAHA_SESSIONS=",".join(SESSIONS),
        WORKER_COUNT=str(setting.workers),
    )
    async with serving(command, environment, setting.directory, port=port) as pid:
        yield Running(port, pid)


def module(name: str) -> tuple[str, ...]:
    """The command that runs the module `benchmarks.peers.{name}`."""
    return (sys.executable, "-m", f"benchmarks.peers.{name}")
