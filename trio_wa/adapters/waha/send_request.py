"""What WAHA is asked to send: the endpoint and the JSON of each kind of content.

The names are those of WAHA's pages "Send messages" and "Polls".
"""

from binascii import b2a_base64
from collections.abc import Mapping
from typing import Any, TypeAlias, assert_never

from pydantic_core import to_json

from trio_wa.core.content import (
    NAMELESS,
    Contacts,
    Content,
    Document,
    File,
    Forward,
    Image,
    Location,
    Media,
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
from trio_wa.core.message import Message
from trio_wa.core.session import Session

Members: TypeAlias = dict[str, Any]


def send_request(message: Message, session: Session) -> tuple[str, Members]:
    """The endpoint for a message, and the members of its JSON.

    Those of a file whose data are kept come without their `data`: `body_of` puts them in.
    """
    endpoint, members = _content(message.content)
    members = {"chatId": message.chat_id, **members, "session": session.name}
    if message.waha_id is not None and message.content.kind not in NAMELESS:
        members["id"] = message.waha_id
    return endpoint, members


def body_of(members: Mapping[str, Any], data: bytes | None) -> tuple[bytes, ...]:
    """The JSON in pieces, with `data` in its file; the only copy of them is their base64."""
    if data is None:
        return (to_json(members),)
    # Last of all, the file leaves one place for the data: at the end of the JSON.
    rest = {name: value for name, value in members.items() if name != "file"}
    beginning = to_json({**rest, "file": {**members["file"], "data": ""}})
    return beginning.removesuffix(b'"}}'), b2a_base64(data, newline=False), b'"}}'


def _content(content: Content) -> tuple[str, Members]:
    match content:
        case Text():
            return "sendText", {
                "text": content.text,
                **_set(
                    reply_to=content.reply_to,
                    mentions=_listed(content.mentions),
                    linkPreview=content.link_preview,
                    linkPreviewHighQuality=content.link_preview_high_quality,
                ),
            }
        case Image() | Document() | Voice() | Video():
            return _media(content)
        case Poll():
            poll = {
                "name": content.name,
                "options": list(content.options),
                "multipleAnswers": content.multiple_answers,
            }
            return "sendPoll", {"poll": poll, **_set(reply_to=content.reply_to)}
        case Location():
            return "sendLocation", {
                "latitude": content.latitude,
                "longitude": content.longitude,
                **_set(title=content.title, reply_to=content.reply_to),
            }
        case Contacts():
            cards = [_card(card) for card in content.contacts]
            return "sendContactVcard", {"contacts": cards, **_set(reply_to=content.reply_to)}
        case Menu():
            return "sendList", {"message": _menu(content), **_set(reply_to=content.reply_to)}
        case Forward():
            return "forwardMessage", {"messageId": content.message_id}
        case _:
            assert_never(content)


def _media(content: Media) -> tuple[str, Members]:
    members = {"file": _file(content.file)}
    match content:
        case Image() | Document():
            endpoint = "sendImage" if isinstance(content, Image) else "sendFile"
            optional = _set(caption=content.caption, mentions=_listed(content.mentions))
        case Voice():
            endpoint, optional = "sendVoice", _set(convert=content.convert)
        case Video():
            endpoint = "sendVideo"
            optional = _set(
                caption=content.caption,
                asNote=content.as_note,
                convert=content.convert,
                mentions=_listed(content.mentions),
            )
        case _:
            assert_never(content)
    return endpoint, {**members, **optional, **_set(reply_to=content.reply_to)}


def _file(file: File) -> Members:
    return {"mimetype": file.mimetype, **_set(filename=file.filename, url=file.url)}


def _card(card: Person | Vcard) -> Members:
    if isinstance(card, Vcard):
        return {"vcard": card.vcard}
    return {
        "fullName": card.full_name,
        "phoneNumber": card.phone_number,
        **_set(organization=card.organization, whatsappId=card.whatsapp_id),
    }


def _menu(menu: Menu) -> Members:
    return {
        "title": menu.title,
        **_set(description=menu.description, footer=menu.footer),
        "button": menu.button,
        "sections": [_section(section) for section in menu.sections],
    }


def _section(section: Section) -> Members:
    return {"title": section.title, "rows": [_row(row) for row in section.rows]}


def _row(row: Row) -> Members:
    return {"title": row.title, "rowId": row.row_id, **_set(description=row.description)}


def _listed(chat_ids: tuple[str, ...]) -> list[str] | None:
    return list(chat_ids) or None


def _set(**members: object) -> Members:
    """The optional members that are set: what is absent WAHA chooses itself."""
    return {name: value for name, value in members.items() if value is not None}
