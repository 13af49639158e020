"""What follows from an outcome."""

from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given

from tests.core.messages import message
from trio_wa.core.message import OnUnknown
from trio_wa.core.outcome import Fault, Outcome, Rejected, Sent, Unavailable, Unknown
from trio_wa.core.retry import (
    RETRY_AFTER_MAX,
    Final,
    Inquire,
    Requeue,
    RetryPolicy,
    as_found,
    backoff,
    decide,
    give_up,
    send_again,
)
from trio_wa.core.status import Status

NOW = 1_000.0
HOLD = RetryPolicy(max_attempts=3, base=1.0, maximum=60.0, on_unknown="hold")
RESEND = RetryPolicy(max_attempts=3, base=1.0, maximum=60.0, on_unknown="resend")

policies = st.sampled_from([HOLD, RESEND])
jitters = st.floats(0, 1, exclude_max=True)
failures = st.integers(1, 10_000)


@given(failures, st.floats(0, 100), st.floats(0, 1_000), jitters)
def test_backoff_lies_between_nothing_and_its_cap(
    count: int, base: float, maximum: float, jitter: float
) -> None:
    assert 0 <= backoff(count, base=base, maximum=maximum, jitter=jitter) <= maximum
    first = backoff(1, base=base, maximum=maximum, jitter=jitter)
    assert first == jitter * min(base, maximum)


@given(failures, st.floats(0, 100), st.floats(0, 1_000), jitters)
def test_backoff_never_shrinks_with_more_failures(
    count: int, base: float, maximum: float, jitter: float
) -> None:
    fewer = backoff(count, base=base, maximum=maximum, jitter=jitter)
    assert fewer <= backoff(count + 1, base=base, maximum=maximum, jitter=jitter)


def test_backoff_doubles_up_to_its_maximum() -> None:
    waits = [backoff(count, base=1.0, maximum=60.0, jitter=0.5) for count in (1, 2, 3, 6, 7, 8)]
    assert waits == [0.5, 1, 2, 16, 30, 30]


@given(policies, jitters)
def test_a_sent_message_is_final_with_its_id(policy: RetryPolicy, jitter: float) -> None:
    decision = decide(message(1), Sent("3EB0"), now=NOW, policy=policy, jitter=jitter)
    assert decision == Final(Status.SENT, waha_id="3EB0")


@given(policies, jitters)
def test_a_rejected_message_fails_for_good(policy: RetryPolicy, jitter: float) -> None:
    outcome = Rejected("not_on_whatsapp", "no LID found")
    decision = decide(message(1), outcome, now=NOW, policy=policy, jitter=jitter)
    assert decision == Final(Status.FAILED, "not_on_whatsapp", "no LID found")


@given(
    policies,
    jitters,
    st.sampled_from(["message", "session", "origin"]),
    st.one_of(st.none(), st.floats(0, 3_600)),
    st.integers(0, 100_000),
)
def test_what_was_certainly_not_sent_is_tried_again_and_costs_no_attempt(
    policy: RetryPolicy, jitter: float, fault: Fault, retry_after: float | None, deferrals: int
) -> None:
    before = message(1, attempts=2, deferrals=deferrals)
    outcome = Unavailable("throttled", "busy", fault, retry_after)
    decision = decide(before, outcome, now=NOW, policy=policy, jitter=jitter)
    assert isinstance(decision, Requeue)
    after = decision.message
    assert (decision.code, decision.detail) == ("throttled", "busy")
    assert (after.attempts, after.deferrals) == (2, deferrals + 1)
    assert (after.id, after.seq, after.content) == (before.id, before.seq, before.content)
    quiet = retry_after or 0.0
    assert NOW + quiet <= after.due_at <= NOW + max(quiet, policy.maximum)


@pytest.mark.parametrize("maximum", [60.0, 86_400.0])
def test_a_retry_beyond_any_wait_is_of_a_clock_that_ran_ahead(maximum: float) -> None:
    policy = RetryPolicy(maximum=maximum)
    longest = max(maximum, RETRY_AFTER_MAX)
    for seconds in (-5.0, 0.0, 60.0, longest):
        queued = message(1, due_at=NOW + seconds)
        assert as_found(queued, now=NOW, policy=policy) is queued
    ahead = message(1, due_at=NOW + longest + 1)
    assert as_found(ahead, now=NOW, policy=policy) == message(1, due_at=NOW)


def test_another_session_takes_a_message_at_once() -> None:
    outcome = Unavailable("session_not_working", "", "session")
    decision = decide(message(1, deferrals=9), outcome, now=NOW, policy=HOLD, jitter=0.9)
    assert isinstance(decision, Requeue)
    assert decision.message.due_at == NOW


@given(jitters, st.integers(0, 10), st.booleans())
def test_unknown_is_held_whatever_the_count(jitter: float, attempts: int, answered: bool) -> None:
    outcome = Unknown("timeout", "no answer", answered)
    before = message(1, attempts=attempts)
    decision = decide(before, outcome, now=NOW, policy=HOLD, jitter=jitter)
    assert decision == Final(Status.UNKNOWN, "timeout", "no answer")


@pytest.mark.parametrize(("attempts", "sent_again"), [(0, True), (1, True), (2, False), (9, False)])
def test_unknown_is_resent_until_max_attempts(attempts: int, sent_again: bool) -> None:
    outcome = Unknown("timeout", "no answer")
    before = message(1, attempts=attempts)
    decision = decide(before, outcome, now=NOW, policy=RESEND, jitter=0.5)
    if sent_again:
        assert isinstance(decision, Requeue)
        assert decision.message.attempts == attempts + 1
        assert decision.message.due_at == NOW + 0.5 * 2**attempts
    else:
        assert decision == Final(Status.UNKNOWN, "timeout", "no answer")


