"""A message's first choice among the sessions, and what happens past it."""

from collections import defaultdict

import hypothesis.strategies as st
from hypothesis import given

from tests.core.messages import message
from trio_wa.core.affinity import ranking
from trio_wa.core.dispatch import Dispatch
from trio_wa.core.outcome import Sent, Unavailable
from trio_wa.core.session import Session
from trio_wa.core.turn import Claim, Wait, Waiting

ORIGIN_AWAY = Unavailable("unreachable", "", "origin", retry_after=60)


def dispatch(names: str, *, workers: int = 50, sticky: bool = False) -> Dispatch:
    sessions = [Session(name, f"http://waha-{name}") for name in names]
    return Dispatch(sessions, workers=workers, retry_base=1.0, sticky=sticky)


def claim(under_test: Dispatch, now: float = 0.0) -> Claim:
    turn = under_test.claim(now, jitter=0.5)
    assert isinstance(turn, Claim)
    return turn


def shut(under_test: Dispatch, name: str) -> None:
    """Shut the gate before a session for a minute."""
    rotation = under_test.rotation
    rotation.take(rotation.slots[name], message(1), 0.0, jitter=0.5)
    rotation.give_back(name, message(1), 0.0, ORIGIN_AWAY, now=0.0, jitter=0.5)


def recipient_of(names: str, *wanted: str) -> str:
    """A recipient whose ranking of the sessions `names` begins with those `wanted`."""
    chat_ids = (f"{number}@c.us" for number in range(10_000))
    return next(to for to in chat_ids if ranking(to, names)[: len(wanted)] == wanted)


def test_a_message_goes_over_the_session_that_it_prefers() -> None:
    for sticky in (False, True):
        under_test = dispatch("abc", sticky=sticky)
        for seq in range(1, 6):
            under_test.add(message(seq, to=f"{seq}@c.us", prefer="b"))
            assert claim(under_test).session.name == "b"


def test_a_preferred_session_that_is_not_allowed_or_unknown_is_no_choice() -> None:
    under_test = dispatch("abc")
    under_test.add(message(1, to="1@c.us", prefer="b", sessions=("c",)))
    under_test.add(message(2, to="2@c.us", prefer="stranger"))
    assert [claim(under_test).session.name for _ in range(2)] == ["c", "a"]


def test_past_a_preferred_session_that_does_not_work_the_others_take_turns() -> None:
    under_test = dispatch("abc")
    under_test.set_status("b", "STOPPED", 0.0)
    for seq in range(1, 5):
        under_test.add(message(seq, to=f"{seq}@c.us", prefer="b"))
    assert [claim(under_test).session.name for _ in range(4)] == ["a", "c", "a", "c"]


def test_past_a_preferred_session_with_a_shut_gate_the_others_take_turns() -> None:
    under_test = dispatch("abc")
    shut(under_test, "a")
    for seq in range(1, 5):
        under_test.add(message(seq, to=f"{seq}@c.us", prefer="a"))
    assert [claim(under_test).session.name for _ in range(4)] == ["b", "c", "b", "c"]


def test_a_message_waits_for_a_first_choice_that_is_full() -> None:
    under_test = dispatch("ab", workers=4)  # three of them for one session at most
    for seq in range(1, 5):
        under_test.add(message(seq, to=f"{seq}@c.us", prefer="a", expires_at=99.0))
    first, *_ = [claim(under_test) for _ in range(3)]
    assert under_test.claim(0.0, jitter=0.5) == Wait(99.0)
    assert under_test.waiting("m4", 0.0) == Waiting("turn")
    under_test.finish(first, Sent(), None, now=0.0, jitter=0.5)
    assert claim(under_test).session.name == "a"


def test_a_full_session_does_not_hold_up_the_messages_of_others() -> None:
    under_test = dispatch("ab", workers=4)
    for seq in range(1, 5):
        under_test.add(message(seq, to=f"{seq}@c.us", prefer="a"))
    under_test.add(message(5, to="5@c.us"))
    assert [claim(under_test).message.seq for _ in range(4)] == [1, 2, 3, 5]


