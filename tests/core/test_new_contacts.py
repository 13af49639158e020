"""Time-locks, and a pace for new contacts: who has to wait for them, and who has not."""

from dataclasses import replace

import pytest

from tests.core.messages import message
from trio_wa.core.affinity import ranking
from trio_wa.core.dispatch import Dispatch
from trio_wa.core.limits import Limits
from trio_wa.core.message import Message
from trio_wa.core.notice import Timelocked
from trio_wa.core.outcome import Sent, Unavailable
from trio_wa.core.pace import HOUR, Pace
from trio_wa.core.session import Session
from trio_wa.core.turn import Claim, Wait, Waiting

NOW = 1_000.0
HOLD = 6 * HOUR
REFUSED = Unavailable("timelock", "463", "contact")
NEVER = 1e9


def dispatch(names: str, *, new_contacts: int | None = None, sticky: bool = False) -> Dispatch:
    return Dispatch(
        [Session(name, f"http://waha-{name}") for name in names],
        workers=50,
        retry_base=1.0,
        sticky=sticky,
        limits=Limits(Pace(new_contacts=new_contacts), timelock_hold=HOLD),
    )


def contact(seq: int, *first: str, known_to: str = "", names: str = "abc") -> Message:
    """A message to a recipient of its own, whose ranking of the sessions begins with `first`."""
    chat_ids = (f"{seq}{number:04}@c.us" for number in range(10_000))
    to = next(to for to in chat_ids if ranking(to, names)[: len(first)] == first)
    return replace(message(seq, to=to, expires_at=NEVER), known_to=tuple(known_to))


def claim(under_test: Dispatch, now: float = NOW) -> Claim:
    turn = under_test.claim(now, jitter=0.5)
    assert isinstance(turn, Claim)
    return turn


def sent(under_test: Dispatch, now: float = NOW) -> list[tuple[int, str]]:
    """What goes now, and over which session; every attempt succeeds at once."""
    claimed = []
    while isinstance(turn := under_test.claim(now, jitter=0.5), Claim):
        claimed.append((turn.message.seq, turn.session.name))
        under_test.finish(turn, Sent("3EB0"), None, now=now, jitter=0.5)
    return claimed


def shut(under_test: Dispatch, name: str) -> None:
    """Shut the gate before a session for an hour."""
    rotation = under_test.rotation
    away = Unavailable("unreachable", "", "origin", retry_after=HOUR)
    rotation.take(rotation.slots[name], message(1, to="1@g.us"), NOW, jitter=0.5)
    rotation.give_back(name, message(1, to="1@g.us"), NOW, away, now=NOW, jitter=0.5)


def test_a_refused_contact_locks_its_session_for_new_ones_and_goes_elsewhere() -> None:
    under_test = dispatch("ab")
    under_test.add(contact(1))
    refused = claim(under_test)
    assert refused.session.name == "a"
    again = replace(refused.message, deferrals=1)
    notices = under_test.finish(refused, REFUSED, again, now=NOW, jitter=0.5)
    assert notices == (Timelocked(NOW + HOLD),)
    for seq in range(2, 5):
        under_test.add(contact(seq, known_to="a" if seq == 3 else ""))
    assert sent(under_test) == [(1, "b"), (2, "b"), (3, "a"), (4, "b")]


def test_a_lock_holds_new_contacts_until_it_ends_and_says_so() -> None:
    under_test = dispatch("a")
    under_test.rotation.set_locked("a", NOW + 60)
    under_test.add(contact(1))
    under_test.add(contact(2, known_to="a"))
    under_test.add(message(3, to="group@g.us", expires_at=NEVER))
    assert sent(under_test) == [(2, "a"), (3, "a")]
    assert under_test.waiting("m1", NOW) == Waiting("timelock", NOW + 60)
    assert under_test.claim(NOW, jitter=0.5) == Wait(NOW + 60)
    assert sent(under_test, NOW + 60) == [(1, "a")]


def test_a_lock_that_is_taken_away_holds_nothing_any_more() -> None:
    under_test = dispatch("a")
    under_test.rotation.set_locked("a", NOW + 60)
    under_test.add(contact(1))
    assert under_test.claim(NOW, jitter=0.5) == Wait(NOW + 60)
    under_test.rotation.set_locked("a", 0.0)
    assert sent(under_test) == [(1, "a")]


def test_the_end_of_the_last_lock_lets_known_contacts_go_anywhere_again() -> None:
    under_test = Dispatch(
        [Session(name, "http://waha") for name in "abc"],
        workers=50,
        retry_base=1.0,
        limits=Limits(Pace(rate=1)),
    )
    under_test.rotation.set_locked("a", NOW + 9)
    under_test.set_paused("a", True)
    for seq in (1, 2):
        under_test.add(contact(seq, known_to="b"))
    assert sent(under_test) == [(1, "b")]
    assert under_test.waiting("m2", NOW) == Waiting("pace", NOW + 60)
    assert under_test.claim(NOW, jitter=0.5) == Wait(NOW + 9)
    assert sent(under_test, NOW + 9) == [(2, "c")]


