"""A change of one message costs the store on disk the same, however many messages there are."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.contract.messages import NOW, draft
from tests.sqlite_cost import STEPS_PER_ROW, cost, filled, plan, taken_back
from trio_wa.adapters.acknowledgement import MAX_ACKS
from trio_wa.adapters.sqlite import (
    acceptance,
    attempts,
    cancellations,
    changes,
    data,
    receipts,
    recipients,
    sessions,
    suppressions,
    traffic,
)
from trio_wa.adapters.sqlite.journal import Journal
from trio_wa.core.content import Text
from trio_wa.core.message import Message
from trio_wa.core.outcome import Sent
from trio_wa.core.retry import Decision, Final, Inquire, Requeue
from trio_wa.core.status import Status
from trio_wa.ports import (
    Attempt,
    Receipt,
    SessionMemory,
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


def sending(journal: Journal) -> Message:
    """A message that is being sent under the id of its name."""
    message = replace(FIRST, waha_id="3EB0new")
    assert attempts.begin(journal, message, "s1", NOW)
    return message


def asked(journal: Journal) -> Message:
    """A message that is being looked up."""
    message = sending(journal)
    attempts.settle(journal, message, ATTEMPT, Inquire("timeout", "?"))
    return message


def unwanted(journal: Journal) -> Message:
    """A message that is being sent to somebody who wants none by now."""
    message = sending(journal)
    journal.cursor.execute("INSERT INTO suppressions VALUES (?, 0, '', '')", (message.chat_id,))
    return message


FIRST = Message("m3", 3, "3@c.us", Text("Hello"), NOW, NOW + 86_400)
ATTEMPT = Attempt("s1", NOW, NOW + 1, Sent("3EB0new"))
AGAIN = Requeue(FIRST, "timeout", "?")


@pytest.mark.parametrize(
    "run",
    [
        lambda journal: acceptance.accept_all(journal, [draft("new")]),
        lambda journal: acceptance.accept_all(journal, [draft("new", send_at=NOW + 1, batch="b7")]),
        lambda journal: acceptance.accept_all(journal, [draft("new", chat_id="7@g.us")]),
        lambda journal: cancellations.cancel(journal, "m3", NOW),
        lambda journal: cancellations.cancel(journal, "m12", NOW),
        lambda journal: cancellations.suppress(journal, Suppression("new@c.us", NOW)),
        lambda journal: suppressions.allow(journal, "7@g.us"),
        lambda journal: suppressions.suppressed(journal.connection, "7@c.us"),
        lambda journal: data.forget_data(journal, ["m2"]),
        sending,
        lambda journal: attempts.settle(journal, sending(journal), ATTEMPT, Final(Status.SENT)),
        lambda journal: attempts.settle(
            journal, sending(journal), ATTEMPT, Final(Status.SENT, waha_id="x77")
        ),
        lambda journal: attempts.settle(journal, sending(journal), ATTEMPT, AGAIN),
        lambda journal: attempts.resolve(journal, asked(journal), "s1", NOW, Final(Status.SENT)),
        lambda journal: attempts.resolve(journal, asked(journal), "s1", NOW, AGAIN),
        lambda journal: attempts.settle(journal, unwanted(journal), ATTEMPT, AGAIN),
        lambda journal: changes.retry(journal, "m1001", NOW, NOW + 1),
        lambda journal: receipts.resend(journal, "m5", NOW),
        lambda journal: receipts.mark_unconfirmed(journal, "m5", NOW),
        lambda journal: receipts.receive(journal, Receipt("s1", "3EB05", 2, NOW)),
        lambda journal: receipts.receive(journal, Receipt("s1", "3EB05", 1, NOW)),
        lambda journal: receipts.receive(journal, Receipt("s1", "new", 2, NOW)),
        lambda journal: receipts.receive(journal, Receipt("s1", "x77", 2, NOW)),
        lambda journal: sessions.remember_session(journal, "s1", SessionMemory()),
        lambda journal: sessions.remember_contact(journal, "1@c.us", "2@c.us"),
        lambda journal: sessions.contact(journal.connection, "1@c.us"),
        lambda journal: acceptance.accept_all(journal, [draft("new", chat_id=FIRST.chat_id)]),
        lambda journal: recipients.remember_recipient(journal, "s1", "new@c.us"),
        lambda journal: recipients.remember_recipient(journal, "s1", FIRST.chat_id),
        lambda journal: traffic.add(journal.cursor, [("s1", NOW, True)]),
        lambda journal: traffic.add(journal.cursor, [("s1", 60.0, False)]),
    ],
)
def test_a_change_of_one_message_costs_the_same_however_many_there_are(
    journal: Journal, run: Callable[[Journal], object]
) -> None:
    changed = journal.changes()
    steps, scanned = cost(journal.connection, lambda: run(journal))
    assert steps < 5 * STEPS_PER_ROW
    assert scanned == 0
    assert journal.changes() > changed or steps < STEPS_PER_ROW, "it did something"


@pytest.mark.parametrize("ack", [1, 2])
def test_an_ack_that_comes_twice_writes_nothing(journal: Journal, ack: int) -> None:
    receipts.receive(journal, Receipt("s1", "3EB05", ack, NOW))
    receipts.receive(journal, Receipt("s1", "x77", ack, NOW))
    changed = journal.changes()
    receipts.receive(journal, Receipt("s1", "3EB05", ack, NOW))
    receipts.receive(journal, Receipt("s1", "x77", ack, NOW))
    assert journal.changes() == changed


@pytest.mark.parametrize(("session", "written"), [("s1", 1), ("s0", 2)], ids=["known", "new"])
def test_a_settle_writes_a_recipient_only_if_it_was_not_known(
    journal: Journal, session: str, written: int
) -> None:
    message = sending(journal)
    changed = journal.changes()
    attempt = replace(ATTEMPT, session=session)
    attempts.settle(journal, message, attempt, Final(Status.SENT))
    assert journal.changes() == changed + written


@pytest.mark.parametrize(
    ("decision", "looks"),
    [(Final(Status.SENT), False), (Inquire("timeout", "?"), False), (AGAIN, True)],
)
def test_only_a_settle_that_queues_again_looks_who_wants_no_messages(
    journal: Journal, decision: Decision, *, looks: bool
) -> None:
    message = sending(journal)
    read = plan(journal.connection, lambda: attempts.settle(journal, message, ATTEMPT, decision))
    assert read
    assert any("suppressions" in each for each in read) == looks


def test_only_the_newest_acks_are_kept(journal: Journal) -> None:
    for n in range(3):
        receipts.receive(journal, Receipt("s1", f"new{n}", 2, NOW))
    kept = journal.connection.execute("SELECT count(*), min(number) FROM acks").fetchone()
    assert kept == (MAX_ACKS, 4)