def test_waiting_messages_change_their_course_as_sessions_come_and_go() -> None:
    under_test = dispatch("ab", workers=1)
    for seq in (1, 2, 3):
        under_test.add(message(seq, to=f"{seq}@c.us", prefer="b"))
    sent_over = []
    for status in ("WORKING", "STOPPED", "WORKING"):
        under_test.set_status("b", status, 0.0)
        turn = claim(under_test)
        sent_over.append(turn.session.name)
        under_test.finish(turn, Sent(), None, now=0.0, jitter=0.5)
    assert sent_over == ["b", "a", "b"]


def test_a_recipient_falls_to_the_next_of_its_ranking_and_comes_back() -> None:
    to = recipient_of("abc", "b", "c")
    under_test = dispatch("abc", sticky=True)
    sent_over = []
    for seq, status in enumerate(("WORKING", "SCAN_QR_CODE", "SCAN_QR_CODE", "WORKING"), 1):
        under_test.set_status("b", status, 0.0)
        under_test.add(message(seq, to=to))
        turn = claim(under_test)
        sent_over.append(turn.session.name)
        under_test.finish(turn, Sent(), None, now=0.0, jitter=0.5)
    assert sent_over == ["b", "c", "c", "b"]


def test_past_shut_gates_a_recipient_goes_down_its_ranking() -> None:
    to = recipient_of("abc", "c", "b", "a")  # the turn after c would be a's
    under_test = dispatch("abc", sticky=True)
    sent_over = []
    for seq, name in enumerate("cba", 1):
        under_test.add(message(seq, to=to))
        turn = claim(under_test)
        sent_over.append(turn.session.name)
        under_test.finish(turn, Sent(), None, now=0.0, jitter=0.5)
        shut(under_test, name)
    assert sent_over == ["c", "b", "a"]
    under_test.add(message(4, to=to))
    assert under_test.claim(0.0, jitter=0.5) == Wait(60.0)
    assert under_test.waiting("m4", 0.0) == Waiting("session", 60.0)


def test_sticky_keeps_within_the_sessions_that_a_message_allows() -> None:
    to = recipient_of("abc", "b")
    under_test = dispatch("abc", sticky=True)
    under_test.add(message(1, to=to, sessions=("a", "c")))
    assert claim(under_test).session.name == ranking(to, "ac")[0]


def test_a_message_waits_while_no_session_that_it_allows_is_usable() -> None:
    for sticky in (False, True):
        under_test = dispatch("ab", sticky=sticky)
        under_test.add(message(1, sessions=("a",), expires_at=99.0))
        under_test.set_paused("a", True)
        assert under_test.claim(0.0, jitter=0.5) == Wait(99.0)
        assert under_test.waiting("m1", 0.0) == Waiting("session", None)
        under_test.set_paused("a", False)
        assert claim(under_test).session.name == "a"


@given(
    st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=100),
    st.sets(st.sampled_from("abcde"), max_size=4),
)
def test_a_recipient_keeps_its_session_while_the_same_ones_are_usable(
    sends: list[tuple[int, bool]], stopped: set[str]
) -> None:
    under_test = dispatch("abcde", workers=20, sticky=True)
    for name in stopped:
        under_test.set_status(name, "STOPPED", 0.0)
    sessions: dict[str, set[str]] = defaultdict(set)
    for seq, (number, ended) in enumerate(sends, 1):
        under_test.add(message(seq, to=f"{number}@c.us"))
        turn = under_test.claim(0.0, jitter=0.5)
        if isinstance(turn, Claim):
            sessions[turn.message.chat_id].add(turn.session.name)
            if ended:
                under_test.finish(turn, Sent(), None, now=0.0, jitter=0.5)
    for chat_id, used in sessions.items():
        assert used == {ranking(chat_id, set("abcde") - stopped)[0]}
