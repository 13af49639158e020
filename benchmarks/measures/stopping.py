"""How long a service takes to end after SIGTERM, and what it sends before it does."""

import signal
import time

from benchmarks.entrants import Entrant
from benchmarks.load import post
from benchmarks.measures.scene import accepted, scene, signalled
from benchmarks.process import ended
from benchmarks.rounds import Case, Figure, Figures, Measure, Sizes, Trial

DELAY_MS = 200
WITHIN = 30.0


async def idle(trial: Trial) -> Figures:
    """Stop one that has sent a little, and has nothing left to send."""
    async with scene(trial, delay_ms=0) as (sink, running):
        accepted(await post(running.port, messages=100, clients=4), 100)
        await sink.reached(100, within=30.0)
        seconds = await _stopped(running.pid)
    return {"to its end": Figure(seconds, "s")}


async def busy(trial: Trial) -> Figures:
    """Stop one whose workers wait for WAHA and whose queue is not empty."""
    messages = max(200, trial.sizes.messages // 10)
    async with scene(trial, delay_ms=DELAY_MS) as (sink, running):
        accepted(await post(running.port, messages=messages, clients=16), messages)
        seconds = await _stopped(running.pid)
        arrived = (await sink.arrivals()).count
    return {
        "to its end": Figure(seconds, "s"),
        "left unsent": Figure(messages - arrived, "messages"),
        "messages": Figure(messages, "", detail=True),
    }


async def _stopped(pid: int) -> float:
    began = time.monotonic()
    signalled(pid, signal.SIGTERM)
    return await ended(pid, within=WITHIN) - began


def cases(entrants: tuple[Entrant, ...], _sizes: Sizes) -> tuple[Case, ...]:
    """Idle, and with messages in flight."""
    return (
        Case("idle", entrants, idle),
        Case(f"messages in flight, WAHA of {DELAY_MS} ms", entrants, busy),
    )


STOP = Measure("stop", "from SIGTERM to the end of the process", cases, rounds=2)
