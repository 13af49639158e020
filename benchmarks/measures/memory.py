"""How much memory a service needs: at its start, with a full queue, and after much traffic."""

from benchmarks.entrants import Entrant
from benchmarks.load import post
from benchmarks.measures.scene import accepted, held, scene
from benchmarks.process import resident
from benchmarks.rounds import Case, Figure, Figures, Measure, Sizes, Trial

MEGABYTE = 1e6
STEPS = 10


async def queued(trial: Trial) -> Figures:
    """Fill the queue while WAHA's process is stopped."""
    messages = trial.sizes.messages
    async with scene(trial, delay_ms=0, abandon=True) as (sink, running):
        start = resident(running.pid)
        with held(sink):
            load = await post(running.port, messages=messages, clients=16)
            accepted(load, messages)
            full = resident(running.pid)
    return {
        f"with {messages:,} queued": Figure(full / MEGABYTE, "MB"),
        "at start": Figure(start / MEGABYTE, "MB"),
        "per 10,000 queued": Figure((full - start) * 10_000 / messages / MEGABYTE, "MB"),
    }


async def through(trial: Trial) -> Figures:
    """Send wave after wave, and look at each tenth of them."""
    wave = min(trial.sizes.messages, 5_000)
    batch = 100 if trial.entrant.ours else 1
    step = max(wave, trial.sizes.through // STEPS // wave * wave)
    samples: list[int] = []
    async with scene(trial, delay_ms=0) as (sink, running):
        for gone in range(wave, step * STEPS + 1, wave):
            load = await post(running.port, messages=wave, clients=16, batch=batch, first=gone)
            accepted(load, wave, batch)
            await sink.reached(gone, within=120.0)
            if gone % step == 0:
                samples.append(resident(running.pid))
    half, whole = STEPS // 2, STEPS
    after = {
        number: Figure(sample / MEGABYTE, "MB", detail=number not in (1, half, whole))
        for number, sample in enumerate(samples, start=1)
    }
    growth = Figure(after[whole].value - after[half].value, "MB")
    return {
        f"after {step * whole:,}": after[whole],
        "growth since the half": growth,
        **{f"after {step * number:,}": after[number] for number in range(1, whole)},
    }


def cases(entrants: tuple[Entrant, ...], sizes: Sizes) -> tuple[Case, ...]:
    """A full queue for all; much traffic for those that get it through in time."""
    fast = tuple(entrant for entrant in entrants if not entrant.slow)
    return (
        Case("queue full", entrants, queued),
        Case(f"{sizes.through:,} through", fast, through),
    )


MEMORY = Measure("memory", "resident memory, in all", cases, rounds=1)
