"""The breaker: a run of failures opens it, one probe at a time tries, a success closes it."""

from math import inf

import hypothesis.strategies as st
import pytest
from hypothesis import given

from trio_wa.core.breaker import FAILURES, WAIT_MAX, WAIT_SECONDS, Breaker

NOW = 100.0


def opened(*, jitter: float = 1.0) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.failed(NOW, NOW, jitter=jitter)
    return breaker


def test_a_run_of_failures_opens_it_and_the_last_of_them_is_told() -> None:
    breaker = Breaker()
    told = [breaker.failed(NOW, NOW, jitter=1.0) for _ in range(FAILURES)]
    assert told == [False] * (FAILURES - 1) + [True]
    assert breaker.state == "open"
    assert breaker.opens_at() == NOW + WAIT_SECONDS


def test_a_success_among_failures_begins_the_run_anew() -> None:
    breaker = Breaker()
    for _ in range(10):
        for _ in range(FAILURES - 1):
            assert not breaker.failed(NOW, NOW, jitter=1.0)
        assert not breaker.succeeded()
    assert breaker.state == "closed"
    assert breaker.opens_at() == 0.0


def test_one_probe_at_a_time_passes() -> None:
    breaker = opened()
    breaker.passed(NOW)
    assert (breaker.state, breaker.opens_at()) == ("half_open", inf)
    breaker.lost(NOW)
    assert (breaker.state, breaker.opens_at()) == ("open", NOW + WAIT_SECONDS)


def test_what_passes_a_closed_one_is_no_probe() -> None:
    breaker = Breaker()
    breaker.passed(NOW)
    assert breaker.state == "closed"
    assert breaker.opens_at() == 0.0


def test_a_success_closes_it_and_is_told() -> None:
    breaker = opened()
    breaker.passed(NOW)
    assert breaker.succeeded()
    assert breaker.state == "closed"
    assert breaker.opens_at() == 0.0
    assert not breaker.failed(NOW, NOW, jitter=1.0)  # a run is needed once more


def test_each_probe_that_fails_doubles_the_wait_up_to_its_maximum_and_is_told() -> None:
    breaker = opened()
    waits = []
    for _ in range(7):
        waits.append(breaker.opens_at() - NOW)
        breaker.passed(NOW)
        assert breaker.failed(NOW, NOW, jitter=1.0)
    assert waits == [30.0, 60.0, 120.0, 240.0, 480.0, WAIT_MAX, WAIT_MAX]


@pytest.mark.parametrize(("jitter", "wait"), [(0.0, 15.0), (0.5, 22.5)])
def test_the_wait_is_between_half_and_the_whole(jitter: float, wait: float) -> None:
    assert opened(jitter=jitter).opens_at() == NOW + wait


def test_failures_of_what_was_under_way_add_nothing() -> None:
    breaker = opened()
    for later in range(50):
        assert not breaker.failed(NOW, NOW + later, jitter=1.0)
    assert breaker.opens_at() == NOW + WAIT_SECONDS


def test_the_end_of_what_was_under_way_is_not_taken_for_that_of_the_probe() -> None:
    breaker = opened()
    breaker.passed(NOW + 30)
    for later in range(31, 60):
        assert not breaker.failed(NOW, NOW + later, jitter=1.0)
        breaker.lost(NOW)
        assert (breaker.state, breaker.opens_at()) == ("half_open", inf)
    assert breaker.failed(NOW + 30, NOW + 90, jitter=1.0)
    assert breaker.opens_at() == NOW + 90 + 2 * WAIT_SECONDS


def test_after_a_restart_the_next_probe_passes_at_once() -> None:
    breaker = opened()
    breaker.admit(NOW + 1)
    assert breaker.state == "open"
    assert breaker.opens_at() == NOW + 1
    breaker.admit(NOW + 9)
    assert breaker.opens_at() == NOW + 1
    breaker.passed(NOW)
    breaker.admit(NOW + 10)
    assert breaker.opens_at() == inf


steps = st.lists(st.sampled_from(["pass", "fail", "succeed", "lost", "admit", "tick"]), max_size=60)


@given(steps, st.floats(0, 1, exclude_max=True))
def test_any_history_ends_with_a_breaker_that_closes_again(
    history: list[str], jitter: float
) -> None:
    breaker, now, failures, out = Breaker(), NOW, 0, False
    for step in history:
        match step:
            case "pass" if breaker.opens_at() <= now:
                assert not out, "a second probe"
                out = breaker.state != "closed"
                breaker.passed(NOW)
                assert out == (breaker.state == "half_open")
            case "fail":
                failures += 1
                was = breaker.state
                opens = breaker.failed(NOW, now, jitter=jitter)
                assert opens == (was == "half_open" or (was == "closed" and failures >= FAILURES))
                out = out and not opens
            case "succeed":
                assert breaker.succeeded() == (breaker.state != "closed" or failures >= FAILURES)
                failures, out = 0, False
            case "lost":
                breaker.lost(NOW)
                out = False
            case "admit":
                breaker.admit(now)
            case _:
                now += 10.0
        assert breaker.opens_at() == inf if out else breaker.opens_at() <= now + WAIT_MAX
        assert (breaker.state == "closed") == (failures < FAILURES)
    breaker.lost(NOW)
    breaker.passed(NOW)
    breaker.succeeded()
    assert breaker.opens_at() == 0.0
