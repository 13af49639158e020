"""Begins, settles and accepts that are made together, those alike as one statement."""

# ruff: noqa: S608 - the SQL is put together from constants, its values are always bound

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from trio_wa.adapters.sqlite import acceptance, attempts, many
from trio_wa.adapters.sqlite.history import append, line
from trio_wa.adapters.sqlite.journal import Change, Journal
from trio_wa.adapters.sqlite.recipients import learn_all
from trio_wa.adapters.sqlite.rows import storable_or_none
from trio_wa.adapters.traffic import counts
from trio_wa.core.contacts import is_person
from trio_wa.core.message import Message
from trio_wa.core.retry import Decision, Final
from trio_wa.core.status import Status
from trio_wa.ports import Acceptance, Attempt, Draft, Event

_BEGIN = f"""
UPDATE messages
SET status = 'sending', session = each.column3, waha_id = each.column4,
    history = {append("each.column2")}
FROM {many.ROWS} AS each
WHERE id = each.column1 AND seq = each.column5 AND status = 'queued'
"""
_SETTLE = f"""
UPDATE messages
SET status = 'sent', session = each.column3, code = NULL, detail = NULL,
    waha_id = coalesce(each.column4, waha_id), settled_at = each.column5,
    history = {append("each.column2")}
FROM {many.ROWS} AS each
WHERE id = each.column1 AND status = 'sending' AND ack IS NULL AND NOT EXISTS (
    SELECT 1 FROM acks
    WHERE acks.waha_id = coalesce(each.column4, messages.waha_id) AND acks.session = each.column3
)
"""
_MADE = f"""
SELECT group_concat(each.column1) FROM {many.ROWS} AS each CROSS JOIN messages
WHERE id = each.column2 AND status = each.column3
    AND substr(history, -length(each.column4)) = each.column4
"""
"""Which of the rows are in such a state, and came to it by such an event."""


class Uneven(Exception):
    """It cannot be told which changes of a group were made: each has to be made by itself."""


@dataclass(frozen=True, slots=True)
class Accept:
    """Messages that are accepted in one step."""

    drafts: Sequence[Draft]

    def __call__(self, journal: Journal) -> list[Acceptance]:
        """Record them by themselves."""
        return acceptance.accept_all(journal, self.drafts)


@dataclass(frozen=True, slots=True)
class Begin:
    """The begin of an attempt."""

    message: Message
    session: str
    at: float

    def __call__(self, journal: Journal) -> bool:
        """Record it by itself."""
        return attempts.begin(journal, self.message, self.session, self.at)


@dataclass(frozen=True, slots=True)
class Settle:
    """The end of an attempt, and what follows from it."""

    message: Message
    attempt: Attempt
    decision: Decision

    @property
    def plain(self) -> bool:
        """Whether it is as nearly all are: the message was sent."""
        decision = self.decision
        return (
            isinstance(decision, Final)
            and decision.status is Status.SENT
            and decision.code is None
            and decision.detail is None
            and counts(self.attempt)
        )

    def __call__(self, journal: Journal) -> Status:
        """Record it by itself."""
        return attempts.settle(journal, self.message, self.attempt, self.decision)


Results: TypeAlias = list[object]


@dataclass(slots=True)
class Group:
    """Changes of different messages, so that it is the same in which order they are made."""

    accepts: list[tuple[int, Accept]] = field(default_factory=list)
    begins: list[tuple[int, Begin]] = field(default_factory=list)
    settles: list[tuple[int, Settle]] = field(default_factory=list)
    messages: set[str] = field(default_factory=set)

    def add(self, place: int, change: Change) -> bool:
        """Take in a change whose result belongs to that place; False if it has to come later."""
        match change:
            case Accept(drafts):
                ids = {draft.id for draft in drafts}
                if not self.messages.isdisjoint(ids):
                    return False
                self.messages |= ids
                self.accepts.append((place, change))
            case Begin(message):
                if message.id in self.messages:
                    return False
                self.messages.add(message.id)
                self.begins.append((place, change))
            case Settle(message) if change.plain:
                if message.id in self.messages:
                    return False
                self.messages.add(message.id)
                self.settles.append((place, change))
            case _:
                return False
        return True

    def run(self, journal: Journal, results: Results) -> None:
        """Make them all. Raises `Uneven`.

        Accepts are the last, so that they know whom the others have written to.
        """
        _each(_settle_all, journal, self.settles, results)
        _each(_begin_all, journal, self.begins, results)
        _each(_accept_all, journal, self.accepts, results)


