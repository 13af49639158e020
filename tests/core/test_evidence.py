"""What look-ups prove: never that nothing was sent before that is certain, and never for ever."""

from dataclasses import dataclass

import hypothesis.strategies as st
import pytest
from hypothesis import given

from trio_wa.core.evidence import (
    ENGINE_SECONDS,
    FIRST_SECONDS,
    LAST_SECONDS,
    LIMIT_SECONDS,
    PROOF_SECONDS,
    Again,
    Trust,
    Verdict,
    judge,
)

BEGAN = 1_795_489_115.25

seen = st.sampled_from([None, True, False])
trusts = st.builds(Trust, ids=seen, look_ups=seen)
began_ats = st.floats(1.7e9, 1.9e9)
looks_later = st.floats(0, 100_000)
after_that = st.floats(0, 1_000)


def proven() -> Trust:
    return Trust(ids=True, look_ups=True)


@dataclass
class Look:
    """One look-up in vain."""

    trust: Trust
    began_at: float
    since: float
    asked_at: float
    missing: bool

    def judge(self) -> Verdict:
        return judge(
            self.trust,
            missing=self.missing,
            began_at=self.began_at,
            since=self.since,
            asked_at=self.asked_at,
        )


@st.composite
def looks(draw: st.DrawFn) -> Look:
    began_at = draw(began_ats)
    since = began_at + draw(looks_later)
    asked_at = since + draw(after_that)
    return Look(draw(trusts), began_at, since, asked_at, draw(st.booleans()))


@given(looks())
def test_not_sent_needs_a_miss_a_proof_and_the_time_an_engine_may_take(look: Look) -> None:
    if look.judge() == "not_sent":
        assert look.missing
        assert (look.trust.ids, look.trust.look_ups) == (True, True)
        assert look.asked_at - look.began_at >= ENGINE_SECONDS


@given(began_ats, looks_later, after_that)
def test_a_proven_miss_that_is_late_enough_always_counts(
    began_at: float, later: float, after: float
) -> None:
    since = began_at + ENGINE_SECONDS + later
    look = Look(proven(), began_at, since, since + after, missing=True)
    assert look.judge() == "not_sent"


@given(looks())
def test_the_next_look_is_later_within_the_longest_pause_and_misses_no_mark(look: Look) -> None:
    verdict = look.judge()
    if isinstance(verdict, Again):
        assert look.asked_at < verdict.at <= look.asked_at + LAST_SECONDS
        decisive = look.began_at + ENGINE_SECONDS
        assert verdict.at <= decisive or look.asked_at >= decisive


@given(looks(), st.lists(st.tuples(st.booleans(), seen), max_size=200))
def test_it_ends_by_its_limit_whatever_is_found_meanwhile(
    look: Look, news: list[tuple[bool, bool | None]]
) -> None:
    look.asked_at = look.since
    asked = [look.asked_at]
    while isinstance(verdict := look.judge(), Again):
        look.asked_at = verdict.at
        asked.append(verdict.at)
        if news:
            look.missing, look.trust.look_ups = news.pop()
    assert asked[-1] <= look.since + LIMIT_SECONDS
    assert len(asked) < 200
    decisive = look.began_at + ENGINE_SECONDS
    assert decisive in asked or look.since > decisive or asked[-1] < decisive


@given(looks())
def test_where_look_ups_tell_nothing_it_ends_at_once(look: Look) -> None:
    look.trust.look_ups = False
    assert look.judge() == "cannot_tell"


def test_the_first_looks_follow_each_other_quickly() -> None:
    look = Look(proven(), BEGAN, BEGAN, BEGAN, missing=True)
    ages = [0.0]
    while isinstance(verdict := look.judge(), Again):
        look.asked_at = verdict.at
        ages.append(verdict.at - BEGAN)
    assert ages == pytest.approx([0, 1, 2, 3, 4.5, 6.75, 10.125, 15.1875, 22.78, 34.17, 51.26,
                                  76.89, 106.89, 120], abs=0.01)  # fmt: skip
    assert look.judge() == "not_sent"
    assert ages[1] == FIRST_SECONDS


def test_before_a_proof_a_miss_at_the_mark_says_nothing() -> None:
    at = BEGAN + ENGINE_SECONDS
    look = Look(Trust(ids=True), BEGAN, BEGAN, at, missing=True)
    assert look.judge() == "cannot_tell"


@pytest.mark.parametrize("trust", [Trust(ids=True), proven()])
def test_what_a_crash_left_long_ago_waits_for_session_and_proof_after_the_start(
    trust: Trust,
) -> None:
    start = BEGAN + 3600
    look = Look(trust, BEGAN, start, start, missing=False)
    assert look.judge() == Again(start + FIRST_SECONDS)
    look.trust = proven()
    look.asked_at, look.missing = start + FIRST_SECONDS, True
    assert look.judge() == "not_sent"


def test_without_a_proof_it_waits_for_one_no_longer_than_a_proof_takes() -> None:
    start = BEGAN + 3600
    look = Look(Trust(ids=True), BEGAN, start, start, missing=True)
    while isinstance(verdict := look.judge(), Again):
        look.asked_at = verdict.at
    assert verdict == "cannot_tell"
    assert look.asked_at == start + PROOF_SECONDS


def test_what_can_be_proven_but_not_asked_is_given_up_at_the_limit() -> None:
    look = Look(proven(), BEGAN, BEGAN, BEGAN, missing=False)
    while isinstance(verdict := look.judge(), Again):
        look.asked_at = verdict.at
    assert verdict == "cannot_tell"
    assert look.asked_at == BEGAN + LIMIT_SECONDS


def test_an_id_that_came_back_otherwise_ends_all_trust() -> None:
    trust = proven()
    trust.compare("3EB0A", "3EB0B")
    assert not trust.may_tell
    assert not trust.proven


def test_a_send_without_an_id_on_either_side_says_nothing_of_ids() -> None:
    trust = Trust()
    trust.compare(None, "3EB0")
    trust.compare("3EB0", None)
    assert trust.ids is None
    trust.compare("3EB0", "3EB0")
    assert trust.ids is True


@given(trusts)
def test_renewed_trust_keeps_what_worked_and_forgets_what_did_not(trust: Trust) -> None:
    before = (trust.ids, trust.look_ups)
    trust.renew()
    assert (trust.ids, trust.look_ups) == tuple(True if each else None for each in before)
    assert trust.may_tell
