"""Whatever bytes come: messages that can be read again, or what is wrong with them."""

import base64
import json
from dataclasses import asdict
from typing import Any, get_args

import hypothesis.strategies as st
from hypothesis import given

from tests.sendings import TO, sent
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
from trio_wa.intake.idempotency import fingerprint
from trio_wa.intake.sending import BadSending, Sending, read_sending, read_sendings

MEMBERS = (
    *("to", "type", "message", "file", "mimetype", "filename", "url", "data", "caption", "as_note"),
    *("convert", "mentions", "reply_to", "poll", "name", "options", "multiple_answers"),
    *("latitude", "longitude", "title", "contacts", "vcard", "full_name", "phone_number"),
    *("button", "sections", "rows", "row_id", "message_id", "session", "on_unknown", "priority"),
    *("send_at", "expires_at", "ttl", "metadata", "ignore_suppression", "link_preview"),
)
WORDS = ("6281234567890", "all", "image/png", "a/b", "https://a/", "YQ==", "90s", "urgent", "")

names = st.sampled_from(MEMBERS)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names | st.text(), inner, max_size=6)
    ),
    max_leaves=12,
)
near_messages = st.builds(
    lambda kind, members: TO | {"message": "Hello"} | members | {"type": kind},
    st.sampled_from(get_args(Kind)) | values,
    st.dictionaries(names, values, max_size=6),
)


def readings(body: bytes) -> list[Sending | BadSending]:
    """All that is read of a body, each way."""
    found: list[Sending | BadSending] = []
    for read in (
        lambda: [read_sending(body, None)],
        lambda: read_sendings(body, "application/json", "ID"),
        lambda: read_sendings(body, "application/x-ndjson", "ID"),
    ):
        try:
            found += read()
        except BadSending as error:
            found.append(error)
    return found


@given(near_messages | st.lists(near_messages, max_size=3) | values | st.binary())
def test_no_bytes_raise_anything_but_what_is_wrong_with_them(body: object) -> None:
    found = readings(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert len(found) >= 3
    for item in found:
        if isinstance(item, BadSending):
            assert item.errors
            assert all(error["detail"].startswith(f"{error['field']} ") for error in item.errors)
            json.dumps(item.errors).encode()
        else:
            fingerprint("k", item.payload)
            assert item.metadata is None or isinstance(json.loads(item.metadata), dict)


def reading(value: object, region: str | None) -> Sending | list[dict[str, str]]:
    """What is read of one message, or what is wrong with it."""
    try:
        return read_sending(json.dumps(value).encode(), region)
    except BadSending as error:
        return error.errors


cased = st.sampled_from((str.lower, str.upper, str.title))
numbers = st.sampled_from(("6281234567890", "+62 812-3456-7890", "081234567890", "7@lid", "12"))
of_callers = st.builds(
    lambda message, to, case: {case(name): member for name, member in message.items()} | to,
    near_messages | st.builds(lambda text: {"message": text}, st.text(min_size=1)),
    st.builds(lambda to: {"to": to}, numbers),
    cased,
)


@given(
    st.lists(of_callers, min_size=1, max_size=4)
    | st.lists(of_callers | values, min_size=1, max_size=4),
    st.sampled_from((None, "ID")),
)
def test_of_a_batch_each_is_read_as_if_it_came_alone(batch: list[Any], region: str | None) -> None:
    alone = [reading(each, region) for each in batch]
    lines = "\n".join(json.dumps(each) for each in batch)
    for body, content_type in ((json.dumps(batch), ""), (lines, "application/x-ndjson")):
        together = read_sendings(body.encode(), content_type, region)
        found = [each.errors if isinstance(each, BadSending) else each for each in together]
        assert found == alone


texts = st.text(min_size=1, max_size=20)
maybe = st.none() | texts
flags = st.none() | st.booleans()
mentions = st.just(("all",)) | st.lists(
    st.sampled_from(["6281234567891@c.us", "7@lid"]), max_size=2
).map(tuple)


def files(family: str) -> st.SearchStrategy[File]:
    """Files of a family of types, with an address or with data of their own."""
    filenames = st.none() | st.text("abc. é", min_size=1)
    urls = st.sampled_from([None, "https://example.com/a?b#c", "http://[::1]:9000/é"])
    return st.builds(File, st.sampled_from([f"{family}/x", f"{family}/x; a=b"]), filenames, urls)


sections = st.lists(
    st.builds(
        Section,
        texts,
        st.lists(st.builds(Row, texts, texts, maybe), min_size=1, max_size=3).map(tuple),
    ),
    min_size=1,
    max_size=2,
).filter(lambda groups: len(ids(groups)) == len(set(ids(groups))))


def ids(groups: list[Section]) -> list[str]:
    return [row.row_id for group in groups for row in group.rows]


people = st.builds(Person, texts, texts, maybe, maybe)
vcards = st.builds(Vcard, texts.map("BEGIN:VCARD".__add__))
options = st.lists(texts, min_size=2, max_size=12, unique=True).map(tuple)
contents: st.SearchStrategy[Content] = st.one_of(
    st.builds(Text, texts, maybe, mentions, flags, flags),
    st.builds(Image, files("image"), maybe, mentions, maybe),
    st.builds(Document, files("a"), maybe, mentions, maybe),
    st.builds(Voice, files("audio"), flags, maybe),
    st.builds(Video, files("video"), maybe, flags, flags, mentions, maybe),
    st.builds(Poll, texts, options, st.booleans(), maybe),
    st.builds(Location, st.floats(-90, 90), st.floats(-180, 180), maybe, maybe),
    st.builds(Contacts, st.lists(people | vcards, min_size=1, max_size=3).map(tuple), maybe),
    st.builds(Menu, texts, texts, sections.map(tuple), maybe, maybe, maybe),
    st.builds(Forward, texts),
)


def written(content: Content, data: bytes) -> dict[str, Any]:
    """The members with which a caller says `content`; `data` are those of a file without url."""
    members: dict[str, Any] = asdict(content)
    members["type"] = members.pop("kind")
    match content:
        case Text():
            members["message"] = members.pop("text")
        case Image() | Document() | Voice() | Video() if content.file.url is None:
            members["file"]["data"] = base64.b64encode(data).decode()
        case Poll():
            return members | {"poll": members}
        case Menu():
            return members | {"message": members}
        case _:
            pass
    return members


@given(contents, st.binary(min_size=1))
def test_what_a_message_says_is_read_as_it_is(content: Content, data: bytes) -> None:
    sending = sent(written(content, data))
    assert sending.content == content
    kept = isinstance(content, Image | Document | Voice | Video) and content.file.url is None
    assert sending.data == (data if kept else None)
    assert sent(written(sending.content, data)) == sending
