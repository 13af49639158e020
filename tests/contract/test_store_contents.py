"""Whatever a message says, every store gives back as it was."""

import pytest

from tests.contract.messages import NOW, accept, draft, finish, record_of
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
from trio_wa.core.message import Message
from trio_wa.core.status import Status
from trio_wa.ports import Accepted, Filter, Store

AT_URL = File("application/pdf", "Tagihan — Mei.pdf", "https://example.com/a?b=c&d=%20")
CONTENTS: tuple[Content, ...] = (
    Text(""),
    Text('{"kind":"poll"}'),
    Text("Halo 👋\n\t\u202e", reply_to="false_1@c.us_3EB0", mentions=("all",)),
    Text("Hi", mentions=("1@c.us", "2@c.us"), link_preview=False, link_preview_high_quality=True),
    Image(File("image/png")),
    Image(AT_URL, caption="", mentions=("1@c.us",), reply_to="a"),
    Document(AT_URL, caption="'; --", mentions=("all",), reply_to="a"),
    Document(File("text/plain", "")),
    Voice(AT_URL, convert=True, reply_to="a"),
    Voice(File("audio/ogg; codecs=opus")),
    Video(AT_URL, "Look", as_note=False, convert=True, mentions=("1@c.us",), reply_to="a"),
    Video(File("video/mp4", "a.mp4")),
    Poll("Coffee?", ("yes", "no")),
    Poll("Which?", ("a", "b", "c"), multiple_answers=True, reply_to="a"),
    Location(-6.2000000001, 106.816666),
    Location(0.0, -180.0, title="The line", reply_to="a"),
    Contacts((Person("Budi", "+62 812"), Vcard("BEGIN:VCARD\nEND:VCARD"))),
    Contacts((Person("Ani", "+62 813", "PT", "62813"), Person("", "")), reply_to="a"),
    Menu("Menu", "Open", (Section("Drinks", (Row("Tea", "1"), Row("Coffee", "2", "hot"))),)),
    Menu("Menu", "Open", (Section("", ()),), description="d", footer="f", reply_to="a"),
    Forward("true_1@c.us_3EB0"),
)


@pytest.mark.parametrize("content", CONTENTS, ids=repr)
async def test_a_content_comes_back_as_it_was(
    store: Store, published: list[Message], content: Content
) -> None:
    message = await accept(store, "a", content=content)
    assert message.content == content
    assert published == [message]
    assert await store.queued("normal", 0, 10) == [message]
    record = await record_of(store, "a")
    assert (record.content, record.kind) == (content, content.kind)
    await store.begin(message, "default", NOW + 1)
    assert [each.message for each in await store.open_attempts()] == [message]


@pytest.mark.parametrize("content", CONTENTS, ids=repr)
async def test_the_kind_of_a_content_outlives_it(store: Store, content: Content) -> None:
    await finish(store, await accept(store, "a", content=content), Status.SENT, at=NOW + 5)
    assert await store.erase_texts(NOW + 6, 10) == 1
    record = await record_of(store, "a")
    assert (record.content, record.kind) == (None, content.kind)
    assert await store.erase_texts(NOW + 6, 10) == 0


async def test_a_retried_message_says_the_same(store: Store, published: list[Message]) -> None:
    for n, content in enumerate(each for each in CONTENTS if "url=None" not in repr(each)):
        await finish(store, await accept(store, f"m{n}", content=content), Status.FAILED)
        assert await store.retry(f"m{n}", NOW + 9, NOW + 99)
        assert published[-1].content == content


async def test_what_a_caller_gave_with_a_message_is_kept(store: Store) -> None:
    metadata = '{"order":"47/ä","note":null}'
    wanted = draft("a", priority="bulk", send_at=NOW, batch="b-1", metadata=metadata)
    acceptance = await store.accept(wanted)
    assert isinstance(acceptance, Accepted)
    assert acceptance.message.priority == "bulk"
    [listed] = await store.find(Filter(), 10)
    for record in (await record_of(store, "a"), listed):
        assert (record.priority, record.batch, record.metadata) == ("bulk", "b-1", metadata)
        assert (record.send_at, record.scheduled, record.has_data) == (NOW, False, False)


async def test_a_plain_message_has_nothing_of_that(store: Store) -> None:
    await accept(store, "a")
    record = await record_of(store, "a")
    assert (record.kind, record.priority, record.batch) == ("text", "normal", None)
    assert (record.metadata, record.send_at, record.scheduled) == (None, None, False)
    assert not record.has_data
