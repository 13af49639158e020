"""A session whose sends stay without acks is a ghost; one whose acks are merely slow is not."""

import sys

import hypothesis.strategies as st
import pytest
from hypothesis import given

from trio_wa.core.ghost import MATURE_SECONDS, SAMPLE_SECONDS, SENDS, SENDS_MAX, Deliveries

NOW = 1_764_000_000.0
SHARE = 0.2


class Session:
    """Sends at a pace, with acks after a while or never; and looks when it is told to."""

    def __init__(self) -> None:
        self.deliveries = Deliveries()
        self.now = NOW
        self.number = 0
        self.last_sent_at = NOW
        self.due: list[tuple[float, str]] = []
        self.ghost_at: float | None = None

    def send(self, count: int, *, every: float, ack_after: float | None) -> None:
        for _ in range(count):
            self.number += 1
            self.last_sent_at = self.now
            self.deliveries.sent(f"{self.number}", self.now)
            if ack_after is not None:
                self.due.append((self.now + ack_after, f"{self.number}"))
            self.look()
            self.pass_time(every)

    def pass_time(self, seconds: float) -> None:
        """Let acks come, and look at each time that is told, until so many seconds have passed."""
        end = self.now + seconds
        while True:
            wake = self.deliveries.next_at(self.now)
            acks = [at for at, _ in self.due]
            nearest = min([*acks, end] if wake is None else [*acks, end, wake])
            if nearest >= end:
                break
            assert nearest > self.now or nearest in acks
            self.now = max(self.now, nearest)
            for at, waha_id in list(self.due):
                if at <= self.now:
                    self.due.remove((at, waha_id))
                    self.deliveries.acked(waha_id, self.now)
            self.look()
        self.now = end
        self.look()

    def look(self) -> None:
        if self.ghost_at is None and self.deliveries.is_ghost(self.now, SHARE):
            self.ghost_at = self.now


@pytest.mark.parametrize("every", [0.1, 4.0, 60.0])
@pytest.mark.parametrize("past", [1, 9, 500])
@pytest.mark.parametrize("quick", [0.2, 5.0, 45.0])
def test_ten_sends_without_an_ack_tell_a_ghost_within_two_minutes_of_the_tenth(
    every: float, past: int, quick: float
) -> None:
    session = Session()
    session.send(past, every=every, ack_after=quick)
    session.pass_time(60.0)
    session.send(SENDS, every=every, ack_after=None)
    tenth_at = session.last_sent_at
    session.pass_time(120.0 - every)
    assert session.ghost_at is not None
    assert tenth_at < session.ghost_at <= tenth_at + 120.0


def test_fewer_than_ten_sends_tell_nothing() -> None:
    session = Session()
    session.send(SENDS - 1, every=4.0, ack_after=None)
    session.pass_time(86_400.0)
    assert session.ghost_at is None


@given(
    slowest=st.sampled_from([0.1, 30.0, 90.0, 200.0, 1_000.0]),
    every=st.sampled_from([0.5, 4.0, 30.0]),
    waits=st.lists(st.floats(0.01, 1.0), min_size=1, max_size=150),
)
def test_a_session_with_slow_acks_is_none_once_they_were_seen(
    slowest: float, every: float, waits: list[float]
) -> None:
    session = Session()
    session.send(1, every=slowest + 1.0, ack_after=slowest)
    for wait in waits:
        session.send(1, every=every, ack_after=wait * slowest)
    session.pass_time(10 * slowest + SAMPLE_SECONDS)
    assert session.ghost_at is None


def test_acks_of_ninety_seconds_alarm_nobody_even_the_first_time() -> None:
    session = Session()
    session.send(200, every=1.0, ack_after=MATURE_SECONDS - 1)
    session.pass_time(1_000.0)
    assert session.ghost_at is None


def test_while_no_ack_was_seen_ten_minutes_are_waited() -> None:
    session = Session()
    session.send(SENDS, every=1.0, ack_after=None)
    session.pass_time(SAMPLE_SECONDS + 60.0)
    assert session.ghost_at == session.last_sent_at + SAMPLE_SECONDS


