"""How fast batches are accepted."""

from benchmarks.entrants import Entrant
from benchmarks.load import post
from benchmarks.measures.latency import percentile
from benchmarks.measures.scene import accepted, alone
from benchmarks.rounds import Case, Figure, Figures, Measure, Sizes, Trial

SIZES = (100, 1_000)
CLIENTS = 4


async def run(trial: Trial) -> Figures:
    """Post as many as a queue holds while there is no WAHA at all."""
    batch, messages = trial.entrant.batch, trial.sizes.messages
    async with alone(trial) as running:
        load = await post(running.port, messages=messages, clients=CLIENTS, batch=batch)
        accepted(load, messages, batch)
    return {
        "accepts": Figure(messages / (load.ended - load.started), "messages/s"),
        "p50 of a request": Figure(percentile(load.latencies, 50) * 1000, "ms"),
        "slowest request": Figure(max(load.latencies) * 1000, "ms"),
    }


def cases(entrants: tuple[Entrant, ...], _sizes: Sizes) -> tuple[Case, ...]:
    """Both sizes beside each other, for who takes batches."""
    takers = tuple(
        entrant.in_batches(size) for entrant in entrants if entrant.ours for size in SIZES
    )
    return (Case(f"WAHA away, {CLIENTS} clients", takers, run),) if takers else ()


BATCHES = Measure("batches", "202s of a batch route while WAHA is away", cases)
