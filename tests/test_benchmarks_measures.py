"""Which entrants each measure takes, and how it counts."""

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.entrants import Entrant
from benchmarks.load import Load
from benchmarks.measures import MEASURES
from benchmarks.measures.end_to_end import WHOLE, Condition
from benchmarks.measures.latency import percentile
from benchmarks.measures.scene import accepted
from benchmarks.rounds import Failed, Sizes, Trial
from tests.test_benchmarks import no_peer

OURS = Entrant("trio-wa", "trio-wa", no_peer, ours=True, durable=True)
GO = Entrant("go", "Go", no_peer)
SLOW = Entrant("fastapi", "FastAPI", no_peer, slow=True)


def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed() -> None:
    values = [float(n) for n in range(200, 0, -1)]
    assert percentile(values, 50) == 100.0
    assert percentile(values, 99) == 198.0
    assert percentile(values, 100) == 200.0
    assert percentile([7.0], 50) == 7.0
    with pytest.raises(Failed):
        percentile([], 50)


def test_anything_but_a_202_for_each_request_fails_the_trial() -> None:
    accepted(Load(0.0, 1.0, [], Counter({202: 3})), 250, 100)
    with pytest.raises(Failed, match="503"):
        accepted(Load(0.0, 1.0, [], Counter({202: 2, 503: 1})), 250, 100)


@pytest.mark.parametrize("sizes", [Sizes(), Sizes(quick=True)])
def test_the_names_of_measures_and_cases_tell_them_apart(sizes: Sizes) -> None:
    names = [measure.name for measure in MEASURES]
    assert len(set(names)) == len(names)
    for measure in MEASURES:
        cases = measure.cases((OURS, GO, SLOW), sizes)
        assert cases
        assert len({case.name for case in cases}) == len(cases)
        for case in cases:
            assert len({entrant.name for entrant in case.entrants}) == len(case.entrants)


def test_measures_that_nobody_can_take_part_in_have_no_cases() -> None:
    empty = [measure.name for measure in MEASURES if not measure.cases((GO,), Sizes())]
    assert empty == ["batches", "recovery", "backlog"]


def test_end_to_end_posts_to_us_singly_and_in_batches_beside_the_others() -> None:
    (case, *_) = next(one for one in MEASURES if one.name == "end-to-end").cases(
        (OURS, GO), Sizes()
    )
    assert [(one.name, one.batch) for one in case.entrants] == [
        ("trio-wa", 1),
        ("trio-wa, batches of 100", 100),
        ("Go", 1),
    ]


@pytest.mark.parametrize("condition", WHOLE)
def test_every_worker_has_two_messages_or_more(condition: Condition, tmp_path: Path) -> None:
    for entrant in (OURS, SLOW):
        trial = Trial(entrant, tmp_path, Sizes(messages=100))
        assert condition.messages(trial) == 2 * condition.workers
    fast, slow = (Trial(entrant, tmp_path, Sizes()) for entrant in (GO, SLOW))
    assert condition.messages(fast) > condition.messages(slow) >= 2 * condition.workers
