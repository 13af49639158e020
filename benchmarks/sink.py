"""A WAHA that takes every message, in a process of its own: `python -m benchmarks.sink`."""

import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ask import ask
from benchmarks.process import clean_environment, free_port, serving


@dataclass(frozen=True, slots=True)
class Arrivals:
    """When sends came in, in CLOCK_MONOTONIC seconds, which all processes share; and how many.

    `first` and `last` are 0 where none came. `connections` is how many were opened meanwhile.
    """

    first: float
    last: float
    count: int
    connections: int


@dataclass(frozen=True, slots=True)
class Sink:
    """A WAHA that counts the messages it is sent."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        """Its base URL, as in WAHA_URL."""
        return f"http://127.0.0.1:{self.port}"

    async def reset(self) -> None:
        """Count from nothing again."""
        await ask(self.port, "/sink/reset", method="POST")

    async def arrivals(self) -> Arrivals:
        """What came in since the last reset."""
        return Arrivals(**(await ask(self.port, "/sink/count")).json())

    async def reached(self, count: int, *, within: float) -> Arrivals:
        """What had come in when the send number `count` since the last reset came.

        Raises TimeoutError if it does not come `within` seconds.
        """
        answer = await ask(self.port, f"/sink/wait?count={count}", within=within)
        return Arrivals(**answer.json())


@asynccontextmanager
async def running_sink(delay_ms: float) -> AsyncIterator[Sink]:
    """A sink that answers each send after `delay_ms` milliseconds, never sooner."""
    port = free_port()
    command = (
        sys.executable, "-m", "benchmarks.sink", "--port", str(port), "--delay-ms", str(delay_ms),
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="sink-") as directory:
        place = Path(directory)
        async with serving(command, clean_environment(), place, port=port, path="/ping") as pid:
            yield Sink(port, pid)


if __name__ == "__main__":
    from benchmarks.sink_server import main

    main()
