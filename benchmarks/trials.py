"""Runs trials one after another, each in an empty directory and within a time."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.entrants import Entrant
from benchmarks.report import shown
from benchmarks.rounds import Case, Failed, Sizes, Taken, Trial, interleaved

TRIAL_SECONDS = 1_800.0
"""No trial takes longer: what does has failed."""


async def measured(
    measure: str, cases: Iterable[Case], rounds: int, sizes: Sizes, say: Callable[[str], None]
) -> list[Taken]:
    """What each trial gave, in the order of the rounds; `say` gets a line for each.

    An entrant that fails is noted, and the others go on.
    """
    taken = []
    for number, case, entrant in interleaved(cases, rounds):
        began = time.monotonic()
        one = await _taken(measure, case, entrant, number, sizes)
        taken.append(one)
        chief = next(iter(one.figures.items()), None)
        result = f"{chief[0]} {shown(chief[1].value)} {chief[1].unit}" if chief else f"{one.failed}"
        seconds = time.monotonic() - began
        say(f"{measure} {number}/{rounds}, {case.name}, {entrant.name}: {result} ({seconds:.1f} s)")
    return taken


async def _taken(measure: str, case: Case, entrant: Entrant, number: int, sizes: Sizes) -> Taken:
    with tempfile.TemporaryDirectory(prefix="benchmark-") as directory:
        try:
            async with asyncio.timeout(TRIAL_SECONDS):
                figures = await case.run(Trial(entrant, Path(directory), sizes))
        except (Failed, OSError, RuntimeError, TimeoutError) as error:
            word = f"failed: {type(error).__name__}: {error}".strip().replace("\n", " | ")
            return Taken(measure, case.name, entrant.name, number, failed=word)
    return Taken(measure, case.name, entrant.name, number, figures)
