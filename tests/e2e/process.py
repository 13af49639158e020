"""trio-wa as a real process, as its users run it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import trio

START_SECONDS = 30.0
TRIO_WA = (sys.executable, "-m", "trio_wa")
LATER = """
import time
now = time.time
time.time = lambda: now() + {seconds}
from trio_wa.cli import main
main()
"""


def serving_later(seconds: float) -> tuple[str, ...]:
    """The command of a `trio-wa serve` on a machine whose clock is so far ahead of ours.

    To a service that was down before, it is started so much later.
    """
    return (sys.executable, "-c", LATER.format(seconds=seconds), "serve")


@dataclass
class Process:
    """A running process and what it has logged; `address` once it listens."""

    popen: subprocess.Popen[bytes]
    lines: list[str] = field(default_factory=list)
    ended: trio.Event = field(default_factory=trio.Event)
    _news: trio.Event = field(default_factory=trio.Event)

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def events(self) -> list[dict[str, Any]]:
        """The lines of its log that are JSON."""
        return [json.loads(line) for line in self.lines if line.startswith("{")]

    async def wait_line(self, part: str) -> str:
        """The first line that has `part` in it."""
        with trio.fail_after(START_SECONDS):
            while True:
                news = self._news
                for line in self.lines:
                    if part in line:
                        return line
                if self.ended.is_set():
                    raise AssertionError(f"no {part} in:\n" + "\n".join(self.lines))
                await news.wait()

    async def wait_event(self, name: str) -> dict[str, Any]:
        """The first log event of that name."""
        event: dict[str, Any] = json.loads(await self.wait_line(f'"event":"{name}"'))
        return event

    async def address(self) -> str:
        """Where it listens."""
        return str((await self.wait_event("service.listening"))["address"])

    async def wait(self) -> int:
        """Its exit code."""
        await self.ended.wait()
        return await trio.to_thread.run_sync(self.popen.wait)

    def signal(self, number: int = signal.SIGTERM) -> None:
        self.popen.send_signal(number)

    async def read(self) -> None:
        assert self.popen.stderr is not None
        rest = b""
        async with trio.lowlevel.FdStream(os.dup(self.popen.stderr.fileno())) as stream:
            async for data in stream:
                *lines, rest = (rest + data).split(b"\n")
                self._add(lines)
        self._add([rest] if rest else [])
        self.ended.set()
        self._tell()

    def _add(self, lines: list[bytes]) -> None:
        self.lines.extend(line.decode() for line in lines)
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = trio.Event()


@asynccontextmanager
async def running(
    cwd: Path, command: Sequence[str] = (*TRIO_WA, "serve"), **settings: object
) -> AsyncIterator[Process]:
    """A process in `cwd`, on a free port, with these settings; killed at the end."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("WAHA_")},
        "PORT": "0",
        "LOG_FORMAT": "json",
        **{name.upper(): str(value) for name, value in settings.items()},
    }
    popen = subprocess.Popen(  # noqa: ASYNC220 - Trio's own would wait for it to end, not kill it
        command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    process = Process(popen)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(process.read)
        try:
            yield process
        finally:
            popen.kill()
            popen.wait()
            assert popen.stderr is not None
            popen.stderr.close()


async def send_all(
    address: str, messages: Sequence[dict[str, object]], clients: int = 8
) -> list[str]:
    """POST every message, over a few keep-alive connections; the ids of those accepted."""
    ids: list[str] = []
    waiting = list(reversed(messages))

    async def client() -> None:
        async with httpx.AsyncClient(base_url=address, timeout=30) as http:
            while waiting:
                response = await http.post("/send", json=waiting.pop())
                assert response.status_code == 202, response.text
                ids.append(response.json()["id"])

    async with trio.open_nursery() as nursery:
        for _ in range(clients):
            nursery.start_soon(client)
    return ids
