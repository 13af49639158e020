"""What each kind of message takes, and how what is wrong is named."""

import base64
from typing import Any

import pytest

from tests.sendings import ID, errors_of, sent
from trio_wa.core.content import (
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

JPEG = {"mimetype": "image/jpeg", "url": "https://example.com/a.jpg"}
PICTURE = File("image/jpeg", url="https://example.com/a.jpg")
OGG = {"mimetype": "audio/ogg; codecs=opus", "url": "https://example.com/a.ogg"}
SOUND = File("audio/ogg; codecs=opus", url="https://example.com/a.ogg")
MP4 = {"mimetype": "video/mp4", "url": "https://example.com/a.mp4"}
FILM = File("video/mp4", url="https://example.com/a.mp4")
PERSON = {"full_name": "Siti", "phone_number": "+62 812-3456-7891"}
ROW = {"title": "Nasi goreng", "row_id": "1"}
MENU = {"title": "Menu", "button": "Choose", "sections": [{"title": "Rice", "rows": [ROW]}]}
SECTIONS = (Section("Rice", (Row("Nasi goreng", "1"),)),)
POLL = {"name": "When?", "options": ["Morning", "Noon"]}


@pytest.mark.parametrize(
    ("members", "content"),
    [
        ({"message": "Hello"}, Text("Hello")),
        ({"type": None, "message": "Hello"}, Text("Hello")),
        (
            {
                "type": "text",
                "message": "Hello",
                "mentions": ["0812-3456-7891", "6281234567892@c.us", "7@lid"],
                "reply_to": ID,
                "link_preview": False,
                "link_preview_high_quality": True,
            },
            Text("Hello", ID, ("6281234567891@c.us", "6281234567892@c.us", "7@lid"), False, True),
        ),
        ({"message": "Hello", "mentions": ["all"]}, Text("Hello", mentions=("all",))),
        ({"message": "Hello", "mentions": None, "reply_to": None}, Text("Hello")),
        ({"message": "Hello", "file": 7, "poll": []}, Text("Hello")),
        ({"type": "image", "file": JPEG}, Image(PICTURE)),
        ({"type": "image", "file": JPEG, "message": "other"}, Image(PICTURE)),
        (
            {
                "type": "image",
                "file": JPEG | {"filename": "a b.jpg"},
                "caption": "A",
                "mentions": ["all"],
                "reply_to": ID,
            },
            Image(File("image/jpeg", "a b.jpg", PICTURE.url), "A", ("all",), ID),
        ),
        (
            {"type": "file", "file": MP4, "caption": "A", "mentions": [], "reply_to": ID},
            Document(FILM, "A", (), ID),
        ),
        (
            {"type": "voice", "file": OGG, "convert": True, "reply_to": ID},
            Voice(SOUND, True, ID),
        ),
        ({"type": "video", "file": MP4, "as_note": True}, Video(FILM, as_note=True)),
        (
            {
                "type": "video",
                "file": MP4,
                "caption": "",
                "convert": False,
                "mentions": ["6281234567891"],
                "reply_to": ID,
            },
            Video(FILM, "", None, False, ("6281234567891@c.us",), ID),
        ),
        ({"type": "poll", "poll": POLL}, Poll("When?", ("Morning", "Noon"))),
        (
            {"type": "poll", "poll": POLL | {"multiple_answers": True}, "reply_to": ID},
            Poll("When?", ("Morning", "Noon"), True, ID),
        ),
        (
            {"type": "poll", "poll": {"name": "?", "options": [*"abcdefghijkl"]}},
            Poll("?", tuple("abcdefghijkl")),
        ),
        ({"type": "location", "latitude": -90, "longitude": 180.0}, Location(-90.0, 180.0)),
        (
            {"type": "location", "latitude": 0, "longitude": 0, "title": "X", "reply_to": ID},
            Location(0.0, 0.0, "X", ID),
        ),
        (
            {"type": "contact", "contacts": [PERSON, {"vcard": "BEGIN:VCARD\nEND:VCARD"}]},
            Contacts((Person("Siti", "+62 812-3456-7891"), Vcard("BEGIN:VCARD\nEND:VCARD"))),
        ),
        (
            {
                "type": "contact",
                "contacts": [PERSON | {"organization": "Toko", "whatsapp_id": "628"}],
                "reply_to": ID,
            },
            Contacts((Person("Siti", "+62 812-3456-7891", "Toko", "628"),), ID),
        ),
        ({"type": "list", "message": MENU}, Menu("Menu", "Choose", SECTIONS)),
        (
            {
                "type": "list",
                "message": MENU | {"description": "D", "footer": "F"},
                "reply_to": ID,
            },
            Menu("Menu", "Choose", SECTIONS, "D", "F", ID),
        ),
        ({"type": "forward", "message_id": ID, "reply_to": 7}, Forward(ID)),
    ],
)
def test_each_kind_is_read_with_its_members(members: dict[str, Any], content: Content) -> None:
    assert sent(members).content == content


@pytest.mark.parametrize(
    ("kind", "member"),
    [
        ("text", "message"),
        ("image", "file"),
        ("file", "file"),
        ("voice", "file"),
        ("video", "file"),
        ("poll", "poll"),
        ("location", "latitude"),
        ("location", "longitude"),
        ("contact", "contacts"),
        ("list", "message"),
        ("forward", "message_id"),
    ],
)
def test_what_a_kind_lacks_is_named_with_the_kind(kind: str, member: str) -> None:
    detail = f"{member} is required" + ("" if kind == "text" else f" for type {kind}")
    assert {"field": member, "detail": detail} in errors_of({"type": kind})


@pytest.mark.parametrize("kind", ["Image", "sticker", "", 7, True, [], {}, ["text"]])
def test_a_kind_that_is_none_is_told_which_there_are(kind: object) -> None:
    kinds = "text, image, file, voice, video, poll, location, contact, list, forward"
    detail = f"type must be one of {kinds}"
    assert errors_of({"type": kind, "message": "x"}) == [{"field": "type", "detail": detail}]


def data(text: str) -> dict[str, Any]:
    return {"type": "file", "file": {"mimetype": "text/plain", "data": text}}


def address(url: object) -> dict[str, Any]:
    return {"type": "image", "file": {"mimetype": "image/png", "url": url}}


def mimetype(text: object, kind: str = "file") -> dict[str, Any]:
    return {"type": kind, "file": {"mimetype": text, "url": "https://example.com/"}}


def named(filename: object) -> dict[str, Any]:
    return {"type": "image", "file": JPEG | {"filename": filename}}


def poll(**members: Any) -> dict[str, Any]:
    return {"type": "poll", "poll": POLL | members}


def place(latitude: object, longitude: object) -> dict[str, Any]:
    return {"type": "location", "latitude": latitude, "longitude": longitude}


def cards(*contacts: object) -> dict[str, Any]:
    return {"type": "contact", "contacts": list(contacts)}


def menu(**members: Any) -> dict[str, Any]:
    return {"type": "list", "message": MENU | members}


def rows(*each: object) -> dict[str, Any]:
    return menu(sections=[{"title": "a", "rows": [ROW]}, {"title": "b", "rows": list(each)}])


@pytest.mark.parametrize(
    ("members", "field", "why"),
    [
        ({"message": "x", "mentions": "all"}, "mentions", "must be a list"),
        ({"message": "x", "mentions": ["all", "6281234567892@c.us"]}, "mentions", '["all"] alone'),
        ({"message": "x", "mentions": ["6281234567892@c.us", "62812"]}, "mentions.1", "too short"),
        ({"message": "x", "mentions": [7]}, "mentions.0", "must be a string"),
        ({"message": "x", "reply_to": ""}, "reply_to", "must not be empty"),
        ({"message": "x", "link_preview": "yes"}, "link_preview", "must be true or false"),
        ({"message": "x", "link_preview": 1}, "link_preview", "must be true or false"),
        ({"type": "image", "file": "x"}, "file", "must be a JSON object (type image)"),
        ({"type": "image", "file": {}}, "file.mimetype", "is required for type image"),
        ({"type": "image", "file": {"mimetype": "image/png"}}, "file", "either url or data"),
        ({"type": "image", "file": JPEG | {"data": "YQ=="}}, "file", "either url or data"),
        ({"type": "image", "file": JPEG, "caption": 7}, "caption", "must be a string"),
        ({"type": "image", "file": OGG}, "file.mimetype", "must begin with image/ (type image)"),
        ({"type": "voice", "file": MP4}, "file.mimetype", "must begin with audio/ (type voice)"),
        ({"type": "video", "file": JPEG}, "file.mimetype", "must begin with video/ (type video)"),
        (mimetype("image", "image"), "file.mimetype", "must be a type such as"),
        (mimetype(""), "file.mimetype", "must be a type such as"),
        (mimetype("text/plain; charset"), "file.mimetype", "must be a type such as"),
        (mimetype("text/plain\r\nX: y"), "file.mimetype", "must be a type such as"),
        (mimetype("text/"), "file.mimetype", "must be a type such as"),
        (mimetype(7), "file.mimetype", "must be a string"),
        (address(""), "file.url", "must be an address"),
        (address("example.com/a.png"), "file.url", "must be an address"),
        (address("ftp://example.com/a.png"), "file.url", "must be an address"),
        (address("file:///etc/passwd"), "file.url", "must be an address"),
        (address("https:///a.png"), "file.url", "must be an address"),
        (address("https://:80/a.png"), "file.url", "must be an address"),
        (address("https://example.com:x/"), "file.url", "must be an address"),
        (address("https://[::1/"), "file.url", "must be an address"),
        (address("https://example.com/a b.png"), "file.url", "must be an address"),
        (address("https://example.com/a\n.png"), "file.url", "must be an address"),
        (address("https://example.com/" + "a" * 2_029), "file.url", "at most 2,048 characters"),
        (address(7), "file.url", "must be a string"),
        (named("a/b.jpg"), "file.filename", "no slash"),
        (named("a\\b.jpg"), "file.filename", "no slash"),
        (named("a\nb.jpg"), "file.filename", "control character"),
        (named("a\u0085b.jpg"), "file.filename", "control character"),
        (named(""), "file.filename", "must not be empty"),
        (data(""), "file.data", "must not be empty"),
        (data("YQ"), "file.data", "is not base64"),
        (data("YQ="), "file.data", "is not base64"),
        (data("YQ==YQ=="), "file.data", "is not base64"),
        (data("_-8="), "file.data", "is not base64"),
        (data("YWJj\nYWJj"), "file.data", "is not base64"),
        (data("é"), "file.data", "is not base64"),
        (data("data:text/plain;base64,YQ=="), "file.data", "without data:"),
        ({"type": "file", "file": {"mimetype": "a/b", "data": [1]}}, "file.data", "of base64"),
        (poll(name=""), "poll.name", "must not be empty (type poll)"),
        (poll(options=["a"]), "poll.options", "must have at least 2"),
        (poll(options=[]), "poll.options", "must have at least 2"),
        (poll(options=[*"abcdefghijklm"]), "poll.options", "must have at most 12"),
        (poll(options=["a", "b", "a"]), "poll.options", "must differ"),
        (poll(options=["a", ""]), "poll.options.1", "must not be empty"),
        (poll(options="ab"), "poll.options", "must be a list"),
        (poll(multiple_answers=2), "poll.multiple_answers", "must be true or false"),
        (place(90.01, 0), "latitude", "must be at most 90 (type location)"),
        (place(-91, 0), "latitude", "must be at least -90"),
        (place(0, 180.5), "longitude", "must be at most 180"),
        (place(0, -181), "longitude", "must be at least -180"),
        (place(float("nan"), 0), "latitude", "must be a finite number"),
        (place(0, float("inf")), "longitude", "must be a finite number"),
        (place("1", 0), "latitude", "must be a number"),
        (place(True, 0), "latitude", "must be a number"),
        (place(10**400, 0), "latitude", "must be a number"),
        (cards(), "contacts", "must have at least 1"),
        (cards({}), "contacts.0", "must have full_name and phone_number, or vcard"),
        (cards(PERSON, {"full_name": "Siti"}), "contacts.1", "must have full_name and"),
        (cards({"vcard": "Siti"}), "contacts.0.vcard", "must begin with BEGIN:VCARD"),
        (cards(PERSON | {"phone_number": 62}), "contacts.0.phone_number", "must be a string"),
        (cards("Siti"), "contacts.0", "must be a JSON object (type contact)"),
        ({"type": "list", "message": "Menu"}, "message", "must be a JSON object (type list)"),
        (menu(button=""), "message.button", "must not be empty"),
        (menu(sections=[]), "message.sections", "must have at least 1"),
        (rows(), "message.sections.1.rows", "must have at least 1"),
        (
            rows(ROW | {"row_id": "2"}, {"row_id": "3"}),
            "message.sections.1.rows.1.title",
            "is required",
        ),
        (rows(ROW), "message.sections", "a row_id of its own"),
        (menu() | {"to": "120363025246125486@g.us"}, "to", "must be a person for type list"),
        ({"type": "forward", "message_id": ""}, "message_id", "must not be empty (type forward)"),
    ],
)
def test_a_wrong_member_is_named(members: dict[str, Any], field: str, why: str) -> None:
    [error] = errors_of(members)
    assert error["field"] == field
    assert error["detail"].startswith(f"{field} ")
    assert why in error["detail"]


def test_the_data_of_a_file_are_decoded_and_stand_beside_the_content() -> None:
    for size in (1, 2, 3, 100_000):
        raw = bytes(range(256)) * (size // 256) + bytes(size % 256)
        sending = sent(data(base64.b64encode(raw).decode()))
        assert sending.data == raw
        assert sending.content == Document(File("text/plain"))


@pytest.mark.parametrize(
    "text", ["text/plain", 'text/plain; charset="utf-8"', "IMAGE/JPEG", "application/vnd.a+xml;a=b"]
)
def test_a_mimetype_may_have_parameters_and_is_kept_as_it_is(text: str) -> None:
    content = sent(mimetype(text)).content
    assert isinstance(content, Document)
    assert content.file.mimetype == text
    assert sent(mimetype("IMAGE/JPEG", "image")).content.kind == "image"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9000/a",
        "https://[::1]/a?b=c#d",
        "HTTPS://user:pw@example.com/é",
        "https://example.com/" + "a" * 2_028,
    ],
)
def test_an_address_is_kept_as_it_is(url: str) -> None:
    content = sent(address(url)).content
    assert isinstance(content, Image)
    assert content.file.url == url


@pytest.mark.parametrize("to", ["0812 3456 7890", "6281234567890@c.us", "100000000000001@lid"])
def test_a_list_goes_to_a_person(to: str) -> None:
    assert sent(menu() | {"to": to}).content.kind == "list"
