"""From the bytes of a request to the messages that are to be sent."""

import codecs
import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final, TypeAlias, get_args

from pydantic import FailFast, Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from trio_wa.core.content import Content, Kind, Text
from trio_wa.core.message import OnUnknown, Priority
from trio_wa.intake.faults import faults
from trio_wa.intake.kinds import (
    ContactBody,
    ForwardBody,
    LocationBody,
    MenuBody,
    PollBody,
    TextBody,
)
from trio_wa.intake.kinds_media import DocumentBody, ImageBody, VideoBody, VoiceBody

MAX_BATCH: Final = 1_000
"""How many messages a batch may have."""

_NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
_BLANKS = b" \t\r\n"

_Media: TypeAlias = ImageBody | DocumentBody | VoiceBody | VideoBody
_Body: TypeAlias = (
    TextBody | _Media | PollBody | LocationBody | ContactBody | MenuBody | ForwardBody
)
_Tagged = Annotated[_Body, Field(discriminator="type")]
_BODY: Final[TypeAdapter[_Body]] = TypeAdapter(_Tagged)
_BODIES: Final[TypeAdapter[list[_Body]]] = TypeAdapter(Annotated[list[_Tagged], FailFast()])
_KINDS: Final[tuple[str, ...]] = get_args(Kind)


class BadSending(ValueError):
    """What a caller sent is no message; `errors` has an entry for each field that is wrong."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__("; ".join(error["detail"] for error in errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Sending:
    """A message as its caller wants it. Times are seconds since the epoch, `ttl` is in seconds.

    `data` are those of its file, if they came along. `metadata` is compact JSON.
    """

    to: str
    chat_id: str
    content: Content
    data: bytes | None = None
    sessions: tuple[str, ...] = ()
    on_unknown: OnUnknown | None = None
    priority: Priority = "normal"
    send_at: float | None = None
    expires_at: float | None = None
    ttl: float | None = None
    metadata: str | None = None
    ignore_suppression: bool = False

    @property
    def payload(self) -> tuple[object, ...]:
        """What stands for the request in the fingerprint of its idempotency key.

        That of a plain text is as it was before there was anything else, so that a key that an
        earlier version recorded is still the same; a member counts only where it is given.
        """
        own = () if self.on_unknown is None else (self.on_unknown,)
        options = {
            "data": None if self.data is None else hashlib.sha256(self.data).hexdigest(),
            "priority": None if self.priority == "normal" else self.priority,
            "send_at": self.send_at,
            "expires_at": self.expires_at,
            "ttl": self.ttl,
            "metadata": None if self.metadata is None else json.loads(self.metadata),
            "ignore_suppression": self.ignore_suppression or None,
        }
        given = {name: value for name, value in options.items() if value is not None}
        if not given and isinstance(self.content, Text) and self.content == Text(self.content.text):
            return (self.chat_id, self.content.text, self.sessions, *own)
        members = asdict(self.content).items()
        said = {name: value for name, value in members if value not in (None, ())}
        return (self.chat_id, said, self.sessions, *own, given)


def read_sending(body: bytes, region: str | None) -> Sending:
    """The message that `body` says; a number that starts with 0 is one of `region`.

    Raises:
        BadSending: it is not JSON, or members are wrong.
    """
    return _read(_parsed(body), region)


def read_sendings(body: bytes, content_type: str, region: str | None) -> list[Sending | BadSending]:
    """The messages of a JSON array, or of lines with one each (NDJSON); each is read by itself.

    Raises:
        BadSending: it is neither, empty, or has more than MAX_BATCH.
    """
    body = body.removeprefix(codecs.BOM_UTF8)  # files begin with it; the Go service took none
    media_type = content_type.partition(";")[0].strip().lower()
    stripped = body.strip(_BLANKS)
    lines = media_type in _NDJSON or not stripped.startswith(b"[")
    items = _of_lines(stripped) if lines else _of_array(body)
    if not items:
        raise _bad_body("is empty: one message is the least")
    if len(items) > MAX_BATCH:
        raise _bad_body(f"has {len(items):,} messages: {MAX_BATCH:,} are the most")
    return _all_right(items, region) or [_tried(item, region) for item in items]


def _all_right(items: list[object], region: str | None) -> list[Sending | BadSending] | None:
    """The messages, which are validated in one call; None if one of them is none."""
    try:
        bodies = _BODIES.validate_python([_members(item) for item in items], context=region)
    except (BadSending, ValidationError):
        return None
    return [_sending(body) for body in bodies]


def _of_array(body: bytes) -> list[object]:
    items: list[object] = _parsed(body)
    return items


def _of_lines(body: bytes) -> list[object]:
    """The value of each line, or what is wrong with it; blank lines count for nothing."""
    lines = [line for line in body.split(b"\n") if line.strip(_BLANKS)]
    items = [_parsed_line(line) for line in lines[: MAX_BATCH + 1]]
    bad = [item for item in items if isinstance(item, BadSending)]
    if bad and len(bad) == len(items):
        first = str(bad[0]).removeprefix("body ")
        raise _bad_body(
            "must be a JSON array of messages, or one message a line (NDJSON), "
            f"and its first line {first}"
        )
    return items + lines[len(items) :]


def _parsed_line(line: bytes) -> object:
    try:
        return _parsed(line)
    except BadSending as error:
        return error


def _parsed(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError as error:
        raise _bad_body(f"is not JSON: {error}") from None


def _tried(item: object, region: str | None) -> Sending | BadSending:
    try:
        return _read(item, region)
    except BadSending as error:
        return error


def _read(value: object, region: str | None) -> Sending:
    members = _members(value)
    try:
        body = _BODY.validate_python(members, context=region)
    except ValidationError as error:
        raise BadSending(faults(error, _KINDS)) from None
    return _sending(body)


def _members(value: object) -> dict[str, object]:
    """The members of a message, each under its name in lower case."""
    if isinstance(value, BadSending):
        raise value
    if not isinstance(value, dict):
        raise _bad_body('must be a JSON object such as {"to": "6281234567890", "message": "Hello"}')
    # `To` is taken for `to`, as Go's encoding/json does; of several the last one counts.
    members = value
    if not "".join(value).islower():  # as hardly any are not
        members = {name.lower(): member for name, member in value.items()}
    if members.get("type") is None:
        members["type"] = "text"
    return members


def _sending(body: _Body) -> Sending:
    to, chat_id = body.to
    return Sending(
        to,
        chat_id,
        body.content(),
        body.data(),
        body.session or (),
        body.on_unknown,
        body.priority or "normal",
        body.send_at,
        body.expires_at,
        body.ttl,
        body.metadata,
        bool(body.ignore_suppression),
    )


def _bad_body(detail: str) -> BadSending:
    return BadSending([{"field": "body", "detail": f"body {detail}"}])
