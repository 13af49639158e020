"""The service's log in a test: through `logging`, where pytest shows it and `caplog` finds it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

_FACTORY = structlog.stdlib.LoggerFactory()
_DEFAULTS = None if structlog.is_configured() else dict(structlog.get_config())


def _is_chosen() -> bool:
    """Whether somebody chose a configuration.

    `structlog.testing.capture_logs` puts the defaults back as if they had been chosen.
    """
    return structlog.is_configured() and structlog.get_config() != _DEFAULTS


@contextmanager
def logs_to_logging() -> Iterator[None]:
    """Send the log of trio-wa to `logging` from info up, unless structlog is configured already.

    Its own default is to print, which a thread would do between tests too.
    """
    logger = logging.getLogger("trio_wa")
    level = logger.level
    if level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    if not _is_chosen():
        structlog.configure(
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.dev.ConsoleRenderer(
                    colors=False,
                    pad_event_to=0,
                    exception_formatter=structlog.dev.plain_traceback,
                ),
            ],
            wrapper_class=structlog.stdlib.BoundLogger,
            logger_factory=_FACTORY,
            cache_logger_on_first_use=False,
        )
    try:
        yield
    finally:
        logger.setLevel(level)
        if structlog.get_config()["logger_factory"] is _FACTORY:
            structlog.reset_defaults()
