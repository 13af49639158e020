"""How a message stands, in words."""

from dataclasses import replace

import pytest

from trio_wa.core.content import (
    Contacts,
    Document,
    File,
    Image,
    Location,
    Menu,
    Poll,
    Text,
    Vcard,
    Video,
    Voice,
)
from trio_wa.core.status import Status
from trio_wa.ports import Event, Record
from trio_wa.simulator import Delivered
from trio_wa.testing import account


def queued(due_at):
    """A message that was refused once, and is due again at `due_at`."""
    return Record(
        number=1,
        id="an-id",
        to="447700900002",
        chat_id="447700900002@c.us",
        content=Text("Hello"),
        status=Status.QUEUED,
        accepted_at=100.0,
        expires_at=1000.0,
        due_at=due_at,
        code="proxy_unavailable",
        events=(
            Event(100.0, Status.QUEUED),
            Event(100.25, Status.SENDING, "default"),
            Event(100.5, Status.QUEUED, "default", "proxy_unavailable", "WAHA answered 503"),
        ),
    )


def test_a_message_is_told_with_its_next_attempt_and_its_timeline():
    assert account.of_messages([queued(due_at=103.5)], now=101.0) == [
        "Accepted by trio-wa (times from the accept):",
        "  an-id to 447700900002 is queued (proxy_unavailable), next attempt in 2.50 s: 'Hello'",
        "    +0.000 s queued",
        "    +0.250 s sending over default",
        "    +0.500 s queued over default: proxy_unavailable, WAHA answered 503",
    ]


def test_a_message_that_is_due_has_no_time_for_its_next_attempt():
    told = account.of_messages([queued(due_at=100.9)], now=101.0)
    assert told[1] == "  an-id to 447700900002 is queued (proxy_unavailable): 'Hello'"


def test_a_scheduled_message_is_told_with_its_time():
    waiting = replace(queued(100.0), code=None, send_at=160.0, scheduled=True, events=())
    told = account.of_messages([waiting], now=100.0)
    assert told[1] == "  an-id to 447700900002 is queued, to be sent in 60.00 s: 'Hello'"


PNG = File("image/png", url="https://example.org/a.png")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (Text("Hello"), "'Hello'"),
        (Image(PNG, "Look"), "image 'Look'"),
        (Image(PNG), "image"),
        (Document(PNG, "Read"), "file 'Read'"),
        (Voice(PNG), "voice"),
        (Video(PNG, "Watch"), "video 'Watch'"),
        (Poll("Lunch?", ("yes", "no")), "poll 'Lunch?'"),
        (Location(1.0, 2.0, "Jakarta"), "location 'Jakarta'"),
        (Contacts((Vcard("BEGIN:VCARD"),)), "contact"),
        (Menu("Menu", "Choose", ()), "list 'Menu'"),
    ],
)
def test_each_kind_is_told_with_what_its_recipient_reads(content, said):
    record = replace(queued(100.0), content=content, kind=content.kind)
    assert account.of_messages([record], now=100.0)[1].endswith(f"(proxy_unavailable): {said}")


def test_an_erased_message_is_told_by_its_kind():
    texts = [
        account.of_messages([replace(queued(100.0), content=None, kind=kind)], now=100.0)[1]
        for kind in ("text", "image")
    ]
    assert [each.rpartition(": ")[2] for each in texts] == ["no text", "image"]


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("sendText", "Hello", "'Hello'"),
        ("sendImage", "Look", "image 'Look'"),
        ("sendContactVcard", None, "contactvcard"),
        ("forwardMessage", "Hello", "forward 'Hello'"),
    ],
)
def test_what_was_sent_instead_is_told_by_kind(kind, text, said):
    message = Delivered("3EB0", "default", "447700900002@c.us", kind, text, {}, 0.0, 1, 1, {})
    told = account.of_deliveries([message])
    assert told[1] == f"  00:00:00.000 over default to 447700900002@c.us: {said}"
