"""What every measure begins with: a WAHA, and an entrant that answers beside it."""

import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from benchmarks.load import Load
from benchmarks.peer import Running, Setting
from benchmarks.process import ended, free_port
from benchmarks.rounds import Failed, Trial
from benchmarks.sink import Sink, running_sink

WORKERS = 50
QUEUE = 10_000
"""How many messages every peer's queue holds."""

KILL_SECONDS = 10.0


@asynccontextmanager
async def scene(
    trial: Trial,
    *,
    delay_ms: float,
    workers: int = WORKERS,
    queued: int = QUEUE,
    abandon: bool = False,
) -> AsyncIterator[tuple[Sink, Running]]:
    """A WAHA that answers after `delay_ms`, and the entrant with so many workers before it.

    `queued` is how many messages may wait. With `abandon` the entrant is killed at the end: what
    it has not sent would take long, and nobody waits for it.
    """
    async with (
        running_sink(delay_ms) as sink,
        started(trial, sink.url, workers=workers, queued=queued, abandon=abandon) as running,
    ):
        yield sink, running


@asynccontextmanager
async def alone(trial: Trial, *, queued: int = QUEUE) -> AsyncIterator[Running]:
    """The entrant, while nobody listens where its WAHA should be; killed at the end."""
    url = f"http://127.0.0.1:{free_port()}"
    async with started(trial, url, workers=WORKERS, queued=queued, abandon=True) as running:
        yield running


@asynccontextmanager
async def started(
    trial: Trial, waha_url: str, *, workers: int, queued: int, abandon: bool
) -> AsyncIterator[Running]:
    """The entrant, once it answers."""
    entrant = trial.entrant
    setting = Setting(waha_url, workers, trial.directory, durable=entrant.durable)
    async with entrant.peer(queued).run(setting) as running:
        try:
            yield running
        finally:
            if abandon:
                signalled(running.pid, signal.SIGKILL)
                await ended(running.pid, within=KILL_SECONDS)


@contextmanager
def held(sink: Sink) -> Iterator[None]:
    """Stop WAHA's process meanwhile: it takes connections and requests, and answers none."""
    signalled(sink.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        signalled(sink.pid, signal.SIGCONT)


def signalled(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process of the scene, if it still runs."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def accepted(load: Load, messages: int, batch: int = 1) -> None:
    """Raise `Failed` unless every request was answered 202: figures of less compare with none."""
    expected = -(-messages // batch)
    if load.statuses != {202: expected}:
        raise Failed(f"{expected} requests were answered {dict(load.statuses)}")
