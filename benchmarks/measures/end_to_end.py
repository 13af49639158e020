"""From the first POST to the last arrival at WAHA."""

import math
from dataclasses import dataclass

from benchmarks.entrants import Entrant
from benchmarks.load import post
from benchmarks.measures.scene import accepted, scene
from benchmarks.rounds import Case, Failed, Figure, Figures, Measure, Sizes, Trial

BATCH = 100


@dataclass(frozen=True, slots=True)
class Condition:
    """How slow WAHA is, how many workers send, and which share of the messages that takes."""

    delay_ms: int
    workers: int
    share: float
    slow_share: float

    @property
    def name(self) -> str:
        return f"WAHA of {self.delay_ms} ms, {self.workers} workers"

    def messages(self, trial: Trial) -> int:
        """At least two for each worker, so that connections are used again."""
        share = self.slow_share if trial.entrant.slow else self.share
        return max(2 * self.workers, int(trial.sizes.messages * share))

    async def run(self, trial: Trial) -> Figures:
        """Post them all, and wait for the last."""
        messages = self.messages(trial)
        async with scene(trial, delay_ms=self.delay_ms, workers=self.workers) as (sink, running):
            load = await post(
                running.port, messages=messages, clients=64, batch=trial.entrant.batch
            )
            accepted(load, messages, trial.entrant.batch)
            arrivals = await sink.reached(messages, within=120.0)
        seconds = arrivals.last - load.started
        if seconds <= 0:
            raise Failed("the last message arrived before the first was posted")
        floor = (math.ceil(messages / self.workers) - 1) * self.delay_ms / 1000
        return {
            "throughput": Figure(messages / seconds, "messages/s"),
            "whole": Figure(seconds, "s"),
            "accepting": Figure(load.ended - load.started, "s"),
            "messages": Figure(messages, "", detail=True),
            **({"share of the ideal": Figure(floor / seconds, "")} if self.delay_ms else {}),
        }


QUICK = (Condition(0, 50, 1.0, 0.2), Condition(50, 50, 1.0, 0.2))
WHOLE = (
    Condition(0, 50, 1.0, 0.2),
    Condition(50, 50, 1.0, 0.1),
    Condition(50, 400, 1.0, 0.1),
    Condition(200, 50, 0.1, 0.05),
)


def cases(entrants: tuple[Entrant, ...], sizes: Sizes) -> tuple[Case, ...]:
    """Each condition for every entrant; who takes batches is also posted to in these."""
    both = tuple(
        one
        for entrant in entrants
        for one in ((entrant, entrant.in_batches(BATCH)) if entrant.ours else (entrant,))
    )
    conditions = QUICK if sizes.quick else WHOLE
    return tuple(Case(condition.name, both, condition.run) for condition in conditions)


END_TO_END = Measure("end-to-end", "from the first POST to the last arrival at WAHA", cases)
