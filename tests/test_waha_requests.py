"""What WAHA is asked to send: its own JSON for each kind, member by member."""

import base64
import json
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import pytest
import trio
from hypothesis import given

from tests.core.messages import message
from tests.fakes import serve_tcp
from tests.waha_server import CREATED, FakeMedia, Script, session_at, waha
from trio_wa.adapters.waha.send_request import body_of, send_request
from trio_wa.core.content import (
    NAMELESS,
    Contacts,
    Content,
    Document,
    File,
    Forward,
    Image,
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
from trio_wa.core.outcome import Sent
from trio_wa.core.session import Session

CHAT = "6281234567890@c.us"
QUOTED = "false_6281234567890@c.us_3EB0AA"
URL = "https://example.org/a"
LINKED = File("image/png", url=URL)
NAMED = File("image/png", "a.png", URL)
KEPT = File("audio/ogg; codecs=opus")
KEPT_NAMED = File("image/png", "a.png")
DATA = b"\x00\xffdata"
BASE64 = base64.b64encode(DATA).decode()

REQUESTS: list[tuple[Content, str, dict[str, Any]]] = [
    (Text("Hello"), "sendText", {"text": "Hello"}),
    (
        Text("Hello", QUOTED, ("all",), link_preview=False, link_preview_high_quality=True),
        "sendText",
        {
            "text": "Hello",
            "reply_to": QUOTED,
            "mentions": ["all"],
            "linkPreview": False,
            "linkPreviewHighQuality": True,
        },
    ),
    (Image(LINKED), "sendImage", {"file": {"mimetype": "image/png", "url": URL}}),
    (
        Image(NAMED, "Look", (CHAT,), QUOTED),
        "sendImage",
        {
            "file": {"mimetype": "image/png", "filename": "a.png", "url": URL},
            "caption": "Look",
            "mentions": [CHAT],
            "reply_to": QUOTED,
        },
    ),
    (
        Image(KEPT_NAMED, "Look"),
        "sendImage",
        {
            "file": {"mimetype": "image/png", "filename": "a.png", "data": BASE64},
            "caption": "Look",
        },
    ),
    (Document(LINKED), "sendFile", {"file": {"mimetype": "image/png", "url": URL}}),
    (
        Document(KEPT_NAMED, "Read", (CHAT,), QUOTED),
        "sendFile",
        {
            "file": {"mimetype": "image/png", "filename": "a.png", "data": BASE64},
            "caption": "Read",
            "mentions": [CHAT],
            "reply_to": QUOTED,
        },
    ),
    (
        Voice(KEPT),
        "sendVoice",
        {"file": {"mimetype": "audio/ogg; codecs=opus", "data": BASE64}},
    ),
    (
        Voice(LINKED, convert=True, reply_to=QUOTED),
        "sendVoice",
        {"file": {"mimetype": "image/png", "url": URL}, "convert": True, "reply_to": QUOTED},
    ),
    (Video(LINKED), "sendVideo", {"file": {"mimetype": "image/png", "url": URL}}),
    (
        Video(KEPT, "Watch", as_note=True, convert=False, mentions=(CHAT,), reply_to=QUOTED),
        "sendVideo",
        {
            "file": {"mimetype": "audio/ogg; codecs=opus", "data": BASE64},
            "caption": "Watch",
            "asNote": True,
            "convert": False,
            "mentions": [CHAT],
            "reply_to": QUOTED,
        },
    ),
    (
        Poll("Lunch?", ("yes", "no")),
        "sendPoll",
        {"poll": {"name": "Lunch?", "options": ["yes", "no"], "multipleAnswers": False}},
    ),
    (
        Poll("Lunch?", ("yes", "no"), multiple_answers=True, reply_to=QUOTED),
        "sendPoll",
        {
            "poll": {"name": "Lunch?", "options": ["yes", "no"], "multipleAnswers": True},
            "reply_to": QUOTED,
        },
    ),
    (Location(-6.2, 0.0), "sendLocation", {"latitude": -6.2, "longitude": 0.0}),
    (
        Location(-6.2, 106.8, "Jakarta", QUOTED),
        "sendLocation",
        {"latitude": -6.2, "longitude": 106.8, "title": "Jakarta", "reply_to": QUOTED},
    ),
    (
        Contacts((Vcard("BEGIN:VCARD"), Person("Ann", "+62 812"))),
        "sendContactVcard",
        {"contacts": [{"vcard": "BEGIN:VCARD"}, {"fullName": "Ann", "phoneNumber": "+62 812"}]},
    ),
    (
        Contacts((Person("Ann", "+62 812", "Toko", "62812"),), QUOTED),
        "sendContactVcard",
        {
            "contacts": [
                {
                    "fullName": "Ann",
                    "phoneNumber": "+62 812",
                    "organization": "Toko",
                    "whatsappId": "62812",
                }
            ],
            "reply_to": QUOTED,
        },
    ),
    (
        Menu("Menu", "Choose", (Section("Food", (Row("Rice", "r1"),)),)),
        "sendList",
        {
            "message": {
                "title": "Menu",
                "button": "Choose",
                "sections": [{"title": "Food", "rows": [{"title": "Rice", "rowId": "r1"}]}],
            }
        },
    ),
    (
        Menu("Menu", "Choose", (Section("Food", (Row("Rice", "r1", "a bowl"),)),), "Eat", "©", "q"),
        "sendList",
        {
            "message": {
                "title": "Menu",
                "description": "Eat",
                "footer": "©",
                "button": "Choose",
                "sections": [
                    {
                        "title": "Food",
                        "rows": [{"title": "Rice", "rowId": "r1", "description": "a bowl"}],
                    }
                ],
            },
            "reply_to": "q",
        },
    ),
    (Forward(QUOTED), "forwardMessage", {"messageId": QUOTED}),
]


@pytest.mark.parametrize("waha_id", [None, "3EB0FF"])
@pytest.mark.parametrize(("content", "endpoint", "members"), REQUESTS)
async def test_each_kind_goes_out_with_the_members_of_waha(
    content: Content,
    endpoint: str,
    members: dict[str, Any],
    waha_id: str | None,
    nursery: trio.Nursery,
) -> None:
    server = Script(CREATED)
    session = session_at(await serve_tcp(nursery, server))
    async with waha(media=FakeMedia(m1=DATA)).connect() as sender:
        sent = replace(message(1), content=content, waha_id=waha_id)
        assert await sender.send(sent, session) == Sent("3EB0FF")
    [(line, headers, body)] = server.requests
    assert line == f"POST /api/{endpoint} HTTP/1.1"
    assert headers["content-type"] == "application/json"
    assert int(headers["content-length"]) == len(body)
    assert "transfer-encoding" not in headers
    named = waha_id is not None and content.kind not in NAMELESS
    expected = {"chatId": CHAT, "session": "default", **members}
    assert json.loads(body) == {**expected, **({"id": waha_id} if named else {})}


def test_every_kind_is_among_them() -> None:
    assert {content.kind for content, _, _ in REQUESTS} == {
        "text", "image", "file", "voice", "video", "poll", "location", "contact", "list", "forward"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("waha_id", "body"),
    [
        (None, '{"chatId":"6281234567890@c.us","text":"Héllo 👋\\n","session":"default"}'),
        (
            "3EB0FF",
            '{"chatId":"6281234567890@c.us","text":"Héllo 👋\\n","session":"default",'
            '"id":"3EB0FF"}',
        ),
    ],
)
def test_a_plain_text_is_byte_for_byte_what_it_always_was(waha_id: str | None, body: str) -> None:
    sent = replace(message(1), content=Text("Héllo 👋\n"), waha_id=waha_id)
    endpoint, members = send_request(sent, Session("default", "http://waha"))
    assert (endpoint, body_of(members, None)) == ("sendText", (body.encode(),))


@given(
    data=st.binary(),
    mimetype=st.text(st.characters(exclude_categories=["Cs"])),
    filename=st.none() | st.text(st.characters(exclude_categories=["Cs"])),
    caption=st.none() | st.text(st.characters(exclude_categories=["Cs"])),
)
def test_data_go_into_the_file_whatever_stands_around_them(
    data: bytes, mimetype: str, filename: str | None, caption: str | None
) -> None:
    sent = replace(message(1), content=Image(File(mimetype, filename), caption))
    _, members = send_request(sent, Session("default", "http://waha"))
    expected = json.loads(b"".join(body_of(members, None)))
    expected["file"]["data"] = base64.b64encode(data).decode()
    assert json.loads(b"".join(body_of(members, data))) == expected
