"""The kinds of settings: how a text is read, and what is said of one that cannot be."""

import contextlib
import ipaddress
import math
import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    SecretStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from trio_wa.core.duration import FORMS, format_duration, parse_duration
from trio_wa.core.session import base_url


def whole(low: int, high: int) -> BeforeValidator:
    """Reads a whole number from `low` to `high`, both included."""

    def read(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"[0-9](_?[0-9]){0,20}", value.strip()):
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise ValueError(f"must be a whole number from {low} to {high}")

    return BeforeValidator(read)


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
        if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}", text) and text.strip("0123456789."):
            return text
    raise ValueError("must be an address or a host name, without a port")


def _key(value: SecretStr) -> SecretStr:
    key = value.get_secret_value()
    if key.startswith("sha512:"):
        # WAHA accepts the hash of its key in a variable of the same name (its page "Security").
        raise ValueError("must be the key itself, not its sha512: hash")
    if not key.isascii() or not key.isprintable() or key != key.strip():
        raise ValueError("must be printable ASCII without blanks around it")
    return value


any_case = WrapValidator(_any_case)
Host = Annotated[str, AfterValidator(_host)]
Key = Annotated[SecretStr, AfterValidator(_key)]
Url = Annotated[str, AfterValidator(base_url)]
