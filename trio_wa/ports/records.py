"""What crosses the border to the store: values of what is recorded and read."""

from dataclasses import dataclass, field, replace

from trio_wa.core.content import Content, Kind
from trio_wa.core.message import Message, OnUnknown, Priority
from trio_wa.core.outcome import Outcome
from trio_wa.core.status import Status

SLOW_SECONDS = 0.02
"""An attempt that takes longer waits for WAHA, or for the disk; else it is the processor that
bounds them all."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to send: over which session, from when to when, and what came of it."""

    session: str
    began_at: float
    ended_at: float
    outcome: Outcome

    @property
    def is_slow(self) -> bool:
        """Whether it took longer than `SLOW_SECONDS`, the wait for its begin included."""
        return self.ended_at - self.began_at > SLOW_SECONDS


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """An attempt of which it is not settled how it ended; `message` bears the id that it had.

    `asked` tells one that is being looked up (`unknown`) from one that a crash left (`sending`).
    """

    message: Message
    session: str
    began_at: float
    asked: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """What WAHA says at the time `at` of a message that went out over `session`: its `ack`.

    `waha_id` is the raw id. The ack is WhatsApp's, from -1 to 4 (see `core.status`).
    """

    session: str
    waha_id: str
    ack: int
    at: float


@dataclass(frozen=True, slots=True)
class Moved:
    """A message that a receipt brought from one state to another.

    `open` says that it was being looked up until then.
    """

    message_id: str
    before: Status
    after: Status
    open: bool
    priority: Priority = "normal"


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A message that WAHA took at `sent_at`, and of which no ack of SERVER or more came."""

    message_id: str
    chat_id: str
    waha_id: str
    sent_at: float
    priority: Priority = "normal"


@dataclass(frozen=True, slots=True)
class SessionMemory:
    """What outlives a restart of a session: whether an operator paused it, when it first acked.

    `heard_at` says since when its webhooks, or its acks, come.

    `proven` says that WAHA once sent under an id that was chosen, and found the message by it,
    `ghost` that it delivers nothing, and `locked_until` how long it may write to no new contact.
    `rate` is that of the pace that it keeps, in messages a minute.
    """

    paused: bool = False
    acked_at: float | None = None
    proven: bool = False
    ghost: bool = False
    locked_until: float | None = None
    rate: int | None = None
    heard_at: float | None = None

    def first_acked(self, at: float) -> "SessionMemory":
        """The same with an ack at that time, if there was none before."""
        return self if self.acked_at is not None else replace(self, acked_at=at)

    def first_heard(self, at: float) -> "SessionMemory":
        """The same with an event at that time, if there was none before."""
        return self if self.heard_at is not None else replace(self, heard_at=at)

    def at_rate(self, *, rate: int | None, lately: bool) -> "SessionMemory":
        """The same at that rate; for one that sent `lately` a higher one of before still counts."""
        if lately:
            rate = None if rate is None or self.rate is None else max(rate, self.rate)
        return replace(self, rate=rate)


@dataclass(frozen=True, slots=True)
class Activity:
    """What went out over a session in the last minute, hour and day.

    `confirmed` of those of the last hour have an ack of SERVER or more.
    """

    minute: int = 0
    hour: int = 0
    day: int = 0
    confirmed: int = 0


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
    """All that the store knows of a message. `content` is None once it was erased.

    `session` and `waha_id` are those of the last attempt, `code` and `detail` say why it is not
    sent, `settled_at` is None while it is queued, being sent or being looked up. `ack` is the
    highest that came; `unconfirmed` says that none came in time. `seq` is its place in the queue.
    `events` may lack the oldest. It is `scheduled` until its `send_at`. `has_data` says that it
    came with the data of a file, which go as it is settled.
    """

    number: int
    id: str
    to: str
    chat_id: str
    content: Content | None
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
    on_unknown: OnUnknown | None = None
    ack: int | None = None
    unconfirmed: bool = False
    seq: int = 0
    events: tuple[Event, ...] = ()
    kind: Kind = "text"
    priority: Priority = "normal"
    send_at: float | None = None
    scheduled: bool = False
    batch: str | None = None
    metadata: str | None = None
    has_data: bool = False


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the list of messages, newest first: just behind this one."""

    accepted_at: float
    number: int


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages to list. `after` and `before` bound the time of acceptance, exclusively.

    `unconfirmed` asks for those alone of which no ack came in time.
    """

    status: Status | None = None
    chat_id: str | None = None
    session: str | None = None
    owner: str | None = None
    after: float | None = None
    before: float | None = None
    unconfirmed: bool = False
    batch: str | None = None
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages that were accepted together: their owner, and how many are in each state.

    `scheduled` of the queued ones wait for their time.
    """

    id: str
    owner: str | None
    accepted_at: float
    scheduled: int = 0
    counts: dict[Status, int] = field(default_factory=dict)


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
