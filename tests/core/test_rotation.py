"""What each kind of outcome does to the gates of its session and of the WAHA behind it."""

import pytest

from tests.core.messages import message
from trio_wa.core.outcome import Fault, Outcome, Rejected, Sent, Unavailable, Unknown
from trio_wa.core.rotation import Rotation
from trio_wa.core.session import Session

NOW = 100.0
ONE, TWO = "http://one", "http://two"


def rotation(*, workers: int = 50) -> Rotation:
    """Two sessions behind one WAHA, and a third behind another."""
    sessions = [Session("a", ONE), Session("b", ONE), Session("c", TWO)]
    return Rotation(sessions, workers=workers, retry_base=1.0)


def away(fault: Fault, retry_after: float | None = None) -> Unavailable:
    return Unavailable(f"{fault}_code", "", fault, retry_after)


def send(under_test: Rotation, name: str, outcome: Outcome | None, now: float = NOW) -> str | None:
    under_test.take(under_test.slots[name])
    return under_test.give_back(name, outcome, now=now, jitter=0.5)


def gates(under_test: Rotation) -> dict[str, bool]:
    return {name: slot.works for name, slot in under_test.slots.items()}


ANSWERS = [
    Sent("3EB0"),
    Rejected("rejected", ""),
    away("message"),
    Unknown("engine_error", "", answered=True),
]


@pytest.mark.parametrize("outcome", [*ANSWERS, Unknown("timeout", ""), None])
def test_no_gate_shuts(outcome: Outcome | None) -> None:
    under_test = rotation()
    assert send(under_test, "a", outcome) is None
    assert gates(under_test) == {"a": True, "b": True, "c": True}
    assert under_test.obstacles() == {}


def test_the_sessions_fault_shuts_it_alone() -> None:
    under_test = rotation()
    assert send(under_test, "a", away("session")) == "session_code"
    assert gates(under_test) == {"a": False, "b": True, "c": True}
    assert under_test.obstacles() == {"a": "session_code"}
    assert under_test.next_opening(NOW) == NOW + 0.5


def test_the_origins_fault_shuts_every_session_behind_it() -> None:
    under_test = rotation()
    assert send(under_test, "a", away("origin", retry_after=30)) == "origin_code"
    assert gates(under_test) == {"a": False, "b": False, "c": True}
    assert under_test.obstacles() == {"a": "origin_code", "b": "origin_code"}
    assert under_test.next_opening(NOW) == NOW + 30
    assert under_test.opens_at(("a", "b")) == NOW + 30
    assert under_test.opens_at(()) == 0.0


def test_only_the_shutting_of_an_open_gate_is_told() -> None:
    under_test = rotation()
    slot = under_test.slots["a"]
    for _ in range(2):
        under_test.take(slot)
    assert under_test.give_back("a", away("session"), now=NOW, jitter=0.5) == "session_code"
    assert under_test.give_back("a", away("session"), now=NOW, jitter=0.5) is None


@pytest.mark.parametrize("fault", ["session", "origin"])
@pytest.mark.parametrize("outcome", ANSWERS)
def test_an_answer_to_a_probe_opens_both_gates(fault: Fault, outcome: Outcome) -> None:
    under_test = rotation()
    send(under_test, "a", away(fault))
    send(under_test, "a", outcome, now=NOW + 1)
    assert gates(under_test)["a"]
    assert under_test.obstacles() == {}


@pytest.mark.parametrize("fault", ["session", "origin"])
def test_silence_after_a_probe_keeps_the_gate_shut_for_longer(fault: Fault) -> None:
    under_test = rotation()
    send(under_test, "a", away(fault))
    send(under_test, "a", Unknown("timeout", ""), now=NOW + 10)
    assert not under_test.slots["a"].works
    assert under_test.slots["a"].opens_at() == NOW + 11


@pytest.mark.parametrize("fault", ["session", "origin"])
def test_a_probe_that_made_no_attempt_leaves_the_next_one_free(fault: Fault) -> None:
    under_test = rotation()
    send(under_test, "a", away(fault))
    send(under_test, "a", None, now=NOW + 1)
    assert not under_test.slots["a"].works
    assert under_test.slots["a"].opens_at() <= NOW + 1


def test_the_answer_of_a_session_that_does_not_work_opens_the_origin() -> None:
    under_test = rotation()
    send(under_test, "a", away("origin"))
    send(under_test, "a", away("session"), now=NOW + 1)
    assert gates(under_test) == {"a": False, "b": True, "c": True}


def test_an_origin_that_went_away_leaves_the_sessions_probe_for_later() -> None:
    under_test = rotation()
    send(under_test, "a", away("session"))
    send(under_test, "a", away("origin"), now=NOW + 1)
    assert under_test.obstacles()["a"] == "origin_code"
    send(under_test, "b", Sent(), now=NOW + 3)
    assert under_test.obstacles() == {"a": "session_code"}
    assert under_test.slots["a"].opens_at() <= NOW + 3


def test_one_probe_of_an_origin_is_out_over_all_its_sessions() -> None:
    under_test = rotation()
    send(under_test, "a", away("origin"))
    probe = under_test.pick(message(1, sessions=("a", "b")), None, NOW + 1)
    assert probe is not None
    under_test.take(probe)
    assert under_test.pick(message(1, sessions=("a", "b")), None, NOW + 1) is None
    other = under_test.pick(message(1), None, NOW + 1)
    assert other is not None
    assert other.session.name == "c"


def test_turns_go_round_past_what_is_not_allowed_or_shut() -> None:
    under_test = rotation()
    picked = []
    for allowed in [(), (), (), ("a", "c"), ("c",), (), ("stranger",)]:
        slot = under_test.pick(message(1, sessions=allowed), None, NOW)
        if slot is None:
            picked.append("none")
            continue
        under_test.take(slot)
        under_test.give_back(slot.session.name, Sent(), now=NOW, jitter=0.5)
        picked.append(slot.session.name)
    assert picked == ["a", "b", "c", "a", "c", "a", "none"]


def test_every_session_may_send_even_with_fewer_workers_than_sessions() -> None:
    under_test = rotation(workers=1)
    assert under_test.pick(message(1, sessions=("c",)), None, NOW) is under_test.slots["c"]
