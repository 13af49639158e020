"""What each kind of outcome does to the gates of its session and of the WAHA behind it."""

from math import inf

import pytest

from tests.core.messages import message
from trio_wa.core.breaker import FAILURES
from trio_wa.core.notice import BreakerOpened, GateShut, GhostProbed, Notice
from trio_wa.core.outcome import UNREACHABLE, Fault, Outcome, Rejected, Sent, Unavailable, Unknown
from trio_wa.core.rotation import Rotation
from trio_wa.core.session import Session
from trio_wa.core.slot import Slot

NOW = 100.0
ONE, TWO = "http://one", "http://two"


def rotation(*, workers: int = 50) -> Rotation:
    """Two sessions behind one WAHA, and a third behind another."""
    sessions = [Session("a", ONE), Session("b", ONE), Session("c", TWO)]
    return Rotation(sessions, workers=workers, retry_base=1.0)


def away(fault: Fault, retry_after: float | None = None) -> Unavailable:
    return Unavailable(f"{fault}_code", "", fault, retry_after)


def take(under_test: Rotation, slot: Slot, now: float = NOW) -> None:
    under_test.take(slot, message(1), now, jitter=0.5)


def give_back(
    under_test: Rotation, name: str, outcome: Outcome | None, now: float = NOW
) -> tuple[Notice, ...]:
    return under_test.give_back(name, message(1), now, outcome, now=now, jitter=0.5)


def send(
    under_test: Rotation, name: str, outcome: Outcome | None, now: float = NOW
) -> tuple[Notice, ...]:
    take(under_test, under_test.slots[name], now)
    return give_back(under_test, name, outcome, now)


def opens_at(under_test: Rotation, *allowed: str) -> float:
    return under_test.opening(message(1, sessions=allowed), NOW)[0]


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
    assert send(under_test, "a", outcome) == ()
    assert gates(under_test) == {"a": True, "b": True, "c": True}
    assert under_test.obstacles() == {}


def test_the_sessions_fault_shuts_it_alone() -> None:
    under_test = rotation()
    assert send(under_test, "a", away("session")) == (GateShut("session_code"),)
    assert gates(under_test) == {"a": False, "b": True, "c": True}
    assert under_test.obstacles() == {"a": "session_code"}
    assert under_test.next_opening(NOW) == NOW + 0.5


def test_the_origins_fault_shuts_every_session_behind_it() -> None:
    under_test = rotation()
    assert send(under_test, "a", away("origin", retry_after=30)) == (GateShut("origin_code"),)
    assert gates(under_test) == {"a": False, "b": False, "c": True}
    assert under_test.obstacles() == {"a": "origin_code", "b": "origin_code"}
    assert under_test.next_opening(NOW) == NOW + 30
    assert opens_at(under_test, "a", "b") == NOW + 30
    assert opens_at(under_test) == 0.0


def test_only_the_shutting_of_an_open_gate_is_told() -> None:
    under_test = rotation()
    slot = under_test.slots["a"]
    for _ in range(2):
        take(under_test, slot)
    assert give_back(under_test, "a", away("session")) == (GateShut("session_code"),)
    assert give_back(under_test, "a", away("session")) == ()


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
    take(under_test, probe)
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
        take(under_test, slot)
        give_back(under_test, slot.session.name, Sent())
        picked.append(slot.session.name)
    assert picked == ["a", "b", "c", "a", "c", "a", "none"]


def test_every_session_may_send_even_with_fewer_workers_than_sessions() -> None:
    under_test = rotation(workers=1)
    assert under_test.pick(message(1, sessions=("c",)), None, NOW) is under_test.slots["c"]


@pytest.mark.parametrize("status", ["STOPPED", "STARTING", "SCAN_QR_CODE", "FAILED", "MISSING"])
def test_a_session_known_not_to_work_is_not_tried(status: str) -> None:
    under_test = rotation()
    under_test.set_status("a", status, NOW)
    slot = under_test.slots["a"]
    assert not slot.usable
    assert not slot.works
    assert slot.opens_at() == inf
    assert under_test.usable() == ("b", "c")
    assert under_test.pick(message(1, sessions=("a",)), None, NOW) is None
    assert opens_at(under_test, "a") == inf


@pytest.mark.parametrize("status", [None, "WORKING"])
def test_a_session_that_works_or_cannot_be_read_is_used(status: str | None) -> None:
    under_test = rotation()
    under_test.set_status("a", "STOPPED", NOW)
    under_test.set_status("a", status, NOW)
    assert under_test.slots["a"].works
    assert under_test.obstacles() == {}


def test_a_paused_session_is_not_tried_until_it_goes_on() -> None:
    under_test = rotation()
    under_test.set_status("a", "WORKING", NOW)
    under_test.set_paused("a", True)
    assert under_test.usable(("a", "b")) == ("b",)
    assert under_test.slots["a"].opens_at() == inf
    under_test.set_paused("a", False)
    assert under_test.usable(("a", "b")) == ("a", "b")


def test_a_session_that_an_operator_wants_again_is_probed_at_once() -> None:
    under_test = rotation()
    for _ in range(FAILURES):
        send(under_test, "a", Unknown("engine_error", "", answered=True))
    assert under_test.slots["a"].opens_at() > NOW
    under_test.set_paused("a", False)
    assert under_test.slots["a"].opens_at() <= NOW
    take(under_test, under_test.slots["a"])
    assert under_test.slots["a"].opens_at() == inf, "one probe at a time"


