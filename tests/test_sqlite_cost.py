"""What the store on disk reads stays bounded, however many messages there are."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.contract.messages import NOW
from tests.sqlite_cost import LIMIT, ROWS, STEPS_PER_ROW, cost, filled, taken_back
from trio_wa.adapters.acknowledgement import MAX_ACKS, MAX_FLAGGED
from trio_wa.adapters.sqlite import (
    queries,
    receipts,
    sessions,
    upkeep,
)
from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.core.status import Status
from trio_wa.ports import (
    Cursor,
    Filter,
)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    with filled(tmp_path_factory.mktemp("cost") / "store.db") as journal:
        yield journal


@pytest.fixture
def journal(many: Journal) -> Iterator[Journal]:
    with taken_back(many):
        yield many


MIDDLE = NOW + ROWS / 2
AT_THE_MIDDLE = Cursor(MIDDLE, ROWS // 2)


@pytest.mark.parametrize(
    "single",
    [
        {},
        {"status": Status.SENT},
        {"status": Status.QUEUED},
        {"status": Status.FAILED},
        {"status": Status.READ},
        {"chat_id": "1@c.us"},
        {"chat_id": "nobody@c.us"},
        {"session": "s1"},
        {"owner": "shop"},
        {"owner": "nobody"},
        {"unconfirmed": True},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "time",
    [
        {},
        {"after": MIDDLE},
        {"before": MIDDLE},
        {"cursor": AT_THE_MIDDLE},
        {"after": NOW + 100, "before": MIDDLE},
        {"before": NOW + ROWS, "cursor": AT_THE_MIDDLE},
        {"before": MIDDLE - 1000, "cursor": AT_THE_MIDDLE},
        {"after": NOW + ROWS},
    ],
    ids=["", "after", "before", "cursor", "between", "page", "page-of-older", "nothing"],
)
def test_a_list_reads_no_more_rows_than_it_shows(
    journal: Journal, single: dict[str, Any], time: dict[str, Any]
) -> None:
    wanted = Filter(**single, **time)
    connection = journal.connection
    sql, values = queries.selection(wanted, LIMIT)
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert len(plan) == 1, "nothing is sorted"
    assert "USING INDEX messages_" in plan[0]
    steps, _ = cost(connection, lambda: queries.find(connection, wanted, LIMIT))
    assert steps < LIMIT * STEPS_PER_ROW


@pytest.mark.parametrize(
    "run",
    [
        lambda journal: queries.get(journal.connection, "m77"),
        lambda journal: queries.open_attempts(journal.connection),
        lambda journal: queries.queued(journal.connection, "normal", ROWS // 2, LIMIT),
        lambda journal: upkeep.expire_overdue(journal, "normal", 0, NOW, LIMIT),
        lambda journal: upkeep.expire_overdue(journal, "normal", 0, NOW + 99_999, LIMIT),
        lambda journal: upkeep.erase_texts(journal, MIDDLE, LIMIT),
        lambda journal: upkeep.erase_texts(journal, NOW, LIMIT),
        lambda journal: upkeep.purge(journal, MIDDLE, LIMIT),
        lambda journal: upkeep.purge(journal, NOW, LIMIT),
        lambda journal: upkeep.forget_keys(journal, ROWS / 2, LIMIT),
        lambda journal: upkeep.forget_keys(journal, 0, LIMIT),
        lambda journal: receipts.forget_acks(journal, MAX_ACKS / 2, LIMIT),
        lambda journal: receipts.forget_acks(journal, 0, LIMIT),
        lambda journal: upkeep.forget_histories(journal, 60 * ROWS / 2, LIMIT),
        lambda journal: upkeep.forget_histories(journal, 0, LIMIT),
        lambda journal: receipts.unconfirmed(journal.connection, "s1", NOW, LIMIT),
        lambda journal: receipts.unconfirmed(journal.connection, "s1", MIDDLE, LIMIT),
        lambda journal: receipts.unconfirmed(journal.connection, "nobody", NOW, LIMIT),
        lambda journal: receipts.flag_unconfirmed(journal, "s0", NOW, NOW + LIMIT),
    ],
)
def test_a_look_up_and_a_chunk_cost_what_they_yield(
    journal: Journal, run: Callable[[Journal], object]
) -> None:
    steps, scanned = cost(journal.connection, lambda: run(journal))
    assert steps < LIMIT * STEPS_PER_ROW
    assert scanned <= LIMIT, "only the chunk itself is gone through"


def test_texts_that_were_erased_are_not_looked_at_again(journal: Journal) -> None:
    while upkeep.erase_texts(journal, MIDDLE, 1000):
        pass
    steps, _ = cost(journal.connection, lambda: upkeep.erase_texts(journal, MIDDLE, LIMIT))
    assert steps < LIMIT


def test_what_was_flagged_is_not_gone_through_again(journal: Journal) -> None:
    late = NOW + ROWS
    counts = []
    while (count := receipts.flag_unconfirmed(journal, "s0", NOW, late)) > 0:
        counts.append(count)
    assert counts[0] == MAX_FLAGGED
    assert len(counts) > 3
    steps, _ = cost(journal.connection, lambda: receipts.flag_unconfirmed(journal, "s0", NOW, late))
    assert steps < LIMIT


def test_the_activity_reads_what_was_settled_within_a_day_alone(journal: Journal) -> None:
    recent, now = 300, NOW + ROWS - 300 + 86_400
    steps, scanned = cost(journal.connection, lambda: sessions.activity(journal.connection, now))
    assert steps < recent * STEPS_PER_ROW
    assert scanned <= recent
