"""What one webhook of WAHA says, whichever engine wrote it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from trio_wa.core.contacts import person
from trio_wa.core.status import DEVICE, ERROR
from trio_wa.core.waha_id import RAW_ID, raw_id

PLAYED = 4

_OTHER_NAMES = (
    ("key", "remoteJidAlt"),
    ("key", "senderPn"),
    ("key", "senderLid"),
    ("Info", "SenderAlt"),
)
"""Where `_data` may name a writer once more: in NOWEB's key, now or formerly (WAHA's issues 1073,
1608 and 2010), or in GOWS's Info, which is whatsmeow's. WEBJS does not tell.
"""


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
    """Somebody wrote `text` to the session, who is known as each of `chat_ids`.

    The first is the chat in which they wrote. There is a second where WAHA names both the number
    (`@c.us`) and the id that WhatsApp gives in its place (`@lid`).
    """

    chat_ids: tuple[str, ...]
    text: str


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
        case "message" | "message.any" if isinstance(payload, Mapping):
            return _incoming(payload)
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


def _incoming(payload: Mapping[str, Any]) -> Incoming | None:
    """The message of `payload`, if a person wrote it to the session alone, and not we."""
    chat_id = person(payload.get("from"))
    if payload.get("fromMe") is not False or chat_id is None:
        return None
    body = payload.get("body")
    text = body if isinstance(body, str) else ""
    others = (person(each) for each in _other_names(payload))
    host = chat_id.partition("@")[2]
    other = next((each for each in others if each is not None and not each.endswith(host)), None)
    return Incoming((chat_id,) if other is None else (chat_id, other), text)


def _other_names(payload: Mapping[str, Any]) -> Iterator[object]:
    """What else the writer is called, in what WAHA passes on of its engine."""
    data = payload.get("_data")
    for holder, name in _OTHER_NAMES:
        held = data.get(holder) if isinstance(data, Mapping) else None
        if isinstance(held, Mapping):
            yield held.get(name)


def _faults(error: ValidationError, *above: str) -> list[dict[str, str]]:
    found = []
    for item in error.errors(include_url=False, include_input=False):
        field = ".".join([*above, *map(str, item["loc"])]) or "body"
        reason = str(item.get("ctx", {}).get("error") or item["msg"])
        found.append({"field": field, "detail": f"{field}: {reason}"})
    return found
