"""Whose turn it is, and how many workers each session may hold."""

from dataclasses import replace
from math import inf

import hypothesis.strategies as st
from hypothesis import assume, given

from tests.core.messages import message
from trio_wa.core.dispatch import Dispatch
from trio_wa.core.outcome import Sent, Unavailable
from trio_wa.core.session import Session
from trio_wa.core.turn import Claim, Wait

NAMES = "abcde"


def dispatch(names: str, *, workers: int = 50, url: str = "http://waha") -> Dispatch:
    sessions = [Session(name, f"{url}-{name}") for name in names]
    return Dispatch(sessions, workers=workers, retry_base=1.0)


@given(
    sessions=st.integers(1, 5),
    ends=st.lists(st.booleans(), min_size=1, max_size=60),
)
def test_sessions_take_turns_as_the_counter_of_the_go_service(
    sessions: int, ends: list[bool]
) -> None:
    names = NAMES[:sessions]
    under_test = dispatch(names, workers=60)
    for count, ended in enumerate(ends):
        under_test.add(message(count + 1, to=f"{count}@c.us"))
        claim = under_test.claim(0.0, jitter=0.5)
        assume(isinstance(claim, Claim))  # a full bulkhead is passed over: another test's matter
        assert isinstance(claim, Claim)
        assert claim.session.name == names[count % sessions]
        if ended:
            under_test.finish(claim, Sent(), None, now=0.0, jitter=0.5)


def test_a_hanging_session_holds_no_more_than_its_share() -> None:
    for names, share in (("a", 50), ("ab", 37), ("abc", 29)):
        under_test = dispatch(names)
        hanging = []
        for seq in range(1, 2_000):
            under_test.add(message(seq, to=f"{seq}@c.us"))
            turn = under_test.claim(0.0, jitter=0.5)
            if not isinstance(turn, Claim):
                assert under_test.in_flight == 50
                break
            if turn.session.name == "a":
                hanging.append(turn)
            else:
                under_test.finish(turn, Sent(), None, now=0.0, jitter=0.5)
        assert len(hanging) == share


def test_the_only_session_that_works_gets_every_worker() -> None:
    under_test = dispatch("abc")
    for seq in range(1, 200):
        under_test.add(message(seq, to=f"{seq}@c.us"))
    for _ in range(2):
        turn = under_test.claim(0.0, jitter=0.5)
        assert isinstance(turn, Claim)
        away = Unavailable("unreachable", "", "origin", retry_after=60)
        under_test.finish(turn, away, None, now=0.0, jitter=0.5)
    claimed = 0
    while isinstance(turn := under_test.claim(0.0, jitter=0.5), Claim):
        assert turn.session.name == "c"
        claimed += 1
    assert claimed == 50


def test_a_requeued_message_goes_before_later_ones_to_its_recipient() -> None:
    under_test = dispatch("a")
    for seq in (1, 2):
        under_test.add(message(seq))
    first = under_test.claim(0.0, jitter=0.5)
    assert isinstance(first, Claim)
    assert under_test.claim(0.0, jitter=0.5) == Wait(first.message.expires_at)
    again = replace(first.message, due_at=10.0)
    busy = Unavailable("throttled", "", "message")
    under_test.finish(first, busy, again, now=1.0, jitter=0.5)
    assert under_test.claim(5.0, jitter=0.5) == Wait(10.0)
    second = under_test.claim(10.0, jitter=0.5)
    assert isinstance(second, Claim)
    assert second.message == again


def test_an_empty_queue_waits_for_nothing() -> None:
    under_test = dispatch("a")
    under_test.add(message(1))
    claim = under_test.claim(0.0, jitter=0.5)
    assert isinstance(claim, Claim)
    under_test.finish(claim, Sent(), None, now=0.0, jitter=0.5)
    assert under_test.claim(0.0, jitter=0.5) == Wait(inf)
