"""Serve an ASGI app on Hypercorn's Trio worker, with its known faults mended.

Importing this module is enough to mend the plain `hypercorn` command too.
"""

import logging
import time
from collections.abc import MutableMapping
from math import inf
from typing import Any, Protocol

import hypercorn.protocol
import hypercorn.trio.run
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config, Sockets
from hypercorn.trio.run import worker_serve

from trio_wa.web.command import serve_command
from trio_wa.web.connection import Connection, abort_connection
from trio_wa.web.http1 import Http1

__all__ = ["ASGIApp", "abort_connection", "finish_responses", "serve"]

FINISH_TIMEOUT = 60.0  # seconds for the end of one response
ACCEPT_QUIET = 10.0  # seconds between two lines that say that no connection can be accepted

hypercorn.trio.run.TCPServer = Connection  # type: ignore[attr-defined]  # the point of this module
hypercorn.protocol.H11Protocol = Http1  # type: ignore[attr-defined]  # the same
hypercorn.trio.run.worker_serve = serve_command  # for the command alone


class _Rarely(logging.Filter):
    """Lets through one line in ACCEPT_QUIET seconds, and no traceback.

    Trio tries to accept ten times a second while there are no file descriptors left, and logs a
    traceback each time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._quiet_until = -inf

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if now < self._quiet_until:
            return False
        self._quiet_until = now + ACCEPT_QUIET
        record.exc_info = None
        return True


logging.getLogger("trio.serve_listeners").addFilter(_Rarely())


class Receive(Protocol):
    """The ASGI callable that gives the next event of a request."""

    async def __call__(self) -> Any: ...


class Send(Protocol):
    """The ASGI callable that takes an event of the response."""

    async def __call__(self, message: Any, /) -> None: ...


class ASGIApp(Protocol):
    """An ASGI 3 application."""

    async def __call__(
        self, scope: MutableMapping[str, Any], receive: Receive, send: Send, /
    ) -> None: ...


async def serve(
    app: Any,
    config: Config,
    *,
    stop: trio.Event,
    sockets: Sockets | None = None,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `app` until `stop` is set, and return once no handler runs.

    Requests in progress then have `config.graceful_timeout` seconds; idle connections and
    half-sent requests none. Installs no signal handlers. `sockets` are bound and listening.
    Reports the addresses ("http://127.0.0.1:8080") once it accepts connections.
    """
    await worker_serve(
        ASGIWrapper(finish_responses(app)),  # type: ignore[arg-type]  # typed dicts there
        config,
        sockets=sockets,
        shutdown_trigger=stop.wait,
        task_status=task_status,
    )


def finish_responses(app: ASGIApp) -> ASGIApp:
    """The same app, whose responses are sent to their end even if the handler is cancelled.

    Quart-Trio cancels its handler's nursery while the last `http.response.body` is being sent.
    Hypercorn then never restarts the connection's idle timer: keep_alive_timeout does not fire,
    and a stop takes its whole graceful_timeout.
    """

    async def finishing(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        async def send_to_the_end(message: Any) -> None:
            if message["type"] != "http.response.body" or message.get("more_body", False):
                await send(message)
                return
            with trio.move_on_after(FINISH_TIMEOUT, shield=True):
                await send(message)

        await app(scope, receive, send_to_the_end)

    return finishing
