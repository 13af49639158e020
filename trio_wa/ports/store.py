"""Where messages are recorded, and what is known of sessions and contacts."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from trio_wa.core.message import Message, Priority
from trio_wa.core.pace import History
from trio_wa.core.retry import Decision, Final, Requeue
from trio_wa.core.status import Status
from trio_wa.ports.acceptance import (
    Acceptance,
    Draft,
    KeyReused,
    Place,
    Replayed,
    Suppression,
)
from trio_wa.ports.records import (
    Activity,
    Attempt,
    Batch,
    Filter,
    Ledger,
    Moved,
    OpenAttempt,
    Receipt,
    Record,
    SessionMemory,
    Unconfirmed,
)


class StoreUnavailable(Exception):
    """The store can write nothing now; whoever asked loses nothing and may ask again."""


class StoreUnusable(Exception):
    """The store cannot be opened; one line says why and what would be right."""


class ReceiptStore(Protocol):
    """What the store learns of messages once they have gone out."""

    async def receive(self, receipt: Receipt) -> Moved | None:
        """Record an ack, by `core.status.acknowledged`; None if no message changed its state.

        It belongs to the message whose last attempt went out under that id over that session. One
        that is being sent keeps it for the end of its attempt; one that no message bears yet is
        kept for a while, the newest 10,000, and joined to a `settle` that names its id.
        """

    async def unconfirmed(
        self, session: str, sent_after: float, limit: int
    ) -> Sequence[Unconfirmed]:
        """The messages over `session` that wait for a first ack and were not looked up, by age.

        Only those that are `sent`, bear an id, and were settled after `sent_after`.
        """

    async def flag_unconfirmed(self, session: str, sent_after: float, sent_before: float) -> int:
        """Flag what still waits for a first ack and was settled between the times; says how many.

        A call flags 1,000 at most, so that it stays short. They are still among `unconfirmed`, for
        they were not looked up.
        """

    async def mark_unconfirmed(self, message_id: str, at: float) -> bool:
        """Flag a `sent` message that was looked up in vain; False if an ack came meanwhile."""

    async def resend(self, message_id: str, at: float) -> bool:
        """Queue a `sent` message without an ack again, under its id, and publish it.

        Once at most, before it expires and while its content is kept, and not to somebody who wants
        no messages, unless it ignores that; False otherwise, and if it came with the data of a
        file, which go once it is sent.
        """

    async def forget_acks(self, before: float, limit: int) -> int:
        """Forget acks that no message bore; says how many."""


class SessionStore(Protocol):
    """What the store remembers of sessions and contacts."""

    async def remember_session(self, session: str, memory: SessionMemory) -> None:
        """Record what outlives a restart of a session."""

    async def session_memories(self) -> Mapping[str, SessionMemory]:
        """What was recorded of each session."""

    async def activity(self, now: float) -> Mapping[str, Activity]:
        """What each session sent lately; one that sent nothing for a day may be absent."""

    async def histories(self, now: float) -> Mapping[str, History]:
        """What each session has sent, for its pace: the begins of the 24 hours up to `now`.

        What counts is an attempt that was settled as `Sent` or `Unknown`, by the time at which it
        began; begins of the same minute may be given as one, at the latest of them. It outlives the
        messages, and comes from the same transaction as their `settle`.
        """

    async def remember_recipient(self, session: str, chat_id: str) -> None:
        """Record that a recipient is known to a session, as after a message of theirs.

        Otherwise that happens as a message to them becomes `sent`, and outlives it. `accept` and
        `queued` give the sessions to which a recipient is known as `Message.known_to`.
        """

    async def forget_histories(self, before: float, limit: int) -> int:
        """Forget begins of before; says of how many minutes. When each session began, stays."""

    async def contact(self, chat_id: str) -> str | None:
        """The chat id under which WhatsApp knows a recipient; None if that was never asked."""

    async def remember_contact(self, chat_id: str, known_as: str) -> None:
        """Record as whom WhatsApp knows a recipient, or for whose number an @lid stands.

        The latter joins the two for the list of who wants no messages; by it nothing is addressed.
        """


class SuppressionStore(Protocol):
    """Who wants no messages.

    An entry bears a chat id and holds for its person: for each chat id that is known as it, as
    which it is known, or that is known as the same (`contact`).
    """

    async def suppress(self, suppression: Suppression) -> Mapping[str, Place]:
        """Put somebody on the list, and cancel what is queued for them; the ids of that.

        Each with the place that it held. Messages that ignore the list stay queued. A chat id that
        is on the list already stays there as it is.
        """

    async def allow(self, chat_id: str) -> bool:
        """Take somebody off the list, by each of their chat ids; False if they are not on it."""

    async def suppression(self, chat_id: str) -> Suppression | None:
        """What is on the list of somebody, by this chat id first; None if they are not on it."""

    async def suppressions(self, after: str, limit: int) -> Sequence[Suppression]:
        """Those on the list whose chat id is above `after`, by chat id."""


class Store(ReceiptStore, SessionStore, SuppressionStore, Protocol):
    """Where accepted messages are recorded, in the order in which they were accepted.

    Every method that writes may raise `StoreUnavailable`; then it has changed nothing. A write
    whose caller is cancelled before its transaction began is left out, unless it says otherwise.
    State changes are conditional on the edges of `core.status`.
    """

    def problem(self) -> str | None:
        """Why nothing can be written now; None if all is well."""

    async def problem_changed(self) -> str | None:
        """Wait until `problem` says something else than at the call; what it says then."""

    async def accept(self, draft: Draft) -> Acceptance:
        """Record a message as queued, give it its `seq`, and publish it, in the order of `seq`.

        An idempotency key is looked up and recorded in the same transaction, and so is whether its
        recipient wants no messages, or is a new contact to whom it would be late. A scheduled one
        is not published before `release_due`.
        """

    async def accept_all(self, drafts: Sequence[Draft]) -> Sequence[Acceptance]:
        """Accept several, each as `accept` does, in one transaction and in their order.

        A key that comes twice among them is replayed the second time.
        """

    async def replayed(self, draft: Draft) -> Replayed | KeyReused | None:
        """What the key of `draft` was used for before; None if it is new, or there is none."""

    async def release_due(self, at: float, limit: int) -> Sequence[Message]:
        """Queue the scheduled messages whose time has come, behind all others, and publish them.

        By their time, and of the same time in the order of acceptance.
        """

    async def next_due(self) -> float | None:
        """When the first of the scheduled messages is due; None if there are none."""

    async def begin(self, message: Message, session: str, at: float) -> bool:
        """Record that an attempt begins, under the message's `waha_id` if it has one.

        False if the message is not queued any more.
        """

    async def postpone(self, message: Message, attempt: Attempt, decision: Requeue) -> bool:
        """Record an attempt that was not even begun, and why; False if the message is not queued.

        It stays queued, as `decision` says, and keeps the session and the id that it has.
        """

    async def settle(self, message: Message, attempt: Attempt, decision: Decision) -> Status:
        """Record how an attempt ended and what follows from it; the state that came of it.

        That is another than decided if an ack came before (`core.status.joined`), or if the
        message was not being sent. After `Inquire` it is `unknown` without being settled. A
        `Requeue` is called off (`core.retry.call_off`) if the recipient wants no messages by now,
        and the message does not ignore that.

        The record is handed over before the first checkpoint: whoever is cancelled while it waits
        for the rest has it made all the same.
        """

    def settle_soon(
        self, message: Message, attempt: Attempt, decision: Decision, then: Callable[[Status], None]
    ) -> None:
        """Settle without waiting; `then` is given the state, in the step that completes the record.

        No `begin` that is called later is recorded before it. While the store cannot write it keeps
        this, and tries again. What is not recorded when it closes stays as it was: being sent.
        """

    async def resolve(
        self, message: Message, session: str, at: float, decision: Final | Requeue
    ) -> Status | None:
        """Record what follows for a message that was being looked up; the state that came of it.

        None if it is not looked up any more. `session` is that of its open attempt. A `Requeue` is
        called off as in `settle`.
        """

    async def expire(self, message: Message, at: float) -> bool:
        """Record that what is queued under this `seq` was not sent in time; False if it is not."""

    async def cancel(self, message_id: str, at: float) -> Place | None:
        """Record that a queued message is not wanted any more, and say whose place it held.

        None if it is not queued.
        """

    async def cancel_batch(self, batch: str, at: float, limit: int) -> Mapping[str, Place]:
        """Cancel what is queued of a batch, the oldest first: their ids, and the places held."""

    async def retry(self, message_id: str, at: float, expires_at: float) -> bool:
        """Queue a failed, unknown or expired message again, behind what is queued, and publish it.

        Its counters start anew, and it gets a new id; False if it is in another state, is being
        looked up, came with the data of a file, which are gone, or goes to somebody who wants no
        messages and does not ignore that.
        """

    async def open_attempts(self) -> Sequence[OpenAttempt]:
        """The attempts that were never settled, by `seq`: what a crash left, or is looked up."""

    async def queued(self, priority: Priority, after_seq: int, limit: int) -> Sequence[Message]:
        """The queued messages of a lane with the lowest `seq` above `after_seq`, in order.

        One that bears an id prefers the session of its last attempt. Scheduled ones are not among
        them.
        """

    async def places(self) -> Mapping[Place, int]:
        """How many places are held: by what is queued, being sent, looked up, or scheduled."""

    async def expire_overdue(
        self, priority: Priority, after_seq: int, at: float, limit: int
    ) -> int:
        """Expire queued messages of a lane, above `after_seq`, whose time is over; says how many.

        Not scheduled ones.
        """

    async def erase_texts(self, settled_before: float, limit: int) -> int:
        """Erase the contents of sent, delivered and read messages; says of how many."""

    async def purge(self, settled_before: float, limit: int) -> int:
        """Delete settled messages for good and count them as purged; says how many.

        One stays whose data are not forgotten yet: without it, nobody would know of them.
        """

    async def spent_data(self, limit: int) -> Sequence[str]:
        """The ids of settled messages whose data are not forgotten yet."""

    async def forget_data(self, message_ids: Sequence[str]) -> None:
        """Record that the data of messages are gone."""

    async def holding_data(self, message_ids: Sequence[str]) -> frozenset[str]:
        """Those of the messages that are not settled, and came with the data of a file."""

    async def forget_keys(self, used_before: float, limit: int) -> int:
        """Forget old idempotency keys; says how many."""

    async def get(self, message_id: str) -> Record | None:
        """One message, with its events."""

    async def find(self, wanted: Filter, limit: int) -> Sequence[Record]:
        """The newest messages that match, without their events."""

    async def batch(self, batch: str) -> Batch | None:
        """How the messages of a batch stand; None if none is kept."""

    async def ledger(self) -> Ledger:
        """The totals and the count of each state, read in one transaction."""