@given(policies, jitters, st.integers(0, 10), st.booleans())
def test_unknown_is_looked_up_where_that_may_tell(
    policy: RetryPolicy, jitter: float, attempts: int, answered: bool
) -> None:
    outcome = Unknown("timeout", "no answer", answered)
    before = message(1, attempts=attempts)
    decision = decide(before, outcome, now=NOW, policy=policy, jitter=jitter, evidence=True)
    assert decision == Inquire("timeout", "no answer")


@pytest.mark.parametrize("outcome", [Sent("3EB0"), Rejected("rejected", "")])
def test_what_is_known_is_not_looked_up(outcome: Sent | Rejected) -> None:
    with_evidence = decide(message(1), outcome, now=NOW, policy=HOLD, jitter=0.5, evidence=True)
    assert with_evidence == decide(message(1), outcome, now=NOW, policy=HOLD, jitter=0.5)


@pytest.mark.parametrize("policy", [HOLD, RESEND])
def test_where_nothing_can_tell_the_messages_own_choice_counts(policy: RetryPolicy) -> None:
    resend = replace(message(1), on_unknown="resend")
    decision = give_up(resend, "timeout", "", now=NOW, policy=policy, jitter=0.5)
    assert decision == Requeue(replace(resend, due_at=NOW + 0.5, attempts=1), "timeout", "")
    hold = replace(message(1), on_unknown="hold")
    decision = give_up(hold, "timeout", "", now=NOW, policy=policy, jitter=0.5)
    assert decision == Final(Status.UNKNOWN, "timeout", "")


def test_a_message_whose_time_is_over_is_not_resent() -> None:
    decision = give_up(message(1, expires_at=NOW), "timeout", "", now=NOW, policy=RESEND, jitter=0)
    assert decision == Final(Status.UNKNOWN, "timeout", "")


def test_what_was_not_sent_goes_again_under_its_id_over_the_same_session() -> None:
    before = replace(message(1), waha_id="3EB0")
    decision = send_again(before, "a", now=NOW, policy=HOLD, jitter=0.5)
    assert isinstance(decision, Requeue)
    after = replace(before, due_at=NOW + 0.5, attempts=1, prefer="a")
    assert (decision.message, decision.code) == (after, "not_sent")


def test_what_was_not_sent_in_all_its_attempts_has_failed() -> None:
    decision = send_again(message(1, attempts=2), "a", now=NOW, policy=HOLD, jitter=0.5)
    assert decision == Final(Status.FAILED, "not_sent", "not sent in 3 attempts")


sessions = st.sampled_from(["a", "b"])
choices: st.SearchStrategy[OnUnknown | None] = st.sampled_from([None, "hold", "resend"])
unknowns = st.builds(Unknown, st.just("timeout"), st.just("no answer"), st.booleans())
outcomes = st.one_of(
    unknowns,
    st.just(Sent("3EB0")),
    st.just(Rejected("rejected", "no")),
    st.builds(
        Unavailable,
        st.just("throttled"),
        st.just("busy"),
        st.sampled_from(["message", "session", "origin"]),
    ),
)


@given(st.lists(outcomes, max_size=30), policies, choices, st.lists(st.booleans(), min_size=30))
def test_an_unknown_outcome_is_never_followed_by_another_send_unless_it_was_asked_for(
    answers: list[Outcome],
    policy: RetryPolicy,
    on_unknown: OnUnknown | None,
    evidence: list[bool],
) -> None:
    before = replace(message(1), on_unknown=on_unknown)
    for outcome, tells in zip(answers, evidence, strict=False):
        decision = decide(before, outcome, now=NOW, policy=policy, jitter=0.5, evidence=tells)
        if isinstance(outcome, Unknown):
            assert isinstance(decision, Inquire) == tells
            if isinstance(decision, Requeue):
                assert "resend" in (on_unknown, policy.on_unknown)
                assert on_unknown != "hold"
        if not isinstance(decision, Requeue):
            break
        before = decision.message
    assert before.attempts < policy.max_attempts


@given(policies, choices, jitters, st.integers(0, 10), st.floats(0, 2 * NOW))
def test_giving_up_is_final_or_costs_an_attempt(
    policy: RetryPolicy,
    on_unknown: OnUnknown | None,
    jitter: float,
    attempts: int,
    expires_at: float,
) -> None:
    before = replace(
        message(1, attempts=attempts, expires_at=expires_at), on_unknown=on_unknown, waha_id="3EB0"
    )
    decision = give_up(before, "timeout", "", now=NOW, policy=policy, jitter=jitter)
    if isinstance(decision, Final):
        assert decision == Final(Status.UNKNOWN, "timeout", "")
    else:
        assert NOW <= decision.message.due_at <= NOW + policy.maximum
        assert decision.message == replace(
            before, attempts=attempts + 1, due_at=decision.message.due_at
        )
        assert decision.message.attempts < policy.max_attempts
        assert expires_at > NOW


@given(policies, choices, jitters, st.integers(0, 10), sessions)
def test_evidence_that_nothing_was_sent_asks_nobody_for_a_choice(
    policy: RetryPolicy,
    on_unknown: OnUnknown | None,
    jitter: float,
    attempts: int,
    session: str,
) -> None:
    before = replace(message(1, attempts=attempts), on_unknown=on_unknown, waha_id="3EB0")
    decision = send_again(before, session, now=NOW, policy=policy, jitter=jitter)
    if attempts + 1 < policy.max_attempts:
        assert isinstance(decision, Requeue)
        assert (decision.message.waha_id, decision.message.prefer) == ("3EB0", session)
    else:
        assert isinstance(decision, Final)
        assert (decision.status, decision.code) == (Status.FAILED, "not_sent")
