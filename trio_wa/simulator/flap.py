"""A session that comes and goes."""

from dataclasses import dataclass

from pydantic import ConfigDict

from trio_wa.simulator.faults import Exponential, Latency, Status, Uniform


@dataclass(frozen=True, slots=True)
class Flap:
    """A session works for `every` seconds, then has the status `to` for `down` seconds, and so on.

    Both may be drawn anew each time, as `Uniform` or `Exponential` say.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    session: str
    every: Latency
    down: Latency
    to: Status = "FAILED"

    def __post_init__(self) -> None:
        if not (_takes_time(self.every) and _takes_time(self.down)):
            raise ValueError("a session flaps every so many seconds, more than 0, and so is down")
        if self.to == "WORKING":
            raise ValueError("a session that flaps does not go to WORKING")


def _takes_time(latency: Latency) -> bool:
    match latency:
        case Uniform(_, high):
            return high > 0
        case Exponential():
            return True
        case _:
            return 0 < latency < float("inf")