@pytest.mark.parametrize("code", ["engine_error", "server_error", "timeout", "not_waha"])
def test_what_may_have_been_sent_stops_a_session_where_it_goes_on(code: str) -> None:
    under_test = rotation()
    for _ in range(FAILURES):
        assert under_test.slots["a"].works
        notices = send(under_test, "a", Unknown(code, "", answered=True))
    assert [type(each) for each in notices] == [BreakerOpened]
    assert under_test.obstacles() == {"a": "breaker_open"}


def test_the_shares_of_sessions_that_do_not_work_go_to_the_others() -> None:
    under_test = rotation(workers=8)
    under_test.set_status("b", "STOPPED", NOW)
    under_test.set_paused("c", True)
    for _ in range(8):
        slot = under_test.pick(message(1), None, NOW)
        assert slot is under_test.slots["a"]
        take(under_test, slot)


def test_a_session_that_comes_back_is_probed_at_once_by_one_message() -> None:
    under_test = rotation()
    under_test.set_status("a", "WORKING", NOW)
    send(under_test, "a", away("session"))
    under_test.set_status("a", "WORKING", NOW + 0.1)
    slot = under_test.slots["a"]
    assert slot.opens_at() == NOW + 0.1
    take(under_test, slot)
    assert slot.opens_at() == inf
    give_back(under_test, "a", Sent(), NOW + 0.2)
    assert slot.works


@pytest.mark.parametrize("status", ["WORKING", "STOPPED", "MISSING"])
def test_a_waha_that_tells_a_status_can_be_reached_and_needs_no_probe(status: str) -> None:
    under_test = rotation()
    send(under_test, "a", Unavailable(UNREACHABLE, "", "origin"))
    assert gates(under_test) == {"a": False, "b": False, "c": True}
    under_test.set_status("b", None, NOW + 0.1)
    assert gates(under_test) == {"a": False, "b": False, "c": True}
    under_test.set_status("b", status, NOW + 0.1)
    assert gates(under_test) == {"a": True, "b": status == "WORKING", "c": True}


def test_a_waha_that_refuses_sends_is_probed_whatever_it_tells() -> None:
    under_test = rotation()
    send(under_test, "a", away("origin"))
    under_test.set_status("a", "WORKING", NOW + 0.1)
    assert under_test.obstacles() == {"a": "origin_code", "b": "origin_code"}
    assert under_test.slots["a"].opens_at() == NOW + 0.5


def test_a_status_that_stays_does_not_hasten_the_next_probe() -> None:
    under_test = rotation()
    send(under_test, "a", away("session"))
    for _ in range(2):  # the first makes known what could not be read
        under_test.set_status("a", "WORKING", NOW + 0.1)
        assert under_test.slots["a"].opens_at() == NOW + 0.5


@pytest.mark.parametrize(
    ("before", "told", "after"),
    [
        (None, None, None),
        (None, "SCAN_QR_CODE", None),
        ("WORKING", None, "STOPPED"),
        ("WORKING", "SCAN_QR_CODE", "SCAN_QR_CODE"),
        ("WORKING", "WORKING", "WORKING"),
    ],
)
def test_the_sessions_fault_is_its_status_where_that_can_be_read(
    before: str | None, told: str | None, after: str | None
) -> None:
    under_test = rotation()
    under_test.set_status("a", before, NOW)
    outcome = Unavailable("session_not_working", "", "session", status=told)
    assert send(under_test, "a", outcome) == (GateShut("session_not_working"),)
    slot = under_test.slots["a"]
    assert slot.status == after
    assert not slot.gate.is_open
    assert under_test.next_opening(NOW) == (NOW + 0.5 if slot.usable else inf)


def test_the_first_obstacle_of_each_session_is_told() -> None:
    under_test = rotation()
    send(under_test, "a", away("session"))
    assert under_test.obstacles() == {"a": "session_code"}
    under_test.set_status("a", "STOPPED", NOW)
    under_test.set_status("c", "MISSING", NOW)
    assert under_test.obstacles() == {"a": "session_not_working", "c": "session_missing"}
    send(under_test, "a", away("origin"))
    assert under_test.obstacles() == {
        "a": "origin_code",
        "b": "origin_code",
        "c": "session_missing",
    }
    under_test.set_paused("a", True)
    assert under_test.obstacles()["a"] == "paused"


@pytest.mark.parametrize(
    "outcome", [Unknown("timeout", "silence"), Sent(), Sent("3EB0A"), away("message"), None]
)
def test_the_end_of_what_was_under_way_is_not_that_of_a_ghosts_probe(
    outcome: Outcome | None,
) -> None:
    under_test = rotation()
    slot = under_test.slots["a"]
    take(under_test, slot)
    under_test.set_ghost("a", "probe")
    take(under_test, slot, NOW + 1)
    assert under_test.give_back("a", message(1), NOW, outcome, now=NOW + 2, jitter=0.5) == ()
    assert slot.ghost == "probing"
    assert under_test.give_back(
        "a", message(2), NOW + 1, Sent("3EB0"), now=NOW + 3, jitter=0.5
    ) == (GhostProbed("3EB0"),)
