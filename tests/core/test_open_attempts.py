"""While it is looked up what became of a message, the next ones to its recipient wait."""

from dataclasses import replace

from tests.core.messages import message
from trio_wa.core.dispatch import Dispatch
from trio_wa.core.outcome import Unknown
from trio_wa.core.session import Session
from trio_wa.core.turn import Claim, Expiry, Wait, Waiting

UNKNOWN = Unknown("timeout", "no answer")


def dispatch(*, workers: int = 50) -> Dispatch:
    return Dispatch([Session("a", "http://waha")], workers=workers, retry_base=1.0)


def claim(under_test: Dispatch) -> Claim:
    turn = under_test.claim(0.0, jitter=0.5)
    assert isinstance(turn, Claim)
    return turn


def held(under_test: Dispatch, seq: int) -> Claim:
    """The claim of a message whose attempt is open."""
    under_test.add(message(seq))
    turn = claim(under_test)
    under_test.finish(turn, UNKNOWN, None, now=0.0, jitter=0.5, hold=True)
    return turn


def test_the_worker_and_the_session_are_free_and_the_recipient_is_not() -> None:
    under_test = dispatch(workers=1)
    held(under_test, 1)
    assert (under_test.in_flight, under_test.open, under_test.held) == (0, 1, 1)
    under_test.add(message(2))
    under_test.add(message(3, to="3@c.us"))
    assert under_test.held == 3
    assert under_test.waiting("m1", 0.0) is None
    assert under_test.waiting("m2", 0.0) == Waiting("recipient")
    assert claim(under_test).message.seq == 3


def test_what_turned_out_to_be_sent_lets_the_next_one_go() -> None:
    under_test = dispatch()
    attempt = held(under_test, 1)
    under_test.add(message(2))
    assert isinstance(under_test.claim(0.0, jitter=0.5), Wait)
    assert under_test.release(attempt.message, None)
    assert (under_test.open, under_test.held) == (0, 1)
    assert claim(under_test).message.seq == 2


def test_what_turned_out_not_to_be_sent_goes_again_before_the_next_one() -> None:
    under_test = dispatch()
    attempt = held(under_test, 1)
    under_test.add(message(2))
    again = replace(attempt.message, prefer="a", attempts=1)
    assert under_test.release(attempt.message, again)
    assert (under_test.open, under_test.held) == (0, 2)
    assert claim(under_test).message == again
    assert isinstance(under_test.claim(0.0, jitter=0.5), Wait)


def test_what_waits_behind_an_open_attempt_expires_and_can_be_discarded() -> None:
    under_test = dispatch()
    attempt = held(under_test, 1)
    under_test.add(message(2, expires_at=5.0))
    under_test.add(message(3))
    assert under_test.claim(0.0, jitter=0.5) == Wait(5.0)
    assert under_test.claim(5.0, jitter=0.5) == Expiry(message(2, expires_at=5.0))
    assert under_test.discard("m3")
    assert not under_test.discard("m1")
    assert under_test.release(attempt.message, None)
    under_test.add(message(4))
    assert claim(under_test).message.seq == 4


def test_an_attempt_that_was_open_at_the_start_holds_its_recipient() -> None:
    under_test = dispatch()
    under_test.block(message(1))
    assert (under_test.in_flight, under_test.open, under_test.held) == (0, 1, 1)
    under_test.add(message(2))
    assert isinstance(under_test.claim(0.0, jitter=0.5), Wait)
    assert under_test.waiting("m2", 0.0) == Waiting("recipient")
    assert under_test.release(message(1), message(1))
    assert claim(under_test).message.seq == 1


def test_a_head_that_was_offered_already_is_held_too() -> None:
    under_test = dispatch()
    under_test.add(message(2))
    under_test.add(message(3, to="3@c.us", due_at=9.0))
    for begun in (message(0), message(1, to="3@c.us")):
        under_test.block(begun)
    assert under_test.claim(0.0, jitter=0.5) == Wait(message(2).expires_at)
    assert under_test.claim(9.0, jitter=0.5) == Wait(message(2).expires_at)
    assert under_test.release(message(0), None)
    assert claim(under_test).message.seq == 2


def test_two_open_attempts_to_one_recipient_hold_it_until_both_are_known() -> None:
    under_test = dispatch()
    for seq in (1, 2):
        under_test.block(message(seq))
    under_test.add(message(3))
    assert under_test.release(message(1), None)
    assert isinstance(under_test.claim(0.0, jitter=0.5), Wait)
    assert under_test.release(message(2), None)
    assert claim(under_test).message.seq == 3


def test_whoever_comes_second_to_release_an_attempt_is_told() -> None:
    under_test = dispatch()
    attempt = held(under_test, 1)
    assert under_test.release(attempt.message, None)
    assert not under_test.release(attempt.message, attempt.message)
    assert under_test.held == 0


def test_released_recipients_leave_nothing_behind() -> None:
    under_test = dispatch()
    for seq in range(1, 100):
        under_test.block(message(seq, to=f"{seq}@c.us"))
    for seq in range(1, 100):
        assert under_test.release(message(seq, to=f"{seq}@c.us"), None)
    assert under_test.lanes["normal"]._lines == {}
