"""The processes of the benchmarks: start one, wait until it answers, weigh it, stop it.

Linux only: it reads /proc, and waits on file descriptors of processes.
"""

import asyncio
import contextlib
import os
import resource
import signal
import socket
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.ask import ask

ROOT = Path(__file__).resolve().parent.parent
"""The working tree: `python -m` finds the benchmarks and trio_wa in it."""

START_SECONDS = 30.0
STOP_SECONDS = 10.0
"""How long a process has after SIGTERM, as with `docker stop`."""

_LOOK_SECONDS = 0.02


def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def clean_environment(**variables: str) -> dict[str, str]:
    """`variables`, and of our own environment only what a program needs to start."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), **variables}


@asynccontextmanager
async def serving(
    command: Sequence[str],
    environment: Mapping[str, str],
    directory: Path,
    *,
    port: int,
    path: str = "/livez",
) -> AsyncIterator[int]:
    """Run `command` in `directory`; its pid, once it answers `path` on `port`, in whatever way.

    It is stopped at the end: SIGTERM, then SIGKILL. What it prints goes to `output.log` there, of
    which RuntimeError shows the end if it does not come to answer.
    """
    with (directory / "output.log").open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=directory, env=environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=output, stderr=output,
        )  # fmt: skip
    try:
        try:
            await _answers(process, port, path)
        except (RuntimeError, TimeoutError) as error:
            said = (directory / "output.log").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{command} did not come to answer: {said}") from error
        yield process.pid
    finally:
        await _stop(process)


async def ended(pid: int, *, within: float) -> float:
    """When the process `pid`, one of ours, ended or was seen to have: in CLOCK_MONOTONIC seconds.

    Raises TimeoutError if it still runs after `within` seconds.
    """
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return time.monotonic()
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    try:
        loop.add_reader(watched, over.set)
        async with asyncio.timeout(within):
            await over.wait()
        return time.monotonic()
    finally:
        loop.remove_reader(watched)
        os.close(watched)


def resident(pid: int) -> int:
    """The bytes of memory that the process `pid` holds now (RSS)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


async def _answers(process: asyncio.subprocess.Process, port: int, path: str) -> None:
    async with asyncio.timeout(START_SECONDS):
        while process.returncode is None:
            try:
                await ask(port, path)
            except OSError:
                await asyncio.sleep(_LOOK_SECONDS)
            else:
                return
    raise RuntimeError(f"it ended with {process.returncode}")


async def _stop(process: asyncio.subprocess.Process) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
