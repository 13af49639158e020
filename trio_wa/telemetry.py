"""Logs: events with keys, one a line, on stderr; and how numbers and times are written."""

import contextlib
import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Literal

import structlog
from pydantic_core import to_json
from structlog.typing import EventDict, Processor, WrappedLogger

_DOTS = "•" * 5
_CHAT_ID = re.compile(r"(.*)(@(?:c\.us|s\.whatsapp\.net|g\.us|lid|newsletter|broadcast))")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def configure_logging(level: str, log_format: Literal["console", "json"] | None = None) -> None:
    """Send every log line of `level` or above to stderr, from structlog and from `logging`.

    `json` is one object a line with an RFC 3339 time in UTC, `console` is for eyes, coloured on
    a terminal only; without `log_format` a terminal gets `console` and anything else `json`.
    Libraries are heard from warning up: httpx tells each URL at info. A stderr that cannot be
    written, closed, full or a broken pipe, loses the line and raises nothing. A second call
    replaces the first.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    terminal = sys.stderr is not None and sys.stderr.isatty()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _add_logger_name,
    ]
    structlog.configure(
        processors=shared + _renderers(log_format or ("console" if terminal else "json"), terminal),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=_Stderr,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [handler for handler in root.handlers if not isinstance(handler, _Bridge)]
    root.addHandler(_Bridge(max(number, logging.WARNING)))
    root.setLevel(max(number, logging.WARNING))


def mask(number: str) -> str:
    """A phone number or chat id that a log may hold: `6281•••••890`, `6281•••••890@c.us`.

    The dots are always five, so that they do not tell the length. What is too short to keep
    most of itself hidden is hidden whole.
    """
    match = _CHAT_ID.fullmatch(number)
    name, suffix = match.groups() if match else (number, "")
    if len(name) >= 11:
        return f"{name[:4]}{_DOTS}{name[-3:]}{suffix}"
    if len(name) >= 8:
        return f"{name[:2]}{_DOTS}{name[-2:]}{suffix}"
    return _DOTS + suffix


def timestamp(at: float) -> str:
    """RFC 3339, in UTC, with milliseconds, of a time in seconds since the epoch."""
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _json(event: EventDict, **_options: object) -> str:
    """One line of JSON. pydantic's encoder is six times as fast; it knows no lone surrogates."""
    try:
        return to_json(event, fallback=repr).decode()
    except ValueError:
        return json.dumps(event, default=repr, ensure_ascii=False, separators=(",", ":"))


def _renderers(log_format: Literal["console", "json"], terminal: bool) -> list[Processor]:
    match log_format:
        case "console":
            return [
                structlog.processors.TimeStamper("%Y-%m-%d %H:%M:%S", utc=False),
                _escape_control,
                structlog.dev.ConsoleRenderer(
                    colors=terminal,
                    # The default shows local variables, and with them texts and keys.
                    exception_formatter=structlog.dev.plain_traceback,
                ),
            ]
        case "json":
            return [
                structlog.processors.TimeStamper("iso", utc=True),
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(serializer=_json),
            ]


def _add_logger_name(logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if logger is not None and logger.name:
        event["logger"] = logger.name
    return event


def _escape_control(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Keep a line one line, and a terminal safe from what others wrote into a value."""
    for key, value in event.items():
        if isinstance(value, str) and key != "exception":
            event[key] = _CONTROL.sub(lambda found: repr(found[0])[1:-1], value)
    return event


class _Stderr:
    """Writes lines to whatever stderr is at that moment."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        if sys.stderr is not None:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(line + "\n")
                sys.stderr.flush()

    debug = info = warning = error = critical = msg


class _Bridge(logging.Handler):
    """Hands the records of `logging` to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
        try:
            log = structlog.get_logger(record.name)
            log.log(level, record.getMessage(), exc_info=record.exc_info or None)
        except Exception:  # noqa: BLE001  # a bad record is logging's to report, as in any handler
            self.handleError(record)