def run_all(journal: Journal, changes: Sequence[Change]) -> Results:
    """Make the changes as if each came after the one before; their results. Raises `Uneven`."""
    results: Results = [None] * len(changes)
    group = Group()
    for place, change in enumerate(changes):
        if group.add(place, change):
            continue
        group.run(journal, results)
        group = Group()
        if not group.add(place, change):
            results[place] = change(journal)
    group.run(journal, results)
    return results


def _each(
    together: Callable[[Journal, list[Any]], Sequence[object]],
    journal: Journal,
    placed: Sequence[tuple[int, Change]],
    results: Results,
) -> None:
    if len(placed) == 1:
        [(place, change)] = placed
        results[place] = change(journal)
    elif placed:
        made = together(journal, [change for _, change in placed])
        for (place, _), result in zip(placed, made, strict=True):
            results[place] = result


def _accept_all(journal: Journal, accepts: list[Accept]) -> list[list[Acceptance]]:
    drafts = [draft for accept in accepts for draft in accept.drafts]
    answers = iter(acceptance.accept_all(journal, drafts))
    return [[next(answers) for _ in accept.drafts] for accept in accepts]


def _begin_all(journal: Journal, begins: list[Begin]) -> list[bool]:
    rows = [
        (
            begin.message.id,
            line(Event(begin.at, Status.SENDING, begin.session)),
            begin.session,
            storable_or_none(begin.message.waha_id),
            begin.message.seq,
        )
        for begin in begins
    ]
    made = _made(journal, _BEGIN, rows, Status.SENDING)
    return [place in made for place in range(len(begins))]


def _settle_all(journal: Journal, settles: list[Settle]) -> list[Status]:
    made = _made(journal, _SETTLE, [_sent(settle) for settle in settles], Status.SENT)
    _count(journal, [settle for place, settle in enumerate(settles) if place in made])
    return [
        Status.SENT if place in made else settle(journal) for place, settle in enumerate(settles)
    ]


def _sent(settle: Settle) -> tuple[Any, ...]:
    attempt, session = settle.attempt, settle.attempt.session
    event = Event(attempt.ended_at, Status.SENT, session, None, None, attempt.began_at)
    named = (
        storable_or_none(settle.decision.waha_id) if isinstance(settle.decision, Final) else None
    )
    return (settle.message.id, line(event), session, named, attempt.ended_at)


def _made(
    journal: Journal, sql: str, rows: Sequence[tuple[Any, ...]], status: Status
) -> Container[int]:
    """Run the update `sql` of the rows, each an id, an event and more; which it changed."""
    changed = many.update(journal.connection, sql, rows)
    if changed == len(rows):
        return range(len(rows))
    marks = [(place, row[0], status, row[1]) for place, row in enumerate(rows)]
    answers = many.execute(journal.cursor, _MADE, marks)
    made = {int(place) for (text,) in answers if text for place in text.split(",")}
    if len(made) != changed:
        raise Uneven
    return made


def _count(journal: Journal, sent: list[Settle]) -> None:
    """Count the attempts, and note that their recipients are known."""
    strangers = [
        (settle.message.chat_id, settle.attempt.session)
        for settle in sent
        if settle.attempt.session not in settle.message.known_to
    ]
    learnt = learn_all(journal, strangers)
    for settle in sent:
        contact = settle.message.chat_id, settle.attempt.session
        new = contact in learnt
        learnt.discard(contact)
        begin = (settle.attempt.session, settle.attempt.began_at, new and is_person(contact[0]))
        journal.begun.append(begin)
