"""What the service needs from the world, as Protocols, and the conditions that cross layers."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from trio_wa.core.message import Message
from trio_wa.core.outcome import Outcome
from trio_wa.core.retry import Decision
from trio_wa.core.session import Session
from trio_wa.core.status import Status


class StoreUnavailable(Exception):
    """The store can write nothing now; whoever asked loses nothing and may ask again."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that was read and found right, before the store has given it its place."""

    id: str
    to: str
    chat_id: str
    text: str
    accepted_at: float
    expires_at: float
    sessions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to send: over which session, from when to when, and what came of it."""

    session: str
    began_at: float
    ended_at: float
    outcome: Outcome


class Store(Protocol):
    """Where accepted messages are recorded, in the order in which they were accepted.

    Every method may raise `StoreUnavailable`; then it has changed nothing.
    """

    async def accept(self, draft: Draft) -> Message:
        """Record a message as queued and give it its `seq`.

        Accepted messages are published in the order of their `seq`, within the step that
        completes their record, whether or not the caller still waits.
        """

    async def begin(self, message: Message, session: str, at: float) -> bool:
        """Record that an attempt begins; False if the message is not queued any more."""

    async def settle(self, message: Message, attempt: Attempt, decision: Decision) -> None:
        """Record how an attempt ended and what follows from it.

        The record is handed over before the first checkpoint: whoever is cancelled while it waits
        for the rest has it made all the same.
        """

    async def expire(self, message: Message, at: float) -> None:
        """Record that a queued message was not sent in time."""

    def counts(self) -> dict[Status, int]:
        """How many messages are in each state."""


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
