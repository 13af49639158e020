"""The order in which peers are measured, and what was measured."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.entrants import Entrant


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that a measurement gave, and its unit; `detail` keeps it out of the table."""

    value: float
    unit: str
    detail: bool = False


Figures = Mapping[str, Figure]


class Failed(Exception):
    """A trial gave no figures; the message says why."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured. `messages` fit into every peer's queue of 10,000."""

    messages: int = 10_000
    through: int = 100_000
    """How many messages go through a service whose memory is watched."""
    killed: int = 100_000
    """How many are queued when it is killed."""
    backlog: int = 1_000_000
    """How many are queued at last where the backlog grows."""
    seconds: float = 4.0
    """How long latencies are sampled at a set rate."""
    quick: bool = False
    """Whether conditions that take long are left out."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One measurement of one entrant, which has an empty directory to itself."""

    entrant: Entrant
    directory: Path
    sizes: Sizes


@dataclass(frozen=True, slots=True)
class Case:
    """A condition under which entrants are measured beside each other.

    `run` gives the figures of one trial; the first of them is the one that is compared.
    """

    name: str
    entrants: tuple[Entrant, ...]
    run: Callable[[Trial], Awaitable[Figures]]


@dataclass(frozen=True, slots=True)
class Measure:
    """What is measured: a question, and the conditions under which it is asked.

    `rounds` bounds the rounds of what takes long; None leaves them to the command line.
    """

    name: str
    title: str
    cases: Callable[[tuple[Entrant, ...], Sizes], tuple[Case, ...]]
    rounds: int | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What one trial gave: figures, or the word of what failed."""

    measure: str
    case: str
    entrant: str
    round: int
    figures: Figures = field(default_factory=dict)
    failed: str | None = None


def interleaved(cases: Iterable[Case], rounds: int) -> Iterator[tuple[int, Case, Entrant]]:
    """Each round runs every case, and in each case every entrant once: A B C, A B C, …

    So what the machine does meanwhile meets all of them alike, and figures of one round compare.
    """
    ordered = tuple(cases)
    for number in range(1, rounds + 1):
        for case in ordered:
            for entrant in case.entrants:
                yield number, case, entrant
