"""How a message stands, in words."""

from trio_wa.core.status import Status
from trio_wa.ports import Event, Record
from trio_wa.testing import account


def queued(due_at):
    """A message that was refused once, and is due again at `due_at`."""
    return Record(
        number=1,
        id="an-id",
        to="447700900002",
        chat_id="447700900002@c.us",
        text="Hello",
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
