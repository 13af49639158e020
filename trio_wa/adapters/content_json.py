"""What a message says, as text for a column: a plain text as it is, all else as JSON."""

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Final

from trio_wa.core.content import (
    Contacts,
    Content,
    Document,
    File,
    Forward,
    Image,
    Kind,
    Location,
    Menu,
    Person,
    Poll,
    Row,
    Section,
    Text,
    Vcard,
    Video,
    Voice,
)

_CLASSES: Final[dict[Kind, type[Content]]] = {
    "text": Text,
    "image": Image,
    "file": Document,
    "voice": Voice,
    "video": Video,
    "poll": Poll,
    "location": Location,
    "contact": Contacts,
    "list": Menu,
    "forward": Forward,
}
_PARTS: Final = (File, Person, Vcard, Row, Section)
_MEMBERS: Final = {
    each: tuple(field.name for field in fields(each) if field.name != "kind")
    for each in (*_CLASSES.values(), *_PARTS)
}
_READ: Final[dict[str, Callable[[Any], Any]]] = {
    "file": lambda file: File(**file),
    "mentions": tuple,
    "options": tuple,
    "contacts": lambda cards: tuple(
        Vcard(**card) if "vcard" in card else Person(**card) for card in cards
    ),
    "sections": lambda sections: tuple(
        Section(each["title"], tuple(Row(**row) for row in each["rows"])) for each in sections
    ),
}
"""What JSON holds as an object or a list; no two kinds use one of these names differently."""

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def write_content(content: Content) -> tuple[Kind | None, str]:
    """The kind of a content and its members as JSON in ASCII; of a plain text None and the text.

    A text that is no Unicode, as with a lone surrogate, is written as JSON too, which can hold it.
    """
    if type(content) is Text and _is_plain(content):
        return None, content.text
    return content.kind, _encode(_members(content))


def read_content(kind: Kind | None, text: str) -> Content:
    """The content of which `write_content` made this."""
    if kind is None:
        return Text(text)
    members: dict[str, Any] = json.loads(text)
    for name, read in _READ.items():
        if name in members:
            members[name] = read(members[name])
    return _CLASSES[kind](**members)


def _is_plain(content: Text) -> bool:
    """Whether no optional member is set, and a database takes the text."""
    if content.reply_to is not None or content.mentions:
        return False
    if content.link_preview is not None or content.link_preview_high_quality is not None:
        return False
    if content.text.isascii():
        return True
    try:
        content.text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _members(part: Any) -> Any:
    """A content, or a part of one, as JSON knows it, without what is None."""
    if isinstance(part, tuple):
        return [_members(each) for each in part]
    names = _MEMBERS.get(type(part))
    if names is None:
        return part
    values = ((name, getattr(part, name)) for name in names)
    return {name: _members(value) for name, value in values if value is not None}
