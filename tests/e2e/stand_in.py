"""A small app on our server, as a process: what the server and nginx are tested with."""

import contextlib
import json
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import trio
from quart import request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from trio_wa.web.hypercorn_config import load_hypercorn_config
from trio_wa.web.server import serve

PROBLEM = {"Content-Type": "application/problem+json"}

app = QuartTrio("stand-in")
app.config["MAX_CONTENT_LENGTH"] = 1_048_576


@app.get("/livez")
async def livez() -> dict[str, str]:
    return {"status": "alive"}


@app.post("/send")
async def send() -> Any:
    try:
        json.loads(await request.get_data())
    except ValueError:
        return {"status": 400}, 400, PROBLEM
    return {"status": "queued"}, 202


@app.get("/seen")
async def seen() -> dict[str, Any]:
    """What arrived: by which connection, in which version, with which headers."""
    _, port = request.scope["client"]
    headers = {name.lower(): value for name, value in request.headers.items()}
    return {"port": port, "version": request.http_version, "headers": headers}


@app.errorhandler(HTTPException)
async def problem(error: HTTPException) -> Any:
    return {"status": error.code}, error.code, PROBLEM


async def main() -> None:
    stop = trio.Event()
    config = load_hypercorn_config(None, bind="127.0.0.1:0")

    async def run(task_status: trio.TaskStatus[list[str]]) -> None:
        await serve(app, config, stop=stop, task_status=task_status)

    async with trio.open_nursery() as nursery:
        with trio.open_signal_receiver(signal.SIGTERM) as signals:
            (address,) = await nursery.start(run)
            print(address, flush=True)  # noqa: T201  # the parent waits for it
            await anext(signals)
        stop.set()


@dataclass(frozen=True, slots=True)
class Process:
    """A running process and where it listens ("http://127.0.0.1:PORT")."""

    popen: subprocess.Popen[str]
    address: str

    @property
    def endpoint(self) -> tuple[str, int]:
        host, port = self.address.removeprefix("http://").split(":")
        return host, int(port)


@contextlib.contextmanager
def running() -> Iterator[Process]:
    """Start it; at the end it must still run, stop at SIGTERM with code 0 and have said nothing."""
    popen = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.stand_in"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert popen.stdout is not None
        assert select.select([popen.stdout], [], [], 20)[0], "the server did not start"
        yield Process(popen, popen.stdout.readline().strip())
        assert popen.poll() is None, "the server died"
        popen.send_signal(signal.SIGTERM)
        _, errors = popen.communicate(timeout=5)
        assert popen.returncode == 0
        assert errors == ""
    finally:
        popen.kill()
        popen.communicate()


if __name__ == "__main__":
    trio.run(main)
