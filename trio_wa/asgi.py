"""`hypercorn -c hypercorn.toml trio_wa.asgi:app`: the same service inside the ASGI lifespan."""

import multiprocessing
import socket
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, cast

import structlog
import trio

from trio_wa import collector, service
from trio_wa.config import SettingsError, load_settings
from trio_wa.descriptors import provide_descriptors
from trio_wa.ports import StoreUnusable
from trio_wa.telemetry import configure_logging, log_crash
from trio_wa.web.app import create_app
from trio_wa.web.server import ASGIApp, Receive, Send, finish_responses

log = structlog.get_logger(__name__)


class App:
    """The ASGI application. Its lifespan is the service's: a shutdown drains the queue."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._app is None:
            raise RuntimeError("the server does not speak ASGI's lifespan, which trio-wa needs")
        else:
            await self._app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()  # lifespan.startup
        try:
            with _alone():
                await self._run(receive, send)
        except (SettingsError, StoreUnusable) as error:
            print(f"trio-wa: {error}", file=sys.stderr)  # noqa: T201 - there may be no log yet
            await send({"type": "lifespan.startup.failed", "message": str(error)})
        except Exception:
            # Hypercorn would go on to serve, and there would be no service behind it.
            await send({"type": "lifespan.shutdown.failed", "message": "the service failed"})
            raise

    async def _run(self, receive: Receive, send: Send) -> None:
        settings = load_settings()
        configure_logging(settings.log_level, settings.log_format)
        sys.excepthook = log_crash
        provide_descriptors(settings)

        async def front(intake: service.Intake) -> None:
            app = create_app(intake, max_body_bytes=settings.max_body_bytes)
            self._app = finish_responses(cast("ASGIApp", app))  # Quart's types are narrower
            collector.freeze()
            await send({"type": "lifespan.startup.complete"})
            await receive()  # lifespan.shutdown: no request is open any more

        ended = await service.run(settings, front, drain=trio.CancelScope())
        if ended.left and not ended.durable:
            log.error("service.left_behind", messages=ended.left)
        await send({"type": "lifespan.shutdown.complete"})


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the one place that a service has under its server.

    Raises:
        SettingsError: the server runs another worker class, or has more than one worker.
    """
    if not trio.lowlevel.in_trio_run():
        raise SettingsError('worker_class must be "trio": start hypercorn with -k trio')
    server = multiprocessing.parent_process()
    if server is None or sys.platform != "linux":
        yield
        return
    with socket.socket(socket.AF_UNIX) as place:
        try:
            place.bind(f"\0trio-wa-under-{server.pid}")
        except OSError:
            raise SettingsError(
                "workers must be 0 or 1: a queue lives in one process; start hypercorn with -w 0"
            ) from None
        yield


app = App()
