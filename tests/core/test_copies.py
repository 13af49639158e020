"""An old copy of a message that was retried meets the new one; the new one stays."""

from dataclasses import replace

from tests.core.messages import message
from trio_wa.core.dispatch import Dispatch
from trio_wa.core.message import Message
from trio_wa.core.session import Session
from trio_wa.core.turn import Claim, Expiry

OLD = message(1, expires_at=100.0)
NEW = replace(OLD, seq=3, expires_at=1_000.0)
BETWEEN = message(2)
"""It was accepted after the one that was retried, and before it was."""


def dispatch(*waiting: Message) -> Dispatch:
    under_test = Dispatch([Session("a", "http://waha")], workers=50, retry_base=1.0)
    for each in waiting:
        under_test.add(each)
    return under_test


def sent(under_test: Dispatch) -> list[Message]:
    """What goes, one after the other."""
    order = []
    while isinstance(turn := under_test.claim(200.0, jitter=0.5), Claim):
        order.append(turn.message)
        under_test.finish(turn, None, None, now=200.0, jitter=0.5)
    return order


def test_the_old_copy_leaves_as_the_new_one_comes_and_the_line_moves_up() -> None:
    under_test = dispatch(OLD, BETWEEN, NEW)
    assert under_test.outdated == [OLD]
    assert under_test.held == 2
    assert sent(under_test) == [BETWEEN, NEW]


def test_an_old_copy_that_comes_back_from_a_worker_leaves() -> None:
    under_test = dispatch(OLD, BETWEEN)
    claim = under_test.claim(0.0, jitter=0.5)
    assert isinstance(claim, Claim)
    under_test.add(NEW)
    assert under_test.outdated == []
    under_test.finish(claim, None, claim.message, now=0.0, jitter=0.5)
    assert under_test.outdated == [OLD]
    assert under_test.held == 2
    assert sent(under_test) == [BETWEEN, NEW]


def test_an_old_copy_that_could_not_expire_leaves() -> None:
    under_test = dispatch(OLD, BETWEEN)
    assert under_test.claim(200.0, jitter=0.5) == Expiry(OLD)
    under_test.add(NEW)
    under_test.finish_expiry(OLD)
    under_test.add(OLD)
    assert under_test.outdated == [OLD]
    assert sent(under_test) == [BETWEEN, NEW]


def test_an_old_copy_leaves_as_the_new_one_comes_back_from_a_worker() -> None:
    under_test = dispatch(NEW)
    claim = under_test.claim(0.0, jitter=0.5)
    assert isinstance(claim, Claim)
    under_test.add(OLD)  # the store would not record its expiry
    under_test.finish(claim, None, claim.message, now=0.0, jitter=0.5)
    assert under_test.outdated == [OLD]
    assert sent(under_test) == [NEW]


def test_a_message_that_comes_twice_waits_once_as_it_came_last() -> None:
    again = replace(OLD, attempts=1, expires_at=1_000.0)
    under_test = dispatch(OLD, again)
    assert under_test.outdated == [OLD]
    assert sent(under_test) == [again]
