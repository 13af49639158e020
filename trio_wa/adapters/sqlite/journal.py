"""The one connection that writes: a batch of changes is one transaction."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import apsw

from trio_wa.adapters.sqlite.disk import CONDITIONS, DAMAGE
from trio_wa.adapters.sqlite.traffic import Begin, add
from trio_wa.core.message import Message


@dataclass(frozen=True, slots=True)
class Done:
    """What one change came to: its result, or the error that left it out."""

    result: object = None
    error: Exception | None = None


@dataclass(slots=True)
class Totals:
    """What was ever accepted and purged, and the highest number that was given."""

    accepted: int
    purged: int
    number: int

    def next(self) -> int:
        """A number that was never given before."""
        self.number += 1
        return self.number


@dataclass(slots=True)
class Journal:
    """Runs changes in one transaction at a time; used by the writer's thread alone.

    Changes find the cursor to work with, the totals, and the lists of what they queued
    and of the begins that count. Totals and begins are written once, before the commit.
    `suppresses` is False while it is sure that nobody is on the list of who wants no messages.
    """

    connection: apsw.Connection
    cursor: apsw.Cursor = field(init=False)
    totals: Totals = field(init=False)
    queued: list[Message] = field(default_factory=list)
    begun: list[Begin] = field(default_factory=list)
    suppresses: bool = field(init=False)

    def __post_init__(self) -> None:
        self.cursor = self.connection.cursor()
        self.totals = Totals(*self._saved())
        found = self.cursor.execute("SELECT 1 FROM suppressions LIMIT 1").fetchone()
        self.suppresses = found is not None

    def run(self, changes: "Sequence[Change]", together: "Together | None" = None) -> list[Done]:
        """Make all the changes durable, each with its own result or error.

        A change that fails leaves the others alone. `together` makes many at once, if none fails.
        Raises the errors of `CONDITIONS` and `DAMAGE`; then nothing is changed.
        """
        try:
            with self._transaction():
                if together is not None:
                    return [Done(result) for result in together(self, changes)]
                return [Done(change(self)) for change in changes]
        except (*CONDITIONS, *DAMAGE):
            raise
        except Exception:  # noqa: BLE001 - whatever one change did wrong, its batch goes on
            with self._transaction():
                return [self._alone(change) for change in changes]

    def changed(self) -> bool:
        """Whether the last statement changed a row."""
        return self.connection.changes() > 0

    def changes(self) -> int:
        """How many rows were ever changed: what changes none does not touch the disk."""
        return self.connection.total_changes()

    def probe(self) -> None:
        """Write something that alters nothing."""
        self.cursor.execute("UPDATE totals SET accepted = accepted")

    def _alone(self, change: "Change") -> Done:
        totals, queued, begun = self._copy(), len(self.queued), len(self.begun)
        self.cursor.execute("SAVEPOINT alone")
        try:
            done = Done(change(self))
        except (*CONDITIONS, *DAMAGE):
            raise
        except Exception as error:  # noqa: BLE001 - its caller gets it
            self.cursor.execute("ROLLBACK TO alone")
            self.totals = totals
            del self.queued[queued:]
            del self.begun[begun:]
            done = Done(error=error)
        self.cursor.execute("RELEASE alone")
        return done

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        totals = self._copy()
        self.queued.clear()
        self.begun.clear()
        self._roll_back()
        try:
            self.cursor.execute("BEGIN IMMEDIATE")
            yield
            add(self.cursor, self.begun)
            if self.totals != totals:
                self.cursor.execute(
                    "UPDATE totals SET accepted = ?, purged = ?, number = ?",
                    (self.totals.accepted, self.totals.purged, self.totals.number),
                )
            self.cursor.execute("COMMIT")
        except BaseException:
            self.totals = totals
            self.queued.clear()
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self.connection.in_transaction:  # SQLite may have rolled back by itself
            self.cursor.execute("ROLLBACK")

    def _copy(self) -> Totals:
        return Totals(self.totals.accepted, self.totals.purged, self.totals.number)

    def _saved(self) -> tuple[Any, ...]:
        rows = self.cursor.execute("SELECT accepted, purged, number FROM totals").fetchall()
        if len(rows) != 1:
            raise apsw.CorruptError("the totals are missing")
        return rows[0]


Change: TypeAlias = Callable[[Journal], object]
"""One change of the database, made within a transaction; it may be tried twice."""

Together: TypeAlias = Callable[[Journal, Sequence[Change]], Sequence[object]]
"""Makes changes as if each came after the one before; gives their results."""
