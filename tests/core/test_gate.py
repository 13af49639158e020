"""The gate before a session or a WAHA."""

from math import inf

import hypothesis.strategies as st
import pytest
from hypothesis import given

from trio_wa.core.gate import PROBE_MAX, Gate

NOW = 100.0


def shut_gate(*, jitter: float = 0.5, retry_after: float | None = None) -> Gate:
    gate = Gate(base=1.0)
    gate.shut(now=NOW, reason="unreachable", jitter=jitter, retry_after=retry_after)
    return gate


def test_an_open_gate_lets_everything_pass() -> None:
    gate = Gate(base=1.0)
    for _ in range(3):
        assert gate.is_open
        assert gate.opens_at() == 0.0
        gate.passed()
    assert gate.reason is None


def test_a_shut_gate_lets_one_probe_pass_at_a_time() -> None:
    gate = shut_gate()
    assert not gate.is_open
    assert gate.reason == "unreachable"
    assert gate.opens_at() == NOW + 0.5
    gate.passed()
    assert gate.opens_at() == inf
    gate.probe_lost()
    assert gate.opens_at() == NOW + 0.5


def test_a_successful_probe_opens_it() -> None:
    gate = shut_gate()
    gate.passed()
    gate.open(now=NOW + 1)
    assert gate.is_open
    assert gate.reason is None
    gate.shut(now=NOW + 2, reason="again", jitter=0.5, retry_after=None)
    assert gate.opens_at() == NOW + 2.5  # the wait starts from its base once more


def test_each_failed_probe_doubles_the_wait_up_to_its_maximum() -> None:
    gate = Gate(base=1.0)
    waits = []
    for _ in range(6):
        gate.shut(now=NOW, reason="unreachable", jitter=0.99, retry_after=None)
        waits.append((gate.opens_at() - NOW) / 0.99)
        gate.passed()
    assert waits == pytest.approx([1, 2, 4, PROBE_MAX, PROBE_MAX, PROBE_MAX])


def test_failures_of_what_was_under_way_add_nothing() -> None:
    gate = shut_gate()
    for later in range(49):
        gate.shut(now=NOW + later, reason="other", jitter=0.9, retry_after=None)
    assert gate.opens_at() == NOW + 0.5
    assert gate.reason == "unreachable"


def test_the_quiet_that_a_peer_asked_for_is_kept() -> None:
    gate = shut_gate(retry_after=30)
    assert gate.opens_at() == NOW + 30
    gate.open(now=NOW + 29)  # the success of a send that was under way
    assert not gate.is_open
    assert gate.opens_at() == NOW + 30
    gate.open(now=NOW + 30)
    assert gate.is_open


def test_a_shorter_quiet_does_not_end_a_longer_one() -> None:
    gate = shut_gate(retry_after=30)
    gate.shut(now=NOW + 1, reason="throttled", jitter=0.5, retry_after=2)
    gate.open(now=NOW + 10)
    assert gate.opens_at() == NOW + 30


def test_a_peer_that_is_said_to_be_back_is_probed_at_once_and_once() -> None:
    gate = shut_gate()
    gate.admit(now=NOW + 0.1)
    assert not gate.is_open
    assert gate.opens_at() == NOW + 0.1
    gate.passed()
    assert gate.opens_at() == inf
    gate.shut(now=NOW + 1, reason="unreachable", jitter=0.5, retry_after=None)
    assert gate.opens_at() == NOW + 2  # the second failure in a row
    gate.admit(now=NOW + 1)
    gate.passed()
    gate.open(now=NOW + 1)
    assert gate.is_open


def test_a_probe_that_is_out_stays_the_only_one() -> None:
    gate = shut_gate()
    gate.passed()
    gate.admit(now=NOW + 0.1)
    assert gate.opens_at() == inf


def test_what_is_said_of_a_peer_never_lengthens_a_wait_nor_shuts_an_open_gate() -> None:
    gate = shut_gate()
    gate.admit(now=NOW + 9)
    assert gate.opens_at() == NOW + 0.5
    gate = Gate(base=1.0)
    gate.admit(now=NOW)
    assert gate.opens_at() == 0.0


def test_a_peer_that_is_said_to_be_back_has_the_quiet_that_it_asked_for() -> None:
    gate = shut_gate(retry_after=30)
    gate.admit(now=NOW + 1)
    assert gate.opens_at() == NOW + 30


steps = st.lists(
    st.one_of(
        st.tuples(st.just("shut"), st.one_of(st.none(), st.floats(0, 60))),
        st.tuples(st.sampled_from(["pass", "open", "lost", "admit", "tick"]), st.none()),
    ),
    max_size=40,
)


@given(steps, st.floats(0, 1, exclude_max=True))
def test_any_history_ends_with_a_gate_that_opens_again(
    history: list[tuple[str, float | None]], jitter: float
) -> None:
    gate, now, quiet_until = Gate(base=1.0), NOW, 0.0
    for step, retry_after in history:
        match step:
            case "shut":
                gate.shut(now=now, reason="x", jitter=jitter, retry_after=retry_after)
                quiet_until = max(quiet_until, now + (retry_after or 0))
            case "pass" if gate.opens_at() <= now:
                assert now >= quiet_until
                gate.passed()
            case "open":
                gate.open(now=now)
            case "admit":
                gate.admit(now=now)
            case "lost":
                gate.probe_lost()
            case _:
                now += 1
        assert gate.opens_at() == inf or gate.opens_at() <= max(now + PROBE_MAX, quiet_until)
        assert gate.is_open == (gate.reason is None)
    gate.probe_lost()
    now = max(now, gate.opens_at())
    gate.passed()
    gate.open(now=now)
    assert gate.opens_at() == 0.0
