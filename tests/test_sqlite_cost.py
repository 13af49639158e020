"""What the store on disk reads stays bounded, however many messages there are."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.contract.messages import NOW, draft
from tests.sqlite_cost import BATCH, LIMIT, ROWS, STEPS_PER_ROW, cost, filled, plan, taken_back
from trio_wa.adapters.acknowledgement import MAX_ACKS, MAX_FLAGGED
from trio_wa.adapters.sqlite import (
    acceptance,
    batches,
    cancellations,
    data,
    queries,
    receipts,
    schedule,
    sessions,
    suppressions,
    upkeep,
)
from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.core.status import Status
from trio_wa.ports import (
    Cursor,
    Filter,
    Suppression,
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
SOME = [f"m{n}" for n in range(LIMIT)]
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
        lambda journal: queries.queued(journal.connection, "bulk", ROWS // 2, LIMIT),
        lambda journal: queries.queued(journal.connection, "urgent", 0, LIMIT),
        lambda journal: schedule.release_due(journal, MIDDLE, LIMIT),
        lambda journal: schedule.release_due(journal, NOW, LIMIT),
        lambda journal: schedule.next_due(journal.connection),
        lambda journal: cancellations.cancel_batch(journal, "b7", NOW, LIMIT),
        lambda journal: cancellations.cancel_batch(journal, "nothing", NOW, LIMIT),
        lambda journal: suppressions.suppressions(journal.connection, "2", LIMIT),
        lambda journal: data.spent_data(journal.connection, LIMIT),
        lambda journal: data.holding_data(journal.connection, SOME),
        lambda journal: data.forget_data(journal, SOME),
        lambda journal: upkeep.expire_overdue(journal, "normal", 0, NOW, LIMIT),
        lambda journal: upkeep.expire_overdue(journal, "bulk", 0, NOW + 99_999, LIMIT),
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


def test_places_are_counted_along_the_indexes_of_what_holds_them(journal: Journal) -> None:
    lines = plan(journal.connection, lambda: queries.places(journal.connection))
    indexes = [line.split(" USING ")[1] for line in lines]
    assert [index.removeprefix("COVERING ").split(" (")[0] for index in indexes] == [
        "INDEX messages_queue",
        "INDEX messages_scheduled",
        "INDEX messages_status",
        "INDEX messages_asked",
    ]
    assert all(index.startswith("COVERING") for index in indexes[:2]), "no row is read for them"


def test_spent_and_scheduled_messages_are_found_by_indexes_that_hold_nothing_else(
    journal: Journal,
) -> None:
    connection = journal.connection
    steps, _ = cost(connection, lambda: data.spent_data(connection, 2 * ROWS))
    assert steps < ROWS
    while spent := data.spent_data(connection, 1000):
        data.forget_data(journal, spent)
    assert cost(connection, lambda: data.spent_data(connection, LIMIT))[0] < LIMIT
    while schedule.release_due(journal, NOW + ROWS, 1000):
        pass
    assert cost(connection, lambda: schedule.next_due(connection))[0] < LIMIT


@pytest.mark.parametrize(
    "run",
    [
        lambda journal: batches.batch(journal.connection, "b7"),
        lambda journal: queries.find(journal.connection, Filter(batch="b7"), LIMIT),
        lambda journal: queries.find(
            journal.connection, Filter(batch="b7", status=Status.SENT, chat_id="1@c.us"), LIMIT
        ),
    ],
)
def test_a_batch_is_read_without_any_other(
    journal: Journal, run: Callable[[Journal], object]
) -> None:
    steps, scanned = cost(journal.connection, lambda: run(journal))
    assert steps < BATCH * STEPS_PER_ROW
    assert scanned <= LIMIT, "only what was sorted"


def test_an_opt_out_reads_the_messages_of_that_person_alone(journal: Journal) -> None:
    theirs = ROWS // 100
    wanted = Suppression("7@c.us", NOW)
    steps, scanned = cost(journal.connection, lambda: cancellations.suppress(journal, wanted))
    assert steps < theirs * STEPS_PER_ROW
    assert scanned <= 3, "the names of one person"


def test_a_batch_is_accepted_at_a_row_and_its_indexes_for_each(journal: Journal) -> None:
    drafts = [draft(f"new{n}", chat_id=f"{n}@c.us", batch="new") for n in range(BATCH)]
    changed = journal.changes()
    steps, scanned = cost(journal.connection, lambda: acceptance.accept_all(journal, drafts))
    assert steps < 2 * BATCH * STEPS_PER_ROW
    assert scanned <= 3 * BATCH
    assert journal.changes() == changed + BATCH