def test_a_second_refusal_during_a_lock_tells_nothing_new() -> None:
    under_test = dispatch("a")
    for seq in (1, 2):
        under_test.add(contact(seq))
    first, second = claim(under_test), claim(under_test)
    assert under_test.finish(first, REFUSED, None, now=NOW, jitter=0.5) != ()
    assert under_test.finish(second, REFUSED, None, now=NOW + 1, jitter=0.5) == ()
    under_test.add(contact(3))
    assert under_test.claim(NOW + 1, jitter=0.5) == Wait(NOW + HOLD)


def test_whom_whatsapp_calls_new_is_held_even_if_the_store_knew_them() -> None:
    under_test = dispatch("a")
    known = contact(1, known_to="a")
    under_test.add(known)
    turn = claim(under_test)
    under_test.finish(turn, REFUSED, replace(known, deferrals=1), now=NOW, jitter=0.5)
    assert under_test.claim(NOW, jitter=0.5) == Wait(NOW + HOLD)
    under_test.learn_contact("a", known.chat_id)  # they wrote
    assert sent(under_test) == [(1, "a")]


@pytest.mark.parametrize("sticky", [False, True])
def test_known_contacts_go_over_a_session_that_knows_them(sticky: bool) -> None:
    under_test = dispatch("abc", new_contacts=1, sticky=sticky)
    under_test.add(contact(1, "a", known_to="c"))
    under_test.add(contact(2, "b", known_to="bc"))
    under_test.add(contact(3, "c", known_to="b"))
    assert sent(under_test) == [(1, "c"), (2, "b"), (3, "b")]


def test_new_contacts_are_spaced_by_themselves_and_hold_up_nobody_else() -> None:
    under_test = dispatch("a", new_contacts=60)
    for seq in range(1, 4):
        under_test.add(contact(seq))
    under_test.add(contact(4, known_to="a"))
    assert sent(under_test) == [(1, "a"), (4, "a")]
    assert under_test.waiting("m2", NOW) == Waiting("pace", NOW + 60)
    assert under_test.claim(NOW, jitter=0.5) == Wait(NOW + 60)
    assert sent(under_test, NOW + 60) == [(2, "a")]
    assert sent(under_test, NOW + 120) == [(3, "a")]


def test_a_known_contact_behind_a_gate_is_not_said_to_wait_for_the_pace_of_new_ones() -> None:
    under_test = dispatch("a", new_contacts=1)
    under_test.add(contact(1))
    assert sent(under_test) == [(1, "a")]
    shut(under_test, "a")  # for an hour, as new contacts are
    under_test.add(contact(2, known_to="a"))
    under_test.add(contact(3))
    assert under_test.waiting("m2", NOW) == Waiting("session", NOW + HOUR)
    assert under_test.waiting("m3", NOW) == Waiting("pace", NOW + HOUR)


def test_who_was_written_to_once_is_not_new_any_more() -> None:
    under_test = dispatch("a", new_contacts=1)
    first = contact(1)
    under_test.add(first)
    under_test.add(replace(first, id="m2", seq=2))
    assert sent(under_test) == [(1, "a"), (2, "a")]


def test_a_known_contact_waits_behind_no_other_whose_first_choice_fails_both() -> None:
    """Past `a`, the older message is new to all, and no new contact may be written to now."""
    under_test = dispatch("ab", new_contacts=1)
    under_test.add(contact(1))
    under_test.add(contact(2))
    assert sent(under_test) == [(1, "a"), (2, "b")]
    shut(under_test, "a")
    under_test.add(contact(3, "a", known_to="a", names="ab"))
    under_test.add(contact(4, "a", known_to="ab", names="ab"))
    assert sent(under_test) == [(4, "b")]
    assert under_test.claim(NOW, jitter=0.5) == Wait(NOW + HOUR)
    assert sent(under_test, NOW + HOUR) == [(3, "a")]


def test_a_group_waits_behind_no_person_either() -> None:
    under_test = dispatch("ab", sticky=True)
    under_test.rotation.set_locked("b", NOW + 2 * HOUR)
    shut(under_test, "a")
    under_test.add(contact(1, "a", known_to="a", names="ab"))
    numbers = (f"{number}@g.us" for number in range(99))
    group = next(to for to in numbers if ranking(to, "ab")[0] == "a")
    under_test.add(message(2, to=group, expires_at=NEVER))
    assert sent(under_test) == [(2, "b")]


def test_a_message_that_comes_while_a_session_is_away_for_a_moment_keeps_its_first_choice() -> None:
    under_test = dispatch("abc", sticky=True)
    under_test.set_status("b", "STOPPED", NOW)
    under_test.add(contact(1, "b", "c"))
    under_test.set_status("b", "WORKING", NOW)
    assert sent(under_test) == [(1, "b")]
