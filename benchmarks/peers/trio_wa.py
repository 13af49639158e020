"""trio-wa itself, as it is measured: `trio-wa serve`, with its settings in the environment."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from benchmarks.peer import Running, Setting
from benchmarks.process import clean_environment, free_port, serving
from benchmarks.sink_server import SESSIONS

QUEUE_CAPACITY = 10_000


@dataclass(frozen=True, slots=True)
class TrioWa:
    """`trio-wa serve` without a pace and without ids, its log at the default level in a file.

    Messages are on disk before they are accepted if it is `durable` and its setting is too; else
    they live in memory. `backlog` is how many it holds at most, of which 10,000 are in memory where
    the rest can lie on disk.
    """

    durable: bool = True
    backlog: int = QUEUE_CAPACITY

    @property
    def name(self) -> str:
        """What the table calls it."""
        return "trio-wa, durable" if self.durable else "trio-wa, in memory"

    def missing(self) -> str | None:
        """None: it is always here."""
        return None

    @asynccontextmanager
    async def run(self, setting: Setting) -> AsyncIterator[Running]:
        """Start it in the setting's directory, and stop it at the end."""
        port = free_port()
        durable = self.durable and setting.durable
        environment = clean_environment(
            PORT=str(port),
            HOST="127.0.0.1",
            WAHA_URL=setting.waha_url,
            WAHA_SESSIONS=",".join(SESSIONS),
            WORKER_COUNT=str(setting.workers),
            JOURNAL_PATH=str(setting.directory / "trio-wa.db") if durable else ":memory:",
            QUEUE_CAPACITY=str(QUEUE_CAPACITY if durable else self.backlog),
            MAX_BACKLOG=str(self.backlog),
            MESSAGE_IDS="off",
            PACE="off",
        )
        command = (sys.executable, "-m", "trio_wa", "serve")
        async with serving(command, environment, setting.directory, port=port) as pid:
            yield Running(port, pid)


if __name__ == "__main__":
    from trio_wa.cli import main

    main(["serve"])
