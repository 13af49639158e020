"""The edges between the states of a message."""

from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis import given

from trio_wa.core.status import EDGES, Status, acknowledged, joined, may_follow

ALLOWED = {
    ("queued", "sending"),
    ("queued", "expired"),
    ("queued", "cancelled"),
    ("queued", "sent"),
    ("queued", "delivered"),
    ("queued", "read"),
    ("sending", "queued"),
    ("sending", "sent"),
    ("sending", "failed"),
    ("sending", "unknown"),
    ("sending", "cancelled"),
    ("sending", "delivered"),
    ("sending", "read"),
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
    ("unknown", "failed"),
    ("unknown", "cancelled"),
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


@pytest.mark.parametrize(
    ("before", "acks"),
    [
        # after the acks -1, 0 (WAHA has it), 1, 2, 3 and 4
        ("queued", ["queued", "sent", "sent", "delivered", "read", "read"]),
        ("sending", ["sending", "sending", "sending", "sending", "sending", "sending"]),
        ("sent", ["failed", "sent", "sent", "delivered", "read", "read"]),
        ("delivered", ["delivered", "delivered", "delivered", "delivered", "read", "read"]),
        ("read", ["read", "read", "read", "read", "read", "read"]),
        ("failed", ["failed", "failed", "failed", "failed", "failed", "failed"]),
        ("unknown", ["failed", "sent", "sent", "delivered", "read", "read"]),
        ("expired", ["expired", "expired", "expired", "expired", "expired", "expired"]),
        ("cancelled", ["cancelled"] * 6),
    ],
)
def test_an_ack_leads_on_and_never_back(before: str, acks: list[str]) -> None:
    assert [acknowledged(Status(before), ack) for ack in range(-1, 5)] == acks


@pytest.mark.parametrize("before", Status)
@pytest.mark.parametrize("ack", range(-1, 5))
def test_a_repeated_ack_changes_nothing_more(before: Status, ack: int) -> None:
    once = acknowledged(before, ack)
    assert once is before or may_follow(before, once)
    assert acknowledged(once, ack) is once


@pytest.mark.parametrize(
    ("after", "acks"),
    [
        ("sent", ["failed", "sent", "sent", "delivered", "read", "read"]),
        ("queued", ["failed", "sent", "sent", "delivered", "read", "read"]),
        ("failed", ["failed", "sent", "sent", "delivered", "read", "read"]),
        ("unknown", ["failed", "sent", "sent", "delivered", "read", "read"]),
        ("cancelled", ["failed", "sent", "sent", "delivered", "read", "read"]),
    ],
)
def test_an_ack_that_came_before_the_end_of_its_attempt_is_joined(
    after: str, acks: list[str]
) -> None:
    assert [joined(Status(after), ack) for ack in range(-1, 5)] == acks
    assert joined(Status(after), None) == after


acks = st.integers(-1, 4)
_ORDER = [Status.SENT, Status.DELIVERED, Status.READ]


def rank(status: Status) -> int:
    return _ORDER.index(status) if status in _ORDER else -1


@given(st.sampled_from(Status), st.lists(acks, max_size=10))
def test_over_any_acks_in_any_order_a_message_never_goes_back(
    before: Status, sequence: list[int]
) -> None:
    states = [before]
    for ack in sequence:
        after = acknowledged(states[-1], ack)
        assert after is states[-1] or may_follow(states[-1], after)
        assert rank(after) >= rank(states[-1]) or after is Status.FAILED
        states.append(after)
    if Status.DELIVERED in states:  # what arrived has not failed, whatever comes late
        assert states[-1] in (Status.DELIVERED, Status.READ)
    assert Status.SENDING not in states or set(states) == {Status.SENDING}


@given(st.lists(st.integers(0, 4), min_size=1, max_size=10), st.randoms())
def test_the_order_of_acks_does_not_matter_in_the_end(sequence: list[int], random: Random) -> None:
    shuffled = random.sample(sequence, len(sequence))
    ends = []
    for each in (sequence, shuffled):
        status = Status.SENT
        for ack in each:
            status = acknowledged(status, ack)
        ends.append(status)
    assert ends[0] is ends[1]


@given(st.sampled_from(sorted(EDGES[Status.SENDING] - {Status.DELIVERED, Status.READ})), acks)
def test_an_ack_before_the_end_leads_where_one_behind_it_would(after: Status, ack: int) -> None:
    early = joined(after, ack)
    if after in (Status.SENT, Status.UNKNOWN):
        assert early is acknowledged(after, ack)
    assert early is Status.FAILED or early in _ORDER
    assert may_follow(Status.SENDING, early)
