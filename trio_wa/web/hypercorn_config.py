"""Hypercorn's configuration, checked before anything starts."""

import difflib
import errno
import logging
import socket
import ssl
import tomllib
import types
import typing
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypercorn.config import Config, Sockets

from trio_wa.config import SettingsError

DEFAULTS: Mapping[str, Any] = {  # the shipped hypercorn.toml, for those who have none
    "bind": "127.0.0.1:8080",
    "worker_class": "trio",
    "workers": 0,
    "keep_alive_timeout": 75,
    "graceful_timeout": 1,
    "shutdown_timeout": 86400,
    "backlog": 1024,
    "h11_max_incomplete_size": 65536,
    "loglevel": "warning",
    "include_server_header": False,
}
_LEVELS = ("debug", "info", "warning", "error", "critical")
_NAMES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a string",
    list: "a list of strings",
    dict: "a table",
}
_REMEDIES = {
    errno.EADDRINUSE: "is in use: stop what listens there, or set PORT to a free port",
    errno.EACCES: "is not permitted: set PORT to 1024 or above",
    errno.EADDRNOTAVAIL: (
        "is not an address of this machine: set HOST to one, or to 127.0.0.1 or 0.0.0.0"
    ),
}


def load_hypercorn_config(path: Path | None, *, bind: str | None) -> Config:
    """Read `path` over our defaults, with `bind` ("host:port") winning over the file's.

    A missing file means the defaults. Raises SettingsError with one line that names the file, the
    key, what is wrong and what would be right.
    """
    values = {**DEFAULTS, **_read(path)} if path is not None else dict(DEFAULTS)
    if bind is not None:
        values["bind"] = bind
    values.setdefault("errorlog", logging.getLogger("hypercorn.error"))  # no handler of its own
    config = Config.from_mapping(values)
    if isinstance(config.errorlog, logging.Logger):
        config.errorlog.setLevel(config.loglevel.upper())
    try:
        config.create_ssl_context()
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"{path}: certfile and keyfile cannot be used ({error}); name a readable certificate "
            "and its key, both in PEM"
        ) from None
    return config


def open_sockets(config: Config) -> Sockets:
    """Bind and listen. Raises SettingsError with one line that names the address and the remedy."""
    try:
        sockets = config.create_sockets()
        for listener in (*sockets.secure_sockets, *sockets.insecure_sockets):
            listener.listen(config.backlog)
    except (OSError, OverflowError, ValueError) as error:
        reason = _bind_failure(error)
        # Hypercorn leaves a socket that it could not bind to the garbage collector.
        with warnings.catch_warnings(action="ignore", category=ResourceWarning):
            error.__traceback__ = None
        raise SettingsError(f"{', '.join(config.bind)} (HOST, PORT or bind) {reason}") from None
    return sockets


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(
            f"{path}: cannot be read ({reason}); make it a readable TOML file, or remove it to "
            "have the defaults"
        ) from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"{path}: is not TOML: {error}; each line is a comment or `key = value`"
        ) from None
    _check(path, values)
    return values


def _check(path: Path, values: Mapping[str, Any]) -> None:
    accepted = _accepted_types()
    for key, value in values.items():
        if key not in accepted:
            near = difflib.get_close_matches(key, accepted, n=1)
            remedy = f"did you mean {near[0]}?" if near else "remove it"
            raise SettingsError(f"{path}: {key} is no setting of Hypercorn; {remedy}")
        if not _fits(value, accepted[key]):
            right = " or ".join(_NAMES[kind] for kind in _NAMES if kind in accepted[key])
            raise SettingsError(f"{path}: {key} is {value!r}; it must be {right}")
        if isinstance(value, int | float) and not value >= 0:
            raise SettingsError(f"{path}: {key} is {value!r}; it must be 0 or more")
    if values.get("worker_class", "trio") != "trio" or values.get("workers", 0) > 1:
        raise SettingsError(
            f'{path}: worker_class must be "trio" and workers 0: trio-wa is one process on Trio, '
            "and two would break the order and the pace"
        )
    if values.get("loglevel", "warning").lower() not in _LEVELS:
        raise SettingsError(
            f"{path}: loglevel is {values['loglevel']!r}; it must be one of {', '.join(_LEVELS)}"
        )
    if ("certfile" in values) != ("keyfile" in values):
        raise SettingsError(f"{path}: certfile and keyfile belong together; set both or neither")


def _accepted_types() -> dict[str, set[type]]:
    hints = typing.get_type_hints(Config)
    accepted: dict[str, set[type]] = {}
    for key in dir(Config):
        if key.startswith("_") or key == "cert_reqs":  # deprecated, and answers with a warning
            continue
        default = getattr(Config, key)
        hint = hints.get(key, type(default))
        if isinstance(default, property) and default.fset is not None:
            hint = str | list
        if kinds := _kinds(hint):
            accepted[key] = kinds
    accepted["root_path"] = {str}
    return accepted


def _kinds(hint: Any) -> set[type]:
    if isinstance(hint, types.UnionType):
        return set().union(*(_kinds(part) for part in hint.__args__))
    kind = typing.get_origin(hint) or hint
    if isinstance(kind, type) and issubclass(kind, int) and kind is not bool:
        return {int}  # ssl's enums too
    return {kind} if kind in _NAMES else set()


def _fits(value: Any, kinds: set[type]) -> bool:
    if isinstance(value, list):
        return list in kinds and all(isinstance(item, str) for item in value)
    if isinstance(value, bool):
        return bool in kinds
    if isinstance(value, int):
        return bool({int, float} & kinds)
    return type(value) in kinds


def _bind_failure(error: Exception) -> str:
    match error:
        case socket.gaierror():
            return "cannot be resolved: set HOST to an address of this machine, such as 127.0.0.1"
        case OSError(errno=int(number)) if number in _REMEDIES:
            return _REMEDIES[number]
        case OverflowError():
            return "has no valid port: set PORT to a number from 0 to 65535"
        case _:
            return f"cannot be listened on ({error}): set HOST and PORT, as in 127.0.0.1 and 8080"
