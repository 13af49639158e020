"""Each lane has its own lines and holds, and only bulk is held in quiet hours."""

from dataclasses import replace

import pytest

from tests.core.messages import message
from trio_wa.config.quiet_hours import parse_quiet_hours
from trio_wa.core.dispatch import Dispatch
from trio_wa.core.limits import Limits
from trio_wa.core.message import LANES, Priority
from trio_wa.core.outcome import Sent, Unavailable, Unknown
from trio_wa.core.pace import HOUR, Pace
from trio_wa.core.session import Session
from trio_wa.core.turn import Claim, Expiry, Wait, Waiting

NIGHT = parse_quiet_hours("21:00-07:00 UTC")
EVENING, MORNING = 21 * HOUR, 31 * HOUR
NEVER = 1e9


def dispatch(*, pace: Pace | None = None, quiet: bool = False) -> Dispatch:
    return Dispatch(
        [Session("a", "http://waha")],
        workers=50,
        retry_base=1.0,
        limits=Limits(pace or Pace()),
        quiet_hours=NIGHT if quiet else None,
    )


def claim(under_test: Dispatch, now: float = 0.0) -> Claim:
    turn = under_test.claim(now, jitter=0.5)
    assert isinstance(turn, Claim)
    return turn


def sent(under_test: Dispatch, now: float = 0.0) -> list[int]:
    """What goes now; every attempt succeeds at once."""
    claimed = []
    while isinstance(turn := under_test.claim(now, jitter=0.5), Claim):
        claimed.append(turn.message.seq)
        under_test.finish(turn, Sent("3EB0"), None, now=now, jitter=0.5)
    return claimed


def test_the_higher_lane_goes_first_and_the_older_message_within_it() -> None:
    under_test = dispatch()
    for seq, priority in enumerate([*LANES[::-1], *LANES[::-1]], 1):
        under_test.add(message(seq, to=f"{seq}@c.us", priority=priority))
    assert sent(under_test) == [3, 6, 2, 5, 1, 4]


def test_a_message_waits_for_none_of_another_lane_to_the_same_recipient() -> None:
    under_test = dispatch()
    under_test.add(message(1, priority="bulk"))
    in_flight = claim(under_test)
    under_test.add(message(2, priority="bulk"))
    under_test.add(message(3, priority="urgent"))
    assert under_test.waiting("m2", 0.0) == Waiting("recipient")
    assert under_test.waiting("m3", 0.0) == Waiting("turn")
    assert claim(under_test).message.seq == 3
    assert under_test.claim(0.0, jitter=0.5) == Wait(message(2).expires_at)
    under_test.finish(in_flight, Sent("3EB0"), None, now=0.0, jitter=0.5)
    assert claim(under_test).message.seq == 2


def test_a_message_does_not_wait_for_a_retry_of_another_lane() -> None:
    under_test = dispatch()
    under_test.add(message(1, priority="bulk"))
    first = claim(under_test)
    again = replace(first.message, due_at=60.0)
    under_test.finish(first, Unavailable("busy", "", "message"), again, now=0.0, jitter=0.5)
    under_test.add(message(2, priority="bulk"))
    under_test.add(message(3, priority="normal"))
    assert sent(under_test) == [3]
    assert sent(under_test, 60.0) == [1, 2]


def test_a_look_up_holds_its_own_lane_alone() -> None:
    under_test = dispatch()
    under_test.add(message(1, priority="bulk"))
    attempt = claim(under_test)
    under_test.finish(attempt, Unknown("timeout", ""), None, now=0.0, jitter=0.5, hold=True)
    under_test.block(message(2, priority="normal"))  # open since before the start
    for seq, priority in enumerate(LANES, 3):
        under_test.add(message(seq, priority=priority))
    assert [under_test.held_in(priority) for priority in LANES] == [1, 2, 2]
    assert sent(under_test) == [3]
    assert under_test.release(message(2, priority="normal"), None)
    assert sent(under_test) == [4]
    assert under_test.release(attempt.message, attempt.message)
    assert sent(under_test) == [1, 5]
    assert under_test.held == 0


def test_waiting_messages_are_found_and_discarded_in_any_lane() -> None:
    under_test = dispatch()
    queued = [message(seq, priority=priority) for seq, priority in enumerate(LANES)]
    for each in queued:
        under_test.add(each)
    for each in queued:
        assert under_test.get(each.id) == each
        assert under_test.discard(each.id)
        assert under_test.get(each.id) is None
        assert not under_test.discard(each.id)
    assert under_test.held == 0


def test_who_was_written_to_in_one_lane_is_known_in_the_others() -> None:
    under_test = dispatch(pace=Pace(new_contacts=1))
    under_test.add(message(1, to="1@c.us", priority="bulk", expires_at=NEVER))
    first = claim(under_test)
    for seq in (2, 1):
        under_test.add(message(4 - seq, to=f"{seq}@c.us", priority="urgent", expires_at=NEVER))
    assert sent(under_test) == []
    under_test.finish(first, Sent("3EB0"), None, now=0.0, jitter=0.5)
    assert sent(under_test) == [3]


@pytest.mark.parametrize("priority", LANES)
@pytest.mark.parametrize("now", [EVENING - 2, EVENING])
def test_messages_expire_in_every_lane_and_at_any_hour(priority: Priority, now: float) -> None:
    under_test = dispatch(quiet=True)
    under_test.set_paused("a", True)
    under_test.add(message(1, to="1@c.us", expires_at=NEVER, priority=priority))
    under_test.add(message(2, to="2@c.us", expires_at=now + 1, priority=priority))
    assert under_test.claim(now, jitter=0.5) == Wait(now + 1)
    turn = under_test.claim(now + 1, jitter=0.5)
    assert isinstance(turn, Expiry)
    assert turn.message.seq == 2
    assert under_test.held_in(priority) == 2
    under_test.finish_expiry(turn.message)
    assert under_test.held_in(priority) == 1


def test_quiet_hours_hold_bulk_alone() -> None:
    under_test = dispatch(quiet=True)
    for seq, priority in enumerate(LANES, 1):
        under_test.add(message(seq, to=f"{seq}@c.us", expires_at=NEVER, priority=priority))
    assert under_test.waiting("m1", EVENING) == Waiting("turn")
    assert under_test.waiting("m3", EVENING) == Waiting("quiet_hours", MORNING)
    assert sent(under_test, EVENING) == [1, 2]
    assert under_test.claim(EVENING, jitter=0.5) == Wait(MORNING)
    assert sent(under_test, MORNING) == [3]


def test_in_quiet_hours_nothing_wakes_for_bulk_and_everything_for_the_rest() -> None:
    under_test = dispatch(pace=Pace(rate=60), quiet=True)
    for seq in (1, 2, 3):
        priority: Priority = "bulk" if seq == 1 else "urgent"
        under_test.add(
            message(seq, to=f"{seq}@c.us", due_at=EVENING - 9, expires_at=NEVER, priority=priority)
        )
    assert sent(under_test, EVENING) == [2]
    assert under_test.claim(EVENING, jitter=0.5) == Wait(EVENING + 1)
    assert sent(under_test, EVENING + 1) == [3]
    assert under_test.claim(EVENING + 1, jitter=0.5) == Wait(MORNING)
