"""The kinds of settings: how a text is read, and what is said of one that cannot be."""

import contextlib
import ipaddress
import math
import re
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from phonenumbers import SUPPORTED_REGIONS
from pydantic import (
    AfterValidator,
    BeforeValidator,
    SecretStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from trio_wa.config.api_keys import ApiKey, parse_api_keys
from trio_wa.core.duration import FORMS, format_duration, parse_duration
from trio_wa.core.session import base_url, has_labels


def read_whole(low: int, high: int) -> Callable[[object], int]:
    """What reads a whole number from `low` to `high`, both included, or raises ValueError."""

    def read(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"[0-9](_?[0-9]){0,20}", value.strip()):
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise ValueError(f"must be a whole number from {low} to {high}")

    return read


def whole(low: int, high: int) -> BeforeValidator:
    """Reads a whole number from `low` to `high`, both included."""
    return BeforeValidator(read_whole(low, high))


def duration(low: str, high: str) -> BeforeValidator:
    """Reads a duration, in seconds, from `low` to `high`, both included."""
    least, most = parse_duration(low), parse_duration(high)

    def read(value: object) -> float:
        try:
            seconds = parse_duration(value) if isinstance(value, str) else value
        except ValueError:
            seconds = None
        if isinstance(seconds, int | float) and math.isfinite(seconds) and least <= seconds <= most:
            return float(seconds)
        limits = f"from {format_duration(least)} to {format_duration(most)}"
        raise ValueError(f"must be a duration {limits}, {FORMS}")

    return BeforeValidator(read)


def size(low: int, high: int) -> BeforeValidator:
    """Reads a number of bytes from `low` to `high`, both included: `100MB` is 100,000,000."""

    def read(value: object) -> int:
        if isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
            value = int(match[1]) * _UNITS[(match[2] or "B").upper()]
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise ValueError(f"must be a size from {low} to {high} bytes, such as 500000, 100MB or 1GB")

    return BeforeValidator(read)


def _share(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,30})?", value.strip()):
        value = float(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return value
    raise ValueError("must be a number from 0 to 1")


def _flag(value: object) -> bool:
    text = str(value).strip().lower()
    if text in _FLAGS:
        return _FLAGS[text]
    raise ValueError("must be true or false")


def _journal(value: object) -> object:
    if not isinstance(value, str | Path):
        return value
    path = str(value).strip()
    if path == MEMORY or ("\0" not in path and not path.endswith("/") and not _is_directory(path)):
        return path
    raise ValueError(f"must be the path of a file, which is made if need be, or {MEMORY}")


def _is_directory(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except OSError:  # a name that is too long, a place that may not be looked at
        return False


def _keys(value: object) -> object:
    return parse_api_keys(value) if isinstance(value, str) else value


def _any_case(value: object, handler: ValidatorFunctionWrapHandler) -> Any:
    if isinstance(value, str):
        with contextlib.suppress(ValidationError):
            return handler(value.strip().lower())
    return handler(value)


def _host(value: str) -> str:
    text = value.strip()
    try:
        return str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        named = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}", text) and has_labels(text)
        if named and text.strip("0123456789."):
            return text
    raise ValueError("must be an address or a host name, without a port")


def _region(value: object) -> str:
    text = str(value).strip()
    if text.lower() == "off":
        return "off"
    if text.upper() in SUPPORTED_REGIONS:
        return text.upper()
    raise ValueError("must be a country's code of two letters, such as ID, or off")


def _key(value: SecretStr) -> SecretStr:
    key = value.get_secret_value()
    if key.startswith("sha512:"):
        # WAHA accepts the hash of its key in a variable of the same name (its page "Security").
        raise ValueError("must be the key itself, not its sha512: hash")
    return value


def _secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text.isascii() or not text.isprintable() or text != text.strip():
        raise ValueError("must be printable ASCII without blanks around it")
    return value


def _endpoint(value: str) -> str:
    url = base_url(value)
    if not urllib.parse.urlsplit(url).path:
        raise ValueError("must be the whole URL, with its path, which is /webhooks/waha")
    return url


MEMORY = ":memory:"
_SIZE = re.compile(r"([0-9]{1,15}) ?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)?", re.IGNORECASE)
_UNITS = {"B": 1} | {
    f"{letter}{suffix}": base**power
    for suffix, base in (("B", 1000), ("IB", 1024))
    for power, letter in enumerate("KMGT", start=1)
}
_FLAGS = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}

any_case = WrapValidator(_any_case)
Host = Annotated[str, AfterValidator(_host)]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
Key = Annotated[Secret, AfterValidator(_key)]
Url = Annotated[str, AfterValidator(base_url)]
Region = Annotated[str, BeforeValidator(_region)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
Share = Annotated[float, BeforeValidator(_share)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Journal = Annotated[str, BeforeValidator(_journal)]
ApiKeys = Annotated[tuple[ApiKey, ...], BeforeValidator(_keys)]
