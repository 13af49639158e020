"""What the service needs from the world, as Protocols, and the conditions that cross layers."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from trio_wa.core.message import Message
from trio_wa.core.outcome import Outcome
from trio_wa.core.retry import Decision
from trio_wa.core.session import Session
from trio_wa.core.status import Status


class StoreUnavailable(Exception):
    """The store can write nothing now; whoever asked loses nothing and may ask again."""


class StoreUnusable(Exception):
    """The store cannot be opened; one line says why and what would be right."""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A caller's key for one request; `fingerprint` stands for the payload that came with it."""

    value: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that was read and found right, before the store has given it its place.

    `owner` is the name of the API key that brought it; None without keys.
    """

    id: str
    to: str
    chat_id: str
    text: str
    accepted_at: float
    expires_at: float
    sessions: tuple[str, ...] = ()
    owner: str | None = None
    key: IdempotencyKey | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The message is recorded."""

    message: Message


@dataclass(frozen=True, slots=True)
class Replayed:
    """The same request was accepted before, as the message `message_id`; nothing was recorded."""

    message_id: str


@dataclass(frozen=True, slots=True)
class KeyReused:
    """The idempotency key came with another payload before; nothing was recorded."""


Acceptance: TypeAlias = Accepted | Replayed | KeyReused

Publish: TypeAlias = Callable[[Message], None]
"""Whom a store tells, by `seq` and within the step that completes the record, what it queued."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to send: over which session, from when to when, and what came of it."""

    session: str
    began_at: float
    ended_at: float
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of a message's timeline: the state that it entered, when, and why.

    `began_at` is set where an attempt ended: it lasted from then until `at`.
    """

    at: float
    status: Status
    session: str | None = None
    code: str | None = None
    detail: str | None = None
    began_at: float | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """All that the store knows of a message. `text` is None once it was erased.

    `session` and `waha_id` are those of the last attempt, `code` and `detail` say why it is not
    sent, `settled_at` is None while it is queued or being sent. `events` may lack the oldest.
    """

    number: int
    id: str
    to: str
    chat_id: str
    text: str | None
    status: Status
    accepted_at: float
    expires_at: float
    due_at: float
    sessions: tuple[str, ...] = ()
    owner: str | None = None
    session: str | None = None
    waha_id: str | None = None
    code: str | None = None
    detail: str | None = None
    settled_at: float | None = None
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the list of messages, newest first: just behind this one."""

    accepted_at: float
    number: int


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages to list. `after` and `before` bound the time of acceptance, exclusively."""

    status: Status | None = None
    chat_id: str | None = None
    session: str | None = None
    owner: str | None = None
    after: float | None = None
    before: float | None = None
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """Invariant 1: what was ever accepted is in exactly one state, or was purged."""

    accepted: int
    purged: int
    counts: dict[Status, int] = field(default_factory=dict)

    @property
    def balanced(self) -> bool:
        """Whether nothing was lost."""
        return self.accepted == self.purged + sum(self.counts.values())


class Store(Protocol):
    """Where accepted messages are recorded, in the order in which they were accepted.

    Every method that writes may raise `StoreUnavailable`; then it has changed nothing. A write
    whose caller is cancelled before its transaction began is left out, unless it says otherwise.
    State changes are conditional on the edges of `core.status`.
    """

    def problem(self) -> str | None:
        """Why nothing can be written now; None if all is well."""

    async def accept(self, draft: Draft) -> Acceptance:
        """Record a message as queued, give it its `seq`, and publish it, in the order of `seq`.

        An idempotency key is looked up and recorded in the same transaction.
        """

    async def begin(self, message: Message, session: str, at: float) -> bool:
        """Record that an attempt begins; False if the message is not queued any more."""

    async def settle(self, message: Message, attempt: Attempt, decision: Decision) -> None:
        """Record how an attempt ended and what follows from it.

        The record is handed over before the first checkpoint: whoever is cancelled while it waits
        for the rest has it made all the same.
        """

    async def expire(self, message_id: str, at: float) -> bool:
        """Record that a queued message was not sent in time; False if it is not queued any more."""

    async def cancel(self, message_id: str, at: float) -> bool:
        """Record that a queued message is not wanted any more; False if it is not queued."""

    async def retry(self, message_id: str, at: float, expires_at: float) -> bool:
        """Queue a failed, unknown or expired message again, behind what is queued, and publish it.

        Its counters start anew; False if it is in another state.
        """

    async def begun(self) -> Sequence[Message]:
        """The messages of which an attempt began and was never settled: what a crash left."""

    async def queued(self, after_seq: int, limit: int) -> Sequence[Message]:
        """The queued messages with the lowest `seq` above `after_seq`, in order."""

    async def expire_overdue(self, after_seq: int, at: float, limit: int) -> int:
        """Expire queued messages above `after_seq` whose time is over; says how many."""

    async def erase_texts(self, settled_before: float, limit: int) -> int:
        """Erase texts of sent, delivered and read messages; says of how many."""

    async def purge(self, settled_before: float, limit: int) -> int:
        """Delete settled messages for good and count them as purged; says how many."""

    async def forget_keys(self, used_before: float, limit: int) -> int:
        """Forget old idempotency keys; says how many."""

    async def get(self, message_id: str) -> Record | None:
        """One message, with its events."""

    async def find(self, wanted: Filter, limit: int) -> Sequence[Record]:
        """The newest messages that match, without their events."""

    async def ledger(self) -> Ledger:
        """The totals and the count of each state, read in one transaction."""


class Sender(Protocol):
    """One worker's way to WAHA; it sends one message at a time."""

    async def send(self, message: Message, session: Session) -> Outcome:
        """Make one attempt, and say what came of it. Raises nothing but `trio.Cancelled`."""

    def cut(self) -> Outcome:
        """What is known of the attempt that was just cancelled: not sent, or unknown."""


@dataclass(frozen=True, slots=True)
class WahaInfo:
    """What one WAHA says of itself: its version, engine and the status of each session it knows.

    `problem` says why it could not be asked; `None` where it answered.
    """

    url: str
    version: str | None = None
    engine: str | None = None
    statuses: dict[str, str] | None = None
    problem: str | None = None


class Gateway(Protocol):
    """WAHA, behind one or more addresses."""

    def connect(self) -> AbstractAsyncContextManager[Sender]:
        """A sender for one worker, with connections of its own."""

    async def ask(self, url: str) -> WahaInfo:
        """What the WAHA at `url` says of itself. Raises nothing but `trio.Cancelled`."""
