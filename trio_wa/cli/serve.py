"""`trio-wa serve`: the service itself."""

from functools import partial
from pathlib import Path

import click
import structlog
import trio
from hypercorn.config import Config, Sockets

from trio_wa import service
from trio_wa.cli.failure import settings_errors_end_with_2
from trio_wa.cli.signals import stop_on_signals
from trio_wa.config import Settings, load_settings
from trio_wa.telemetry import configure_logging
from trio_wa.web.app import create_app
from trio_wa.web.hypercorn_config import load_hypercorn_config, open_sockets
from trio_wa.web.server import serve as serve_http

log = structlog.get_logger(__name__)

LEFT_BEHIND = 3
"""Exit code when accepted messages were lost: they were in memory and could not be sent."""


@click.command
@settings_errors_end_with_2
def serve() -> None:
    """Accept messages and deliver them through WAHA.

    Settings come from the environment and from .env in the working directory, Hypercorn's own
    from hypercorn.toml there. SIGTERM or Ctrl-C drains the queue; a second one skips the drain.
    """
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    config = load_hypercorn_config(Path("hypercorn.toml"), bind=f"{settings.host}:{settings.port}")
    sockets = open_sockets(config)
    ended = trio.run(run, settings, config, sockets)
    if ended.left:
        log.error("service.left_behind", queued=ended.queued, sending=ended.sending)
        raise SystemExit(LEFT_BEHIND)


async def run(settings: Settings, config: Config, sockets: Sockets) -> service.Ended:
    """Serve until a signal, then drain."""
    stop = trio.Event()
    drain = trio.CancelScope()

    async def front(intake: service.Intake) -> None:
        app = create_app(intake, max_body_bytes=settings.max_body_bytes)
        async with trio.open_nursery() as nursery:
            serve_bound = partial(serve_http, app, config, stop=stop, sockets=sockets)
            addresses = await nursery.start(serve_bound)
            log.info("service.listening", address=", ".join(addresses))

    async with trio.open_nursery() as signals:
        await signals.start(stop_on_signals, stop, drain)
        ended = await service.run(settings, front, drain=drain)
        signals.cancel_scope.cancel()
    return ended
