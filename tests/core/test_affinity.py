"""Rendezvous hashing: which sessions a recipient prefers."""

from collections import Counter

import hypothesis.strategies as st
import pytest
from hypothesis import given

from trio_wa.core.affinity import ranking

name_sets = st.sets(st.from_regex(r"[a-z0-9_.-]{1,8}", fullmatch=True), min_size=1, max_size=12)
chat_ids = st.from_regex(r"[0-9]{1,15}@(c\.us|g\.us|lid)", fullmatch=True)


def recipients(count: int) -> list[str]:
    return [f"62812{number:07}@c.us" for number in range(count)]


@given(chat_ids, name_sets)
def test_a_ranking_holds_each_name_once_whatever_their_order(chat_id: str, names: set[str]) -> None:
    ranked = ranking(chat_id, names)
    assert sorted(ranked) == sorted(names)
    assert ranking(chat_id, sorted(names)) == ranking(chat_id, sorted(names)[::-1]) == ranked


@given(st.lists(chat_ids, min_size=1, max_size=50), name_sets, st.data())
def test_removing_a_name_moves_only_its_own_recipients(
    chats: list[str], names: set[str], data: st.DataObject
) -> None:
    gone = data.draw(st.sampled_from(sorted(names)))
    for chat_id in chats:
        before, after = ranking(chat_id, names), ranking(chat_id, names - {gone})
        assert after == tuple(name for name in before if name != gone)


@pytest.mark.parametrize("sessions", [3, 12])
def test_the_load_is_even(sessions: int) -> None:
    names = [f"session-{number}" for number in range(sessions)]
    share = 10_000 / sessions
    firsts = Counter(ranking(chat_id, names)[0] for chat_id in recipients(10_000))
    assert all(0.85 * share < firsts[name] < 1.15 * share for name in names)


def test_the_recipients_of_a_session_that_went_spread_evenly() -> None:
    ranks = [ranking(chat_id, "abc") for chat_id in recipients(10_000)]
    seconds = Counter(ranked[1] for ranked in ranks if ranked[0] == "a")
    assert 0.85 < seconds["b"] / seconds["c"] < 1.15


def test_a_ranking_is_what_it_was_in_the_first_version() -> None:
    names = ("default", "marketing", "support")
    assert ranking("6281234567890@c.us", names) == ("support", "default", "marketing")
