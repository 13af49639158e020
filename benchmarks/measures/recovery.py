"""How soon a service is back after a kill -9 with a long queue on its disk."""

import signal
import time

from benchmarks.entrants import Entrant
from benchmarks.load import post
from benchmarks.measures.scene import accepted, alone, scene, signalled
from benchmarks.process import ended
from benchmarks.rounds import Case, Failed, Figure, Figures, Measure, Sizes, Trial


async def run(trial: Trial) -> Figures:
    """Queue them while there is no WAHA, kill it, and start it again beside one."""
    messages = trial.sizes.killed
    async with alone(trial, queued=messages + 10_000) as running:
        load = await post(running.port, messages=messages, clients=4, batch=1_000)
        accepted(load, messages, 1_000)
        signalled(running.pid, signal.SIGKILL)
        await ended(running.pid, within=10.0)
    began = time.monotonic()
    async with scene(trial, delay_ms=0, queued=messages + 10_000, abandon=True) as (sink, running):
        answered = time.monotonic()
        load = await post(running.port, messages=1, clients=1, first=messages)
        if load.statuses != {202: 1}:
            raise Failed(f"the first accept after the kill was answered {dict(load.statuses)}")
        arrivals = await sink.reached(1, within=60.0)
    return {
        "first send": Figure(arrivals.first - began, "s"),
        "first answer": Figure(answered - began, "s"),
        "first 202": Figure(load.ended - began, "s"),
    }


def cases(entrants: tuple[Entrant, ...], sizes: Sizes) -> tuple[Case, ...]:
    """For those whose messages outlive the process."""
    durable = tuple(entrant for entrant in entrants if entrant.durable)
    return (Case(f"{sizes.killed:,} queued", durable, run),) if durable else ()


RECOVERY = Measure("recovery", "from the start after a kill -9", cases, rounds=3)
