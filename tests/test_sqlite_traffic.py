"""Begins are counted with their transaction: once, whatever becomes of it, and at little cost."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import apsw
import pytest

from tests.contract.messages import NOW, draft
from tests.faulty_vfs import FaultyDisk
from trio_wa.adapters.sqlite import attempts, traffic
from trio_wa.adapters.sqlite.group import Accept
from trio_wa.adapters.sqlite.journal import Change, Journal
from trio_wa.adapters.sqlite.opening import open_journal
from trio_wa.core.message import Message
from trio_wa.core.outcome import Sent
from trio_wa.core.pace import History
from trio_wa.core.retry import Final
from trio_wa.core.status import Status
from trio_wa.ports import Attempt

MINUTE = 60.0 * (NOW // 60)


@pytest.fixture
def faulty(tmp_path: Path) -> FaultyDisk:
    return FaultyDisk(tmp_path / "store.db")


@pytest.fixture
def journal(tmp_path: Path, faulty: FaultyDisk) -> Iterator[Journal]:
    journal = open_journal(tmp_path / "store.db", faulty.mode)
    yield journal
    faulty.error = None
    journal.connection.close()


def sending(journal: Journal, count: int, *, chat_id: str = "1@c.us") -> list[Message]:
    """That many messages, each of which is being sent."""
    accepts = [Accept((draft(f"m{n}", chat_id=chat_id),)) for n in range(count)]
    journal.run(accepts)
    messages = list(journal.queued)
    begins: list[Change] = [
        partial(attempts.begin, message=message, session="one", at=MINUTE) for message in messages
    ]
    assert [done.result for done in journal.run(begins)] == [True] * count
    return messages


def settles(messages: list[Message]) -> list[Change]:
    """What settles them as sent; each began a second after the one before it."""
    return [
        partial(
            attempts.settle,
            message=message,
            attempt=Attempt("one", MINUTE + n, MINUTE + 60, Sent(f"3EB0{n}")),
            decision=Final(Status.SENT, waha_id=f"3EB0{n}"),
        )
        for n, message in enumerate(messages)
    ]


def begun(journal: Journal) -> tuple[tuple[float, int], ...]:
    histories = traffic.histories(journal.connection, MINUTE + 60)
    return histories.get("one", History()).begun


def failed(change: Change, journal: Journal) -> None:
    change(journal)
    raise RuntimeError("after all of it was done")


def test_a_batch_that_is_tried_twice_counts_once(journal: Journal) -> None:
    first, second, third = settles(sending(journal, 3))
    done = journal.run([first, partial(failed, third), second])
    assert [type(each.error) for each in done] == [type(None), RuntimeError, type(None)]
    assert begun(journal) == ((MINUTE + 1, 2),)
    assert traffic.histories(journal.connection, NOW)["one"].new == ((MINUTE, 1),)


def test_what_the_disk_did_not_take_is_not_counted(journal: Journal, faulty: FaultyDisk) -> None:
    batch = settles(sending(journal, 2))
    faulty.error = apsw.FullError()
    for _ in range(2):
        with pytest.raises(apsw.FullError):
            journal.run(batch)
    faulty.error = None
    assert begun(journal) == ()
    journal.run([Journal.probe])
    assert begun(journal) == (), "nor later, with another transaction"
    journal.run(batch)
    assert begun(journal) == ((MINUTE + 1, 2),)
    journal.run([Journal.probe])
    assert begun(journal) == ((MINUTE + 1, 2),)


def test_a_transaction_writes_one_row_for_a_session_and_minute(journal: Journal) -> None:
    messages = sending(journal, 50)
    before = journal.changes()
    journal.run(settles(messages))
    rows = journal.changes() - before
    assert begun(journal) == ((MINUTE + 49, 50),)
    assert rows == len(messages) + 1 + 1, "and one for the recipient"
