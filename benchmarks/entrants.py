"""The services that can be measured, under the names that the command line knows."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from benchmarks.peer import Peer


@dataclass(frozen=True, slots=True)
class Entrant:
    """A service as it takes part: how to make it, and how it is posted to.

    `backlog` is how many messages its peer is to hold; only trio-wa keeps more than 10,000.
    """

    key: str
    name: str
    peer: Callable[[int], Peer]
    ours: bool = False
    durable: bool = False
    slow: bool = False
    """So slow that it gets fewer messages, for the run to end in time."""
    batch: int = 1

    def in_batches(self, size: int) -> "Entrant":
        """The same service, posted to in arrays of `size`."""
        return replace(self, name=f"{self.name}, batches of {size:,}", batch=size)
