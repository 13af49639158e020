"""`trio-wa serve`: the service itself."""

import sys
from pathlib import Path

import click
import structlog
import trio

from trio_wa import collector, service
from trio_wa.cli.failure import settings_errors_end_with_2
from trio_wa.cli.signals import cancel_on, stop_on_signals
from trio_wa.config import Settings, load_settings
from trio_wa.descriptors import provide_descriptors
from trio_wa.intake.exposure import check_exposure, describe_access
from trio_wa.telemetry import configure_logging, log_crash
from trio_wa.web.front import HttpFront
from trio_wa.web.hypercorn_config import load_hypercorn_config, open_sockets

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
    sys.excepthook = log_crash
    ended = trio.run(_run, settings)
    if ended.left and not ended.durable:
        log.error("service.left_behind", messages=ended.left)
        raise SystemExit(LEFT_BEHIND)


async def _run(settings: Settings) -> service.Ended:
    stop = trio.Event()
    drain = trio.CancelScope()
    start = trio.CancelScope()
    config = load_hypercorn_config(Path("hypercorn.toml"), bind=f"{settings.host}:{settings.port}")
    check_exposure(settings, config.bind)
    provide_descriptors(settings)

    def listening(address: str) -> None:
        log.info("service.listening", address=address, callers=describe_access(settings))
        collector.freeze()

    http = HttpFront(config, open_sockets(config), stop, settings.max_body_bytes, listening)
    ended = service.Ended(left=0, durable=True)
    async with trio.open_nursery() as signals:
        await signals.start(stop_on_signals, stop, drain)
        early = await signals.start(cancel_on, stop, start)

        async def front(intake: service.Intake) -> None:
            early.cancel()  # from here on the service ends in order
            await http(intake)

        with start:  # which may wait for LOCK_WAIT, or read a long journal
            ended = await service.run(settings, front, drain=drain)
        signals.cancel_scope.cancel()
    return ended
