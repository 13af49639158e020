"""What crosses the border to the store as a message is accepted, or is not."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal, TypeAlias

from trio_wa.core.content import Content
from trio_wa.core.message import Message, OnUnknown, Priority


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A caller's key for one request; `fingerprint` stands for the payload that came with it."""

    value: str
    fingerprint: str


Place: TypeAlias = Priority | Literal["scheduled"]
"""Whose place an accepted message holds: its lane's, or one among those whose time has not come."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that was read and found right, before the store has given it its place.

    `owner` is the name of the API key that brought it; None without keys. One with `send_at` later
    than `accepted_at` is scheduled. `metadata` is the caller's own, as JSON. `ignore_suppression`
    lets it go to somebody who wants no messages. Where it would leave too late to a new contact,
    `new_at` says when that is.
    """

    id: str
    to: str
    chat_id: str
    content: Content
    accepted_at: float
    expires_at: float
    sessions: tuple[str, ...] = ()
    owner: str | None = None
    key: IdempotencyKey | None = None
    on_unknown: OnUnknown | None = None
    priority: Priority = "normal"
    send_at: float | None = None
    batch: str | None = None
    metadata: str | None = None
    ignore_suppression: bool = False
    new_at: float | None = None

    @property
    def place(self) -> Place:
        """Whose place it takes."""
        scheduled = self.send_at is not None and self.send_at > self.accepted_at
        return "scheduled" if scheduled else self.priority

    def late(self, known_to: Collection[str]) -> "Late | None":
        """Why it is not taken where the recipient is known to these sessions alone, if so."""
        if self.new_at is None or any(name in known_to for name in self.sessions or known_to):
            return None
        return Late(self.new_at, self.expires_at)


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


@dataclass(frozen=True, slots=True)
class Suppression:
    """Somebody who wants no messages, since `at`.

    `reason` is what they, or who put them on the list, gave for it; `session` is the one to which
    they wrote, None where it was not they who asked.
    """

    chat_id: str
    at: float
    reason: str | None = None
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Suppressed:
    """The recipient wants no messages; nothing was recorded."""

    suppression: Suppression


@dataclass(frozen=True, slots=True)
class Late:
    """To a new contact it would leave `at` a time that is too late; nothing was recorded."""

    at: float
    expires_at: float


Acceptance: TypeAlias = Accepted | Replayed | KeyReused | Suppressed | Late

Publish: TypeAlias = Callable[[Message], None]
"""Whom a store tells, by `seq` and within the step that completes the record, what it queued."""
