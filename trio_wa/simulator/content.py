"""What a send says: whether its members are those that WAHA's engine needs, and its text."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

_Check: TypeAlias = Callable[[object], bool]


def wrong_member(kind: str, body: Mapping[str, Any]) -> str | None:
    """The first member over which the engine stumbles: absent, or of another type; None if all go.

    `kind` is the endpoint's name. What an endpoint does not know, it ignores.
    """
    needed, optional = _MEMBERS[kind]
    for name, fits in needed.items():
        if not fits(body.get(name)):
            return name
    for name, fits in optional.items():
        if body.get(name) is not None and not fits(body[name]):
            return name
    return None


def text_of(kind: str, body: Mapping[str, Any]) -> str | None:
    """What a recipient reads of it: a text, a caption, or a title."""
    match kind:
        case "sendText":
            text = body.get("text")
        case "sendPoll":
            text = body["poll"]["name"]
        case "sendList":
            text = body["message"]["title"]
        case "sendLocation":
            text = body.get("title")
        case _:
            text = body.get("caption")
    return text if isinstance(text, str) else None


def _text(value: object) -> bool:
    return isinstance(value, str)


def _flag(value: object) -> bool:
    return isinstance(value, bool)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _list_of(fits: _Check) -> _Check:
    return lambda value: isinstance(value, list) and all(map(fits, value))


def _object(needed: Mapping[str, _Check], optional: Mapping[str, _Check]) -> _Check:
    """Whether a value is an object that has what is needed, and nothing optional that is wrong."""

    def fits(value: object) -> bool:
        return (
            isinstance(value, dict)
            and all(check(value.get(name)) for name, check in needed.items())
            and all(
                value.get(name) is None or check(value[name]) for name, check in optional.items()
            )
        )

    return fits


def _either(*checks: _Check) -> _Check:
    return lambda value: any(check(value) for check in checks)


_FILE = _either(
    _object({"mimetype": _text, "url": _text}, {"filename": _text}),
    _object({"mimetype": _text, "data": _text}, {"filename": _text}),
)
_CARD = _either(
    _object({"vcard": _text}, {}),
    _object(
        {"fullName": _text, "phoneNumber": _text}, {"organization": _text, "whatsappId": _text}
    ),
)
_POLL = _object({"name": _text, "options": _list_of(_text)}, {"multipleAnswers": _flag})
_ROW = _object({"title": _text, "rowId": _text}, {"description": _text})
_SECTION = _object({"title": _text, "rows": _list_of(_ROW)}, {})
_MENU = _object(
    {"title": _text, "button": _text, "sections": _list_of(_SECTION)},
    {"description": _text, "footer": _text},
)
_REPLY: Mapping[str, _Check] = {"reply_to": _text}
_MENTIONS: Mapping[str, _Check] = {"mentions": _list_of(_text)}
_CAPTIONED: Mapping[str, _Check] = {"caption": _text, **_MENTIONS, **_REPLY}

_MEMBERS: Mapping[str, tuple[Mapping[str, _Check], Mapping[str, _Check]]] = {
    "sendText": (
        {"text": _text},
        {"linkPreview": _flag, "linkPreviewHighQuality": _flag, **_MENTIONS, **_REPLY},
    ),
    "sendImage": ({"file": _FILE}, _CAPTIONED),
    "sendFile": ({"file": _FILE}, _CAPTIONED),
    "sendVoice": ({"file": _FILE}, {"convert": _flag, **_REPLY}),
    "sendVideo": ({"file": _FILE}, {"asNote": _flag, "convert": _flag, **_CAPTIONED}),
    "sendPoll": ({"poll": _POLL}, _REPLY),
    "sendLocation": ({"latitude": _number, "longitude": _number}, {"title": _text, **_REPLY}),
    "sendContactVcard": ({"contacts": _list_of(_CARD)}, _REPLY),
    "sendList": ({"message": _MENU}, _REPLY),
    "forwardMessage": ({"messageId": _text}, {}),
}
"""Of each endpoint the members that it needs, and those that it takes besides."""
