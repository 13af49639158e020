"""The messages that the store in memory holds, and the ways to find them."""

import itertools
from collections import OrderedDict

from trio_wa.adapters.memory_acks import Acks
from trio_wa.adapters.memory_contacts import Contacts
from trio_wa.adapters.memory_keys import Keys
from trio_wa.adapters.memory_queue import Queue
from trio_wa.adapters.memory_recipients import Recipients
from trio_wa.adapters.memory_row import Row
from trio_wa.adapters.memory_suppressions import Suppressions
from trio_wa.adapters.traffic import Traffic
from trio_wa.core.message import Message
from trio_wa.core.status import REACHED, Status
from trio_wa.ports import Draft, Event, Publish

_REACHED = tuple(REACHED)
"""A tuple, for the hash of a state takes longer than to compare it."""


class Table:
    """Every unsettled message, and of the settled ones the newest `max_settled`.

    What is dropped beyond them counts as purged. `spent` are the messages whose data can go: their
    rows may have gone before.
    """

    def __init__(self, publish: Publish, max_settled: int) -> None:
        self.publish = publish
        self.rows: dict[str, Row] = {}
        self.settled: OrderedDict[str, Row] = OrderedDict()
        self.queue = Queue()
        self.batches: dict[str, dict[str, Row]] = {}
        self.spent: dict[str, None] = {}
        self.keys = Keys(max_settled)
        self.acks = Acks()
        self.recipients = Recipients(max_settled)
        self.contacts = Contacts(max_settled)
        self.suppressions = Suppressions(self.contacts)
        self.traffic = Traffic()
        self.accepted = 0
        self.purged = 0
        self._max_settled = max_settled
        self._counter = itertools.count(1)
        self._borne: dict[tuple[str | None, str], Row] = {}

    def next(self) -> int:
        """A number that was never given before."""
        return next(self._counter)

    def record(self, draft: Draft) -> Row:
        """Record a new message, in its lane or scheduled."""
        row = Row.of(draft, self.next())
        self.rows[draft.id] = row
        self.accepted += 1
        if draft.batch is not None:
            self.batches.setdefault(draft.batch, {})[draft.id] = row
        if row.scheduled and draft.send_at is not None:
            self.queue.schedule(row, draft.send_at)
        else:
            self.queue.enter(row)
        return row

    def queued(self, message: Message) -> Row | None:
        """The row of a message if it is queued, in the place that the message has."""
        row = self.rows.get(message.id)
        if row is None or row.status is not Status.QUEUED or row.seq != message.seq:
            return None
        return row

    def bearer(self, session: str, waha_id: str) -> Row | None:
        """The message that bears the id over the session."""
        return self._borne.get((session, waha_id))

    def bear(self, row: Row, session: str | None, waha_id: str | None) -> None:
        """Give a message another session and id."""
        if row.waha_id is not None:
            self._release(row)
        row.session, row.waha_id = session, waha_id
        if waha_id is not None:
            self._borne[session, waha_id] = row

    def finish(self, row: Row, event: Event) -> None:
        """Bring a message to a settled state, or from one to another."""
        if row.settled_at is None:
            row.settled_at = event.at
            self.queue.leave(row)
            if row.has_data:
                self.spent[row.draft.id] = None
            self.settled[row.draft.id] = row
        row.enter(event)
        if event.status in _REACHED and row.session is not None:
            self.recipients.learn(row.session, row.draft.chat_id)
        if len(self.settled) > self._max_settled:
            self.delete(next(iter(self.settled)))

    def requeue(self, row: Row, event: Event) -> None:
        """Queue a settled message again, behind all others, and publish it."""
        del self.settled[row.draft.id]
        row.seq, row.due_at, row.settled_at = self.next(), 0.0, None
        row.ack = row.confirmation = None
        row.enter(event)
        self.queue.enter(row)
        self.publish(self.message(row))

    def message(self, row: Row) -> Message:
        """The message in a row, as the dispatcher carries it."""
        return row.message(self.recipients.known_to(row.draft.chat_id))

    def delete(self, message_id: str) -> None:
        """Delete a settled message for good."""
        row = self.settled.pop(message_id)
        self._release(row)
        self._leave_batch(row)
        del self.rows[message_id]
        self.purged += 1

    def _leave_batch(self, row: Row) -> None:
        batch = row.draft.batch
        if batch is not None:
            del self.batches[batch][row.draft.id]
            if not self.batches[batch]:
                del self.batches[batch]

    def _release(self, row: Row) -> None:
        if row.waha_id is not None and self._borne.get((row.session, row.waha_id)) is row:
            del self._borne[row.session, row.waha_id]
