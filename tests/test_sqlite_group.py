"""Changes that are alike and come together are one statement, and each has its own answer."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import apsw
import pytest

from tests.contract.messages import NOW, draft
from trio_wa.adapters.sqlite import cancellations, receipts
from trio_wa.adapters.sqlite.group import Accept, Begin, Settle, run_all
from trio_wa.adapters.sqlite.journal import Change, Journal
from trio_wa.adapters.sqlite.opening import Mode, open_journal
from trio_wa.core.message import Message
from trio_wa.core.outcome import Sent, Unknown
from trio_wa.core.retry import Final, Inquire, Requeue
from trio_wa.core.status import Status
from trio_wa.ports import Attempt, Receipt

SENT = Final(Status.SENT, waha_id="3EB0")
ATTEMPT = Attempt("one", NOW + 1, NOW + 2, Sent("3EB0"))
UNKNOWN = Attempt("one", NOW + 1, NOW + 2, Unknown("timeout", "?"))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = open_journal(tmp_path / "store.db", Mode(synchronous="OFF"))
    yield journal
    journal.connection.close()


def run(journal: Journal, *changes: Change) -> list[object]:
    return [done.error or done.result for done in journal.run(changes, run_all)]


def accept(journal: Journal, *ids: str) -> list[Message]:
    run(journal, *(Accept((draft(each, chat_id=f"{each}@c.us"),)) for each in ids))
    return list(journal.queued)


def begin(message: Message) -> Begin:
    return Begin(message, "one", NOW + 1)


def statuses(journal: Journal) -> dict[str, str]:
    return dict(journal.connection.execute("SELECT id, status FROM messages"))


def statements(journal: Journal, *changes: Change) -> int:
    seen: list[str] = []

    def trace(_: apsw.Cursor, sql: str, _values: object) -> bool:
        seen.append(sql)
        return True

    journal.connection.exec_trace = trace
    done = journal.run(changes, run_all)
    journal.connection.exec_trace = None
    assert [each.error for each in done] == [None] * len(changes)
    return len(seen)


def test_a_hundred_that_are_alike_take_as_few_statements_as_two(journal: Journal) -> None:
    accepts = [Accept((draft(f"{n}"),)) for n in range(102)]
    counts = [statements(journal, *accepts[:2]), statements(journal, *accepts[2:])]
    messages = list(journal.queued)
    begins = [begin(message) for message in messages]
    counts += [statements(journal, *begins[:2]), statements(journal, *begins[2:])]
    settles = [Settle(message, ATTEMPT, SENT) for message in messages]
    counts += [statements(journal, *settles[:2]), statements(journal, *settles[2:])]
    assert max(counts) <= 6
    assert sorted(statuses(journal).values()) == ["queued"] * 2 + ["sent"] * 100


def test_those_that_cannot_be_made_are_told_apart(journal: Journal) -> None:
    a, b, c, d = accept(journal, *"abcd")
    assert run(journal, partial(cancellations.cancel, message_id="b", at=NOW)) == ["normal"]
    moved = replace(c, seq=99)
    nobody = replace(a, id="nobody")
    answers = run(journal, *map(begin, (a, b, moved, d, nobody)))
    assert answers == [True, False, False, True, False]
    assert statuses(journal) == {"a": "sending", "b": "cancelled", "c": "queued", "d": "sending"}


def test_a_begin_that_is_made_twice_succeeds_once(journal: Journal) -> None:
    a, b, c = accept(journal, *"abc")
    assert run(journal, begin(a), begin(a), begin(b)) == [True, False, True]
    assert run(journal, begin(a), begin(b), begin(c)) == [False, False, True]
    assert statuses(journal) == dict.fromkeys("abc", "sending")


def test_each_comes_after_the_one_of_the_same_message_before(journal: Journal) -> None:
    [a] = accept(journal, "a")
    again = replace(a, deferrals=1)
    requeue = Settle(a, UNKNOWN, Requeue(again, "timeout", "?"))
    answers = run(journal, begin(a), requeue, begin(again), Settle(again, ATTEMPT, SENT))
    assert answers == [True, Status.QUEUED, True, Status.SENT]
    [b] = [replace(a, id="b", seq=2)]
    assert run(journal, begin(b), Accept((draft("b"),)), begin(b))[::2] == [False, True]


def test_a_settle_joins_an_ack_that_came_in_the_same_batch(journal: Journal) -> None:
    messages = accept(journal, *"abc")
    run(journal, *map(begin, messages))
    settles = [
        Settle(message, ATTEMPT, replace(SENT, waha_id=f"3EB0{message.id}")) for message in messages
    ]
    ack = partial(receipts.receive, receipt=Receipt("one", "3EB0b", 3, NOW + 2))
    assert run(journal, ack, *settles) == [None, Status.SENT, Status.READ, Status.SENT]
    assert statuses(journal) == {"a": "sent", "b": "read", "c": "sent"}
    assert run(journal, *settles) == [Status.SENT, Status.READ, Status.SENT]


def test_what_else_there_is_between_keeps_its_turn(journal: Journal) -> None:
    a, b = accept(journal, *"ab")
    cancel = partial(cancellations.cancel, message_id="b", at=NOW)
    assert run(journal, begin(a), cancel, begin(b)) == [True, "normal", False]
    inquire = Settle(a, UNKNOWN, Inquire("timeout", "?"))
    assert run(journal, inquire, Settle(b, ATTEMPT, SENT)) == [Status.UNKNOWN, Status.CANCELLED]


@pytest.mark.parametrize("text", ["\0", "a\0b", "𝄞", "\x7f"])
def test_any_text_is_kept_as_it_is(journal: Journal, text: str) -> None:
    ids = [f"{text}{n}" for n in range(3)]
    messages = accept(journal, *ids)
    assert [message.id for message in messages] == ids
    begins = [replace(begin(message), session=text) for message in messages]
    assert run(journal, *begins) == [True] * 3
    attempt = replace(ATTEMPT, session=text)
    settles = [Settle(message, attempt, replace(SENT, waha_id=text)) for message in messages]
    assert run(journal, *settles) == [Status.SENT] * 3
    rows = journal.connection.execute("SELECT id, session, waha_id FROM messages").fetchall()
    assert rows == [(each, text, text) for each in ids]
    run(journal, *(Accept((draft(f"again {each}", chat_id=f"{each}@c.us"),)) for each in ids))
    assert [message.known_to for message in journal.queued] == [(text,)] * 3


def test_a_lone_surrogate_harms_nobody_else(journal: Journal) -> None:
    a, b, c = accept(journal, *"abc")
    answers = run(journal, begin(a), replace(begin(b), session="\ud800"), begin(c))
    assert [answers[0], answers[2]] == [True, True]
    assert isinstance(answers[1], UnicodeEncodeError)
    settles = [Settle(message, ATTEMPT, replace(SENT, waha_id="\ud800")) for message in (a, b, c)]
    assert run(journal, *settles) == [Status.SENT, Status.QUEUED, Status.SENT]


def test_only_the_first_send_to_a_contact_is_to_a_new_one(journal: Journal) -> None:
    run(journal, *(Accept((draft(f"{n}", chat_id=f"{n % 2}@c.us"),)) for n in range(6)))
    messages = list(journal.queued)
    run(journal, *map(begin, messages))
    run(journal, *(Settle(message, ATTEMPT, SENT) for message in messages[:4]))
    assert [new for _, _, new in journal.begun] == [True, True, False, False]
    run(journal, *(Settle(message, ATTEMPT, SENT) for message in messages[4:]))
    assert [new for _, _, new in journal.begun] == [False, False]


def test_a_long_timeline_loses_its_oldest_quarter_in_a_group_too(journal: Journal) -> None:
    messages = accept(journal, *"ab")
    lines = [f'[{n},"queued"]\n' for n in range(800)]
    journal.connection.execute("UPDATE messages SET history = ?", ("".join(lines),))
    assert run(journal, *map(begin, messages)) == [True, True]
    for row in journal.connection.execute("SELECT history FROM messages"):
        kept = str(row[0]).splitlines()
        assert kept[0] in {each.rstrip() for each in lines[100:]}
        assert kept[-1] == f'[{NOW + 1!r},"sending","one"]'
