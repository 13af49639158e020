"""What the benchmarks need to know of a service that is measured.

The benchmarks themselves run on asyncio (`benchmarks.loop.run`), with uvloop where it is installed:
a load must cost its service nothing. What is measured runs in processes of its own.
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Setting:
    """How a peer is to run: where its WAHA is, with how many workers, in which directory.

    `durable` says whether messages outlive the process, where the peer has the choice.
    """

    waha_url: str
    workers: int
    directory: Path
    durable: bool = True


@dataclass(frozen=True, slots=True)
class Running:
    """A peer that answers on `127.0.0.1:port`; `pid` is the process that does the work."""

    port: int
    pid: int


class Peer(Protocol):
    """A service that is measured."""

    @property
    def name(self) -> str:
        """What the table calls it."""

    def missing(self) -> str | None:
        """Why it cannot be measured here, in a word; None if it can."""

    def run(self, setting: Setting) -> AbstractAsyncContextManager[Running]:
        """Start it, wait until it answers, and stop it at the end (SIGTERM, then SIGKILL)."""
