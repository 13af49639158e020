"""What callers send beside a message's content, as pydantic reads it."""

import json
from typing import Annotated, Any, Final, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetPydanticSchema,
    ValidationInfo,
    field_validator,
)
from pydantic_core import CoreSchema, core_schema

from trio_wa.core.duration import FORMS, parse_duration
from trio_wa.core.message import OnUnknown, Priority
from trio_wa.intake.numbers import recipient
from trio_wa.intake.times import read_instant

MAX_TTL: Final = 365 * 86_400.0
"""How many seconds a message may take to leave, as with MESSAGE_TTL."""

MAX_METADATA: Final = 1_024
"""How many bytes a caller's own data may have, as compact JSON in UTF-8."""


def _named(session: object) -> object:
    """The sessions that may send a message: one of that name, or some."""
    names = [session] if isinstance(session, str) else session
    if not isinstance(names, list) or not names:
        raise ValueError("must be a session's name or a list of names")
    if not all(isinstance(name, str) and name for name in names):
        raise ValueError("must be a session's name or a list of names")
    return tuple(sorted(set(names)))


def _instant(value: object) -> float:
    return read_instant(value if isinstance(value, str) else "")


def _seconds(value: object) -> float:
    """A span of time in seconds; in words it has a unit, or is a number too."""
    seconds: object = value
    if isinstance(value, str):
        seconds = parse_duration(value)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise ValueError(f"must be a duration {FORMS}")  # noqa: TRY004 - a fault of the caller
    if not 0 < seconds <= MAX_TTL:
        raise ValueError("must be more than 0 and at most 365d")
    return float(seconds)


def _compact(value: object) -> str:
    """The compact JSON for an object of the caller's own."""
    if not isinstance(value, dict):
        raise ValueError("must be a JSON object")  # noqa: TRY004 - a fault of the caller
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        raise ValueError("must hold finite numbers only") from None
    if (size := len(text.encode())) > MAX_METADATA:
        raise ValueError(f"has {size:,} bytes: {MAX_METADATA:,} are the most")
    return text


class Members(BaseModel):
    """A JSON object. Unknown members are ignored, as in the Go service."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


NonEmpty = Annotated[str, Field(min_length=1)]
Instant = Annotated[float, BeforeValidator(_instant)]


class Address(NamedTuple):
    """Whom a message is for: as its caller wrote it, and the chat id that it stands for."""

    to: str
    chat_id: str


def _addressed(to: str, info: ValidationInfo[Any]) -> Address:
    return Address(to, recipient(to, info.context))


def _schema_of_address(_source: object, _handler: object) -> CoreSchema:
    text = core_schema.str_schema(min_length=1, strict=True)
    return core_schema.with_info_after_validator_function(_addressed, text)


class Body(Members):
    """What every kind of message takes; each kind adds its own members.

    The context is the region of numbers that start with 0; None: there is none.
    """

    to: Annotated[Address, GetPydanticSchema(_schema_of_address)]
    session: Annotated[tuple[str, ...], BeforeValidator(_named)] | None = None
    on_unknown: OnUnknown | None = None
    priority: Priority | None = None
    send_at: Instant | None = None
    expires_at: Instant | None = None
    ttl: Annotated[float, BeforeValidator(_seconds)] | None = None
    metadata: Annotated[str, BeforeValidator(_compact)] | None = None
    ignore_suppression: bool | None = None

    @field_validator("ttl")
    @classmethod
    def _only_deadline(cls, ttl: float | None, info: ValidationInfo) -> float | None:
        if ttl is not None and info.data.get("expires_at") is not None:
            raise ValueError("cannot stand beside expires_at: give one of them")
        return ttl

    @field_validator("ignore_suppression")
    @classmethod
    def _only_if_urgent(cls, ignore: bool | None, info: ValidationInfo) -> bool | None:
        if ignore and info.data.get("priority", "urgent") != "urgent":
            raise ValueError("needs priority urgent: only then may a message pass")
        return ignore

    def data(self) -> bytes | None:
        """The data of its file, if they came along."""
        return None


def _mentioned(name: str, info: ValidationInfo) -> str:
    """The chat id of somebody who is mentioned, or `all`."""
    return name if name == "all" else recipient(name, info.context)


def _all_alone(names: list[str]) -> list[str]:
    if "all" in names and len(names) > 1:
        raise ValueError('must be people, or ["all"] alone')
    return names


Mentions = Annotated[
    list[Annotated[NonEmpty, AfterValidator(_mentioned)]], AfterValidator(_all_alone)
]
