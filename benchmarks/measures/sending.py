"""The send path alone: a queue that was filled before drains as fast as it can."""

from benchmarks.entrants import Entrant
from benchmarks.load import post
from benchmarks.measures.scene import accepted, held, scene
from benchmarks.rounds import Case, Figure, Figures, Measure, Sizes, Trial


async def run(trial: Trial) -> Figures:
    """Fill the queue while WAHA's process is stopped, then let that go on.

    So nothing is posted while messages are sent, and every peer is held in the same way: its
    workers wait for answers.
    """
    messages = trial.sizes.messages // (5 if trial.entrant.slow else 1)
    async with scene(trial, delay_ms=0) as (sink, running):
        with held(sink):
            batch = 100 if trial.entrant.ours else 1
            load = await post(running.port, messages=messages, clients=16, batch=batch)
            accepted(load, messages, batch)
        arrivals = await sink.reached(messages, within=120.0)
    seconds = arrivals.last - arrivals.first
    return {
        "sends": Figure(messages / seconds, "messages/s"),
        "per message": Figure(seconds / messages * 1e6, "µs"),
    }


def cases(entrants: tuple[Entrant, ...], _sizes: Sizes) -> tuple[Case, ...]:
    """One case, for all."""
    return (Case("WAHA of 0 ms, 50 workers", entrants, run),)


SEND = Measure("send", "a full queue drains, and nothing is accepted meanwhile", cases)
