"""The edges between the states of a message."""

import pytest

from trio_wa.core.status import EDGES, Status, may_follow

ALLOWED = {
    ("queued", "sending"),
    ("queued", "expired"),
    ("queued", "cancelled"),
    ("sending", "queued"),
    ("sending", "sent"),
    ("sending", "failed"),
    ("sending", "unknown"),
    ("sent", "delivered"),
    ("sent", "read"),
    ("sent", "failed"),
    ("sent", "queued"),
    ("delivered", "read"),
    ("failed", "queued"),
    ("unknown", "sent"),
    ("unknown", "delivered"),
    ("unknown", "read"),
    ("unknown", "queued"),
    ("expired", "queued"),
}


@pytest.mark.parametrize("before", Status)
@pytest.mark.parametrize("after", Status)
def test_exactly_these_edges_exist(before: Status, after: Status) -> None:
    assert may_follow(before, after) == ((before.value, after.value) in ALLOWED)


def test_every_state_has_its_edges_and_none_leads_to_itself() -> None:
    assert EDGES.keys() == set(Status)
    assert not any(status in EDGES[status] for status in Status)


def test_every_state_can_be_reached_from_queued() -> None:
    reached = {Status.QUEUED}
    while more := {after for before in reached for after in EDGES[before]} - reached:
        reached |= more
    assert reached == set(Status)


def test_what_reached_its_recipient_is_never_sent_again() -> None:
    for status in (Status.DELIVERED, Status.READ, Status.CANCELLED):
        reached = {status}
        while more := {after for before in reached for after in EDGES[before]} - reached:
            reached |= more
        assert Status.SENDING not in reached
