"""How long an accept takes at a set rate, when idle and while a full queue drains."""

from collections.abc import Sequence

from benchmarks.entrants import Entrant
from benchmarks.load import post
from benchmarks.measures.scene import accepted, scene
from benchmarks.rounds import Case, Failed, Figure, Figures, Measure, Sizes, Trial

RATE = 200
DELAY_MS = 100
"""With 50 workers 500 messages/s leave: 10,000 drain for 20 s, longer than is measured."""


def percentile(values: Sequence[float], percent: float) -> float:
    """The least value that so many percent do not exceed (nearest rank)."""
    ordered = sorted(values)
    if not ordered:
        raise Failed("nothing was measured")
    return ordered[min(len(ordered) - 1, max(0, -int(-len(ordered) * percent // 100) - 1))]


async def run(trial: Trial) -> Figures:
    """Sample an idle service, fill its queue, and sample it again in the same process."""
    samples = max(100, int(RATE * trial.sizes.seconds))
    room = samples  # the samples take places of the queue too
    filling = max(samples, trial.sizes.messages - room)
    async with scene(trial, delay_ms=DELAY_MS, abandon=True) as (sink, running):
        idle = await post(running.port, messages=samples, clients=16, rate=RATE)
        accepted(idle, samples)
        await sink.reached(samples, within=30.0)
        filled = await post(running.port, messages=filling, clients=64, first=samples)
        accepted(filled, filling)
        draining = await post(
            running.port, messages=samples, clients=16, rate=RATE, first=samples + filling
        )
        accepted(draining, samples)
        arrived = (await sink.arrivals()).count
    if arrived >= 2 * samples + filling:
        raise Failed("the queue was empty before the measurement ended")
    idle_p99, draining_p99 = (percentile(load.latencies, 99) for load in (idle, draining))
    return {
        "p99 draining": Figure(draining_p99 * 1000, "ms"),
        "p99 idle": Figure(idle_p99 * 1000, "ms"),
        "p50 draining": Figure(percentile(draining.latencies, 50) * 1000, "ms"),
        "p50 idle": Figure(percentile(idle.latencies, 50) * 1000, "ms"),
        "p99 draining to idle": Figure(draining_p99 / idle_p99, "times"),
    }


def cases(entrants: tuple[Entrant, ...], _sizes: Sizes) -> tuple[Case, ...]:
    """One case, for all."""
    return (Case(f"{RATE} a second, WAHA of {DELAY_MS} ms", entrants, run),)


LATENCY = Measure(
    "latency", "how long an accept takes, idle and while a queue drains", cases, rounds=3
)
