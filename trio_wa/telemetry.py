"""Logs: events with keys, one a line, on stderr; and how numbers and times are written."""

import contextlib
import fcntl
import json
import logging
import os
import re
import select
import socket
import stat
import sys
import threading
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Literal, TextIO

import structlog
from pydantic_core import to_json
from structlog.typing import EventDict, Processor, WrappedLogger

_DOTS = "•" * 5
_CHAT_ID = re.compile(r"(.*)(@(?:c\.us|s\.whatsapp\.net|g\.us|lid|newsletter|broadcast))")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

PIPE_BYTES = 1 << 20
"""How much a pipe behind stderr should hold: a second of lines, for a reader that is late."""


def configure_logging(level: str, log_format: Literal["console", "json"] | None = None) -> None:
    """Send every log line of `level` or above to stderr, from structlog and from `logging`.

    `json` is one object a line with an RFC 3339 time in UTC, `console` is for eyes, coloured on
    a terminal only; without `log_format` a terminal gets `console` and anything else `json`.
    Libraries are heard from warning up: httpx tells each URL at info. A stderr that cannot be
    written, closed, full or a broken pipe, loses the line and raises nothing. Nor does a pipe or a
    socket that nobody reads hold anything up: what it has no room for is dropped, and
    `log.dropped` tells how many `lines` once it has. A second call replaces the first.
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
        logger_factory=partial(_Logger, _Stderr()),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [handler for handler in root.handlers if not isinstance(handler, _Bridge)]
    root.addHandler(_Bridge(max(number, logging.WARNING)))
    root.setLevel(max(number, logging.WARNING))


def log_crash(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Log what ends the process. Python's own hook would wait for the reader of a full pipe."""
    structlog.get_logger(__name__).critical("service.crashed", exc_info=(kind, error, traceback))


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


class _Logger:
    """What structlog hands its lines to."""

    def __init__(self, stderr: "_Stderr", name: str = "") -> None:
        self._stderr = stderr
        self.name = name

    def msg(self, line: str) -> None:
        self._stderr.write(line)

    debug = info = warning = error = critical = msg


class _Stderr:
    """Writes lines to whatever stderr is at that moment."""

    def __init__(self) -> None:
        self._stream: TextIO | None = None
        self._pipe: _Pipe | None = None
        self._lock = threading.RLock()  # reentrant, as that of a pipe

    def write(self, line: str) -> None:
        stream = sys.stderr
        if stream is not None and stream.closed:  # its number may be another file's by now
            return
        if stream is not self._stream:
            self._look(stream)
        if self._pipe is not None:
            self._pipe.write(line)
        elif stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.write(line + "\n")
                stream.flush()

    def _look(self, stream: TextIO | None) -> None:
        with self._lock:
            if stream is not self._stream:  # else another thread has looked
                self._pipe = _pipe(stream)
                self._stream = stream


class _Pipe:
    """Writes lines to a pipe or a socket while there is room, and waits for no reader.

    A write would block the whole service where nobody reads. O_NONBLOCK would be seen by whoever
    shares the pipe; what POSIX promises is that one which `poll` finds writable takes PIPE_BUF
    bytes. Nothing stays in a buffer, whose flush at the exit would fail and change the exit code.
    """

    def __init__(self, file: int, encoding: str) -> None:
        self._file = file
        self._encoding = encoding
        self._room = select.poll()
        self._room.register(file, select.POLLOUT)
        # Another thread could take the room between the question and the write. Reentrant, because
        # a finalizer that logs may run at any time.
        self._lock = threading.RLock()
        self._dropped = 0
        self._torn = False

    def write(self, line: str) -> None:
        """Write `line` and its end, or as much of it as there is room for."""
        with self._lock:
            if self._dropped and self._room.poll(0):
                dropped, self._dropped = self._dropped, 0
                # At a level that is always heard: what was dropped may have been errors.
                structlog.get_logger(__name__).error("log.dropped", lines=dropped)
                if self._dropped:  # and so was that line
                    self._dropped += dropped - 1
            if not self._put(f"{line}\n".encode(self._encoding, "backslashreplace")):
                self._dropped += 1

    def _put(self, rest: bytes) -> bool:
        if self._torn:
            rest = b"\n" + rest
        try:
            while rest and self._room.poll(0):
                rest = rest[os.write(self._file, rest[: select.PIPE_BUF]) :]
                self._torn = bool(rest)
        except OSError:  # nobody is there to read
            return False
        return not rest


def _pipe(stream: TextIO | None) -> _Pipe | None:
    """The pipe or socket behind `stream`, if it is one."""
    if stream is None:
        return None
    try:
        file = stream.fileno()
        mode = os.fstat(file).st_mode
    except (OSError, ValueError):
        return None
    if not stat.S_ISFIFO(mode) and not stat.S_ISSOCK(mode):
        return None
    with contextlib.suppress(OSError):
        (_widen_socket if stat.S_ISSOCK(mode) else _widen)(file)
    return _Pipe(file, stream.encoding)


def _widen(pipe: int) -> None:
    """Let a pipe hold PIPE_BYTES where the system allows it; Linux starts with 64 KiB."""
    if sys.platform == "linux" and fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ) < PIPE_BYTES:
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _widen_socket(file: int) -> None:
    """The same of a socket, which is writable only while a quarter of that is not used."""
    with socket.socket(fileno=os.dup(file)) as shared:
        if shared.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) < PIPE_BYTES:
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIPE_BYTES)


class _Bridge(logging.Handler):
    """Hands the records of `logging` to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
        try:
            log = structlog.get_logger(record.name)
            log.log(level, record.getMessage(), exc_info=record.exc_info or None)
        except Exception:  # noqa: BLE001  # a bad record is logging's to report, as in any handler
            self.handleError(record)
