"""What a message costs while more and more of them wait."""

from benchmarks.entrants import Entrant
from benchmarks.load import post
from benchmarks.measures.scene import accepted, held, scene
from benchmarks.peer import Running
from benchmarks.rounds import Case, Figure, Figures, Measure, Sizes, Trial
from benchmarks.sink import Sink

BATCH = 1_000
CLIENTS = 4
STEPS = (0.01, 0.1, 0.25, 0.5, 1.0)
POSTED = 10_000
DRAINED = 20_000
"""Twice the queue in memory, so that most of it comes from the disk."""


async def run(trial: Trial) -> Figures:
    """Grow the backlog while WAHA's process is stopped; at each step measure both ends of it."""
    most = trial.sizes.backlog
    accepts: dict[str, Figure] = {}
    sends: dict[str, Figure] = {}
    queued = 0
    async with scene(trial, delay_ms=0, queued=most + 2 * DRAINED * len(STEPS), abandon=True) as (
        sink,
        running,
    ):
        gone = 0
        for size in (max(POSTED, int(most * step)) for step in STEPS):
            with held(sink):
                while size - (queued - gone) > POSTED:
                    more = min(50_000, size - (queued - gone) - POSTED)
                    await _grow(running, more, queued)
                    queued += more
                seconds = await _grow(running, POSTED, queued)
                queued += POSTED
            accepts[f"accept at {size:,}"] = Figure(seconds / POSTED * 1e6, "µs")
            rate, gone = await _drained(sink, min(DRAINED, size // 4))
            sends[f"send at {size:,}"] = Figure(1e6 / rate, "µs")
    return {**accepts, **sends}


async def _grow(running: Running, messages: int, first: int) -> float:
    """Post so many more; the seconds that it took."""
    load = await post(running.port, messages=messages, clients=CLIENTS, batch=BATCH, first=first)
    accepted(load, messages, BATCH)
    return load.ended - load.started


async def _drained(sink: Sink, messages: int) -> tuple[float, int]:
    """Messages a second over the next so many, and how many have arrived in all."""
    before = await sink.arrivals()
    begun = await sink.reached(before.count + messages // 10, within=120.0)
    done = await sink.reached(begun.count + messages, within=120.0)
    return (done.count - begun.count) / (done.last - begun.last), done.count


def cases(entrants: tuple[Entrant, ...], sizes: Sizes) -> tuple[Case, ...]:
    """For those that keep more than a queue in memory holds."""
    durable = tuple(entrant for entrant in entrants if entrant.durable)
    name = f"up to {sizes.backlog:,} queued, batches of {BATCH:,}"
    return (Case(name, durable, run),) if durable else ()


BACKLOG = Measure("backlog", "the cost of a message as the backlog grows", cases, rounds=1)
