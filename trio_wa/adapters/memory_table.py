"""The messages that the store in memory holds, and the ways to find them."""

import itertools
from collections.abc import Iterator

from trio_wa.adapters.memory_acks import Acks
from trio_wa.adapters.memory_keys import Keys
from trio_wa.adapters.memory_recipients import Recipients
from trio_wa.adapters.memory_row import Row
from trio_wa.adapters.traffic import Traffic
from trio_wa.core.message import Message
from trio_wa.core.status import REACHED, Status
from trio_wa.ports import Event, Publish


class Table:
    """Every unsettled message, and of the settled ones the newest `max_settled`.

    What is dropped beyond them counts as purged.
    """

    def __init__(self, publish: Publish, max_settled: int) -> None:
        self.publish = publish
        self.rows: dict[str, Row] = {}
        self.settled: dict[str, Row] = {}
        self.keys = Keys(max_settled)
        self.acks = Acks()
        self.recipients = Recipients(max_settled)
        self.traffic = Traffic()
        self.accepted = 0
        self.purged = 0
        self._max_settled = max_settled
        self._counter = itertools.count(1)
        self._borne: dict[tuple[str | None, str], Row] = {}

    def next(self) -> int:
        """A number that was never given before."""
        return next(self._counter)

    def queue(self) -> Iterator[Row]:
        """The queued messages, in no particular order."""
        return (row for row in self.rows.values() if row.status is Status.QUEUED)

    def bearer(self, session: str, waha_id: str) -> Row | None:
        """The message that bears the id over the session."""
        return self._borne.get((session, waha_id))

    def bear(self, row: Row, session: str | None, waha_id: str | None) -> None:
        """Give a message another session and id."""
        self._release(row)
        row.session, row.waha_id = session, waha_id
        if waha_id is not None:
            self._borne[session, waha_id] = row

    def finish(self, row: Row, event: Event) -> None:
        """Bring a message to a settled state, or from one to another."""
        if row.settled_at is None:
            row.settled_at = event.at
            self.settled[row.draft.id] = row
        row.enter(event)
        if event.status in REACHED and row.session is not None:
            self.recipients.learn(row.session, row.draft.chat_id)
        if len(self.settled) > self._max_settled:
            self.delete(next(iter(self.settled)))

    def requeue(self, row: Row, event: Event) -> None:
        """Queue a settled message again, behind all others, and publish it."""
        del self.settled[row.draft.id]
        row.seq, row.due_at, row.settled_at = self.next(), 0.0, None
        row.ack = row.confirmation = None
        row.enter(event)
        self.publish(self.message(row))

    def message(self, row: Row) -> Message:
        """The message in a row, as the dispatcher carries it."""
        return row.message(self.recipients.known_to(row.draft.chat_id))

    def delete(self, message_id: str) -> None:
        """Delete a settled message for good."""
        row = self.settled.pop(message_id)
        self._release(row)
        del self.rows[message_id]
        self.purged += 1

    def _release(self, row: Row) -> None:
        if row.waha_id is not None and self._borne.get((row.session, row.waha_id)) is row:
            del self._borne[row.session, row.waha_id]
