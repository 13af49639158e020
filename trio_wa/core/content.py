"""What a message says: one kind of content for each of WAHA's sends.

The members are those of WAHA's pages "Send messages" and "Polls", in snake case. None, or an empty
tuple, leaves an optional one to WAHA.
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal[
    "text", "image", "file", "voice", "video", "poll", "location", "contact", "list", "forward"
]


@dataclass(frozen=True, slots=True)
class Text:
    """A text. `mentions` are chat ids, or `all` alone; `reply_to` is WAHA's id of a message."""

    text: str
    reply_to: str | None = None
    mentions: tuple[str, ...] = ()
    link_preview: bool | None = None
    link_preview_high_quality: bool | None = None
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class File:
    """A file that WAHA fetches from `url`; None where its data are kept under the message's id."""

    mimetype: str
    filename: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """A picture."""

    file: File
    caption: str | None = None
    mentions: tuple[str, ...] = ()
    reply_to: str | None = None
    kind: Literal["image"] = "image"


@dataclass(frozen=True, slots=True)
class Document:
    """Any file, to be downloaded."""

    file: File
    caption: str | None = None
    mentions: tuple[str, ...] = ()
    reply_to: str | None = None
    kind: Literal["file"] = "file"


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice note; with `convert` WAHA makes it one of another sound."""

    file: File
    convert: bool | None = None
    reply_to: str | None = None
    kind: Literal["voice"] = "voice"


@dataclass(frozen=True, slots=True)
class Video:
    """A video; `as_note` makes it a round one."""

    file: File
    caption: str | None = None
    as_note: bool | None = None
    convert: bool | None = None
    mentions: tuple[str, ...] = ()
    reply_to: str | None = None
    kind: Literal["video"] = "video"


@dataclass(frozen=True, slots=True)
class Poll:
    """A question with 2 to 12 options, of which one or `multiple_answers` may be chosen."""

    name: str
    options: tuple[str, ...]
    multiple_answers: bool = False
    reply_to: str | None = None
    kind: Literal["poll"] = "poll"


@dataclass(frozen=True, slots=True)
class Location:
    """A place on the map; `latitude` and `longitude` are in degrees (WGS 84)."""

    latitude: float
    longitude: float
    title: str | None = None
    reply_to: str | None = None
    kind: Literal["location"] = "location"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody's card, of which WAHA makes a vCard."""

    full_name: str
    phone_number: str
    organization: str | None = None
    whatsapp_id: str | None = None


@dataclass(frozen=True, slots=True)
class Vcard:
    """Somebody's card, ready made (RFC 6350)."""

    vcard: str


@dataclass(frozen=True, slots=True)
class Contacts:
    """Cards of people."""

    contacts: tuple[Person | Vcard, ...]
    reply_to: str | None = None
    kind: Literal["contact"] = "contact"


@dataclass(frozen=True, slots=True)
class Row:
    """A choice in a list; `row_id` is what comes back when it is chosen."""

    title: str
    row_id: str
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A titled group of choices in a list."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Menu:
    """A list behind a `button`, of which the recipient chooses a row."""

    title: str
    button: str
    sections: tuple[Section, ...]
    description: str | None = None
    footer: str | None = None
    reply_to: str | None = None
    kind: Literal["list"] = "list"


@dataclass(frozen=True, slots=True)
class Forward:
    """A message that a chat holds already, by WAHA's id of it."""

    message_id: str
    kind: Literal["forward"] = "forward"


Media: TypeAlias = Image | Document | Voice | Video
Content: TypeAlias = Text | Media | Poll | Location | Contacts | Menu | Forward

NAMELESS: Final[frozenset[Kind]] = frozenset({"image", "file", "voice", "video", "list"})
"""The kinds that take no id chosen before the send: media do in GOWS alone (WAHA 2026.4.3)."""


def holds_data(content: Content) -> bool:
    """Whether the data of a file are kept for the message, under its id."""
    return isinstance(content, Image | Document | Voice | Video) and content.file.url is None