def test_a_busy_session_with_a_long_confirmed_past_is_found_by_its_newest_ten() -> None:
    session = Session()
    session.send(590, every=1.0, ack_after=0.5)
    session.send(SENDS, every=1.0, ack_after=None)
    assert session.ghost_at is None
    session.pass_time(90.0)
    assert session.ghost_at == session.last_sent_at + MATURE_SECONDS


@pytest.mark.parametrize(("each", "ghost"), [(4, False), (5, False), (6, True), (9, True)])
def test_a_share_below_the_least_tells_a_ghost_and_the_least_itself_does_not(
    each: int, ghost: bool
) -> None:
    session = Session()
    for number in range(60):
        session.send(1, every=1.0, ack_after=0.5 if number % each == 0 else None)
    session.pass_time(200.0)
    assert session.deliveries.is_ghost(session.now, SHARE) is ghost


def test_what_was_acknowledged_before_ten_minutes_excuses_nothing() -> None:
    deliveries = Deliveries()
    for number in range(100):
        deliveries.sent(f"old{number}", NOW)
        deliveries.acked(f"old{number}", NOW + 1)
    for number in range(20):
        deliveries.sent(f"new{number}", NOW + 400)
    deliveries.acked("new19", NOW + 401)
    assert not deliveries.is_ghost(NOW + 500, SHARE)
    assert deliveries.is_ghost(NOW + SAMPLE_SECONDS, SHARE)


def test_an_ack_may_come_before_its_send_and_twice() -> None:
    deliveries = Deliveries()
    for number in range(SENDS):
        deliveries.acked(f"{number}", NOW)
        deliveries.sent(f"{number}", NOW + 0.1)
        deliveries.acked(f"{number}", NOW + 3_000.0)  # read, much later
    assert deliveries.any_acked
    assert not deliveries.any_overdue(NOW + 86_400)
    assert deliveries.next_at(NOW) is None
    assert not deliveries.is_ghost(NOW + 86_400, SHARE)


def test_acks_that_always_come_before_their_sends_show_that_acks_are_quick() -> None:
    deliveries = Deliveries()
    deliveries.acked("first", NOW)
    deliveries.sent("first", NOW)
    for number in range(SENDS):
        deliveries.sent(f"{number}", NOW)
    assert deliveries.maturity == MATURE_SECONDS
    assert deliveries.is_ghost(NOW + MATURE_SECONDS, SHARE)


def test_one_slow_ack_does_not_slow_down_the_alarm_for_ever() -> None:
    session = Session()
    session.send(1, every=3_601.0, ack_after=3_600.0)
    assert session.deliveries.maturity == 7_200.0
    session.send(SENDS_MAX, every=1.0, ack_after=0.5)
    assert session.deliveries.maturity == MATURE_SECONDS


def test_after_a_restart_only_what_it_sends_then_counts() -> None:
    session = Session()
    session.send(1, every=101.0, ack_after=100.0)
    session.send(SENDS, every=1.0, ack_after=None)
    session.deliveries.forget()
    session.pass_time(1_000.0)
    assert session.ghost_at is None
    assert not session.deliveries.any_acked
    session.send(1, every=199.0, ack_after=None)
    assert not session.deliveries.any_overdue(session.now)  # acks took a hundred seconds
    session.pass_time(1.0)
    assert session.deliveries.any_overdue(session.now)


@given(st.floats(1e9, 2e9), st.floats(0.0, 5_000.0))
def test_each_send_without_an_ack_counts_at_the_time_that_is_told(at: float, took: float) -> None:
    deliveries = Deliveries()
    deliveries.sent("first", at - 10_000)
    deliveries.acked("first", at - 10_000 + took)
    deliveries.sent("second", at)
    told = deliveries.next_at(at)
    assert told is not None
    assert not deliveries.any_overdue(at)
    assert deliveries.any_overdue(told)
    assert deliveries.next_at(told) is None


def test_memory_is_bounded() -> None:
    deliveries = Deliveries()
    for number in range(3 * SENDS_MAX):
        deliveries.sent(f"sent{number}", NOW)
        deliveries.acked(f"stranger{number}", NOW)
    assert len(deliveries._sends) == len(deliveries._early) == SENDS_MAX
    assert sys.getsizeof(deliveries._sends) < 500_000
