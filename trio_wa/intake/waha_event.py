"""What one webhook of WAHA says, whichever engine wrote it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from trio_wa.core.status import DEVICE, ERROR
from trio_wa.core.waha_id import RAW_ID, raw_id

PLAYED = 4

_PERSON = re.compile(r"([0-9]{1,32})(?::[0-9]+)?(@c\.us|@s\.whatsapp\.net|@lid)")
"""A person's chat, as one engine or another writes it: a device may be named behind the number."""


@dataclass(frozen=True, slots=True)
class Acked:
    """WhatsApp, or WAHA itself, acknowledged the message with the raw id `waha_id`."""

    waha_id: str
    ack: int


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """The session has another status."""

    status: str


@dataclass(frozen=True, slots=True)
class Incoming:
    """Somebody wrote to the session, from the chat `chat_id`."""

    chat_id: str


News: TypeAlias = Acked | Incoming | StatusChanged


@dataclass(frozen=True, slots=True)
class WahaEvent:
    """One event. `at` is in seconds by WAHA's clock; `news` is None where it says nothing of use.

    The same happening can be told under several names, with one `id`.
    """

    id: str
    name: str
    session: str
    at: float
    news: News | None


class BadEvent(Exception):
    """A body that is no event of WAHA; `errors` names each member that is wrong."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__("; ".join(error["detail"] for error in errors))
        self.errors = errors


def read_event(body: bytes) -> WahaEvent:
    """The event in the body of a webhook. Raises BadEvent."""
    try:
        envelope = _Envelope.model_validate_json(body)
    except ValidationError as error:
        raise BadEvent(_faults(error)) from None
    try:
        news = _news(envelope.event, envelope.payload)
    except ValidationError as error:
        raise BadEvent(_faults(error, "payload")) from None
    return WahaEvent(envelope.id, envelope.event, envelope.session, envelope.timestamp / 1000, news)


def _news(event: str, payload: object) -> News | None:
    match event:
        case "session.status":
            return StatusChanged(_Session.model_validate(payload).status)
        case "message.ack" if (message := _our_own(payload)) is not None:
            return Acked(message.id, message.ack or 0)
        case "message.ack.group" if (message := _our_own(payload)) is not None:
            # One member's reading is not everybody's.
            return Acked(message.id, min(message.ack or 0, DEVICE))
        case "message.any" if (message := _our_own(payload)) is not None:
            typed_on_the_phone = message.source == "app"
            return None if typed_on_the_phone else Acked(message.id, message.ack or 0)
        case "message" | "message.any" if (chat_id := _writer(payload)) is not None:
            return Incoming(chat_id)
        case _:
            return None


class _Envelope(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    id: Annotated[str, Field(min_length=1, max_length=128)]
    timestamp: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    event: Annotated[str, Field(min_length=1, max_length=64)]
    session: Annotated[str, Field(min_length=1)]
    payload: Any = None


class _Session(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    status: Annotated[str, Field(min_length=1, max_length=64)]


class _Message(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    id: str
    ack: Annotated[int, Field(ge=ERROR, le=PLAYED)] | None = None
    source: str | None = None

    @field_validator("id", mode="before")
    @classmethod
    def _read_id(cls, value: object) -> object:
        """WEBJS writes it as an object."""
        if isinstance(value, Mapping):
            value = value.get("_serialized") or value.get("id")
        if isinstance(value, str) and RAW_ID.fullmatch(raw := raw_id(value)):
            return raw
        raise ValueError("must be a message's id, such as true_79991112233@c.us_3EB0")


def _our_own(payload: object) -> _Message | None:
    """The message of `payload`; None if somebody else wrote it."""
    if isinstance(payload, Mapping) and payload.get("fromMe") is not True:
        return None
    return _Message.model_validate(payload)


def _writer(payload: object) -> str | None:
    """The chat of a person who wrote `payload`, as messages to them name it."""
    if not isinstance(payload, Mapping) or payload.get("fromMe") is not False:
        return None
    sender = payload.get("from")
    found = _PERSON.fullmatch(sender) if isinstance(sender, str) else None
    if found is None:
        return None
    number, host = found.groups()
    return number + ("@lid" if host == "@lid" else "@c.us")


def _faults(error: ValidationError, *above: str) -> list[dict[str, str]]:
    found = []
    for item in error.errors(include_url=False, include_input=False):
        field = ".".join([*above, *map(str, item["loc"])]) or "body"
        reason = str(item.get("ctx", {}).get("error") or item["msg"])
        found.append({"field": field, "detail": f"{field}: {reason}"})
    return found
