"""How fast single messages are accepted."""

from benchmarks.entrants import Entrant
from benchmarks.load import post
from benchmarks.measures.latency import percentile
from benchmarks.measures.scene import accepted, scene
from benchmarks.rounds import Case, Figure, Figures, Measure, Sizes, Trial

CLIENTS = 64
DELAY_MS = 1_000
"""So slow a WAHA that nothing but the accept takes time."""


async def run(trial: Trial) -> Figures:
    """Post as fast as 64 clients can."""
    messages = trial.sizes.messages // (5 if trial.entrant.slow else 1)
    async with scene(trial, delay_ms=DELAY_MS, abandon=True) as (_, running):
        load = await post(running.port, messages=messages, clients=CLIENTS)
        accepted(load, messages)
    return {
        "accepts": Figure(messages / (load.ended - load.started), "messages/s"),
        "p50": Figure(percentile(load.latencies, 50) * 1000, "ms"),
        "p99": Figure(percentile(load.latencies, 99) * 1000, "ms"),
    }


def cases(entrants: tuple[Entrant, ...], _sizes: Sizes) -> tuple[Case, ...]:
    """One case, for all."""
    return (Case(f"singly, {CLIENTS} clients", entrants, run),)


ACCEPT = Measure("accept", "202s a second while WAHA is slow", cases)
