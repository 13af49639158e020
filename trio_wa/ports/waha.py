"""WAHA, as the service sees it."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from trio_wa.core.message import Message
from trio_wa.core.outcome import Outcome, Unavailable
from trio_wa.core.session import Session


@dataclass(frozen=True, slots=True)
class WahaInfo:
    """What one WAHA says of itself: its version, engine and the status of each session it knows.

    `problem` says why it could not be asked; `None` where it answered. `statuses` is None where it
    cannot tell: an old or minimal WAHA.
    """

    url: str
    version: str | None = None
    engine: str | None = None
    statuses: dict[str, str] | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class NoMessageIds:
    """This WAHA, or its engine, lets nobody choose a message's id before the send."""


MessageId: TypeAlias = str | NoMessageIds | Unavailable
"""A raw id for one message; or none can be had; or not now, for the reason of a send."""


@dataclass(frozen=True, slots=True)
class Contact:
    """Whether a number is on WhatsApp, and then the chat id under which it is known there."""

    chat_id: str | None


@dataclass(frozen=True, slots=True)
class Uncheckable:
    """This WAHA does not say whether a number is on WhatsApp, for the reason `detail`."""

    detail: str


Check: TypeAlias = Contact | Uncheckable | Unavailable


@dataclass(frozen=True, slots=True)
class Found:
    """WAHA knows the message, and this is its ack; 0 where WAHA names none."""

    ack: int


@dataclass(frozen=True, slots=True)
class Missing:
    """WAHA looked, and does not know the message."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """WAHA did not look. With `refused` it never will, as with its store off; else later."""

    detail: str
    refused: bool = False


Finding: TypeAlias = Found | Missing | Unreadable


@dataclass(frozen=True, slots=True)
class Picture:
    """An image, as WAHA gave it."""

    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """WAHA would not do what it was asked, or could not be asked.

    `code` is one of `session_missing`, `session_not_scanning`, `waha_unavailable` and
    `waha_refused`.
    """

    code: str
    detail: str


class Sender(Protocol):
    """One worker's way to WAHA; it makes one request at a time.

    Its methods raise nothing but `trio.Cancelled`.
    """

    async def send(self, message: Message, session: Session) -> Outcome:
        """Make one attempt, and say what came of it."""

    def cut(self) -> Outcome:
        """What is known of the attempt that was just cancelled: not sent, or unknown."""

    async def new_message_id(self, session: Session) -> MessageId:
        """An id for the next message over `session`."""

    async def check_exists(self, session: Session, chat_id: str) -> Check:
        """Whether the number of `chat_id` is on WhatsApp."""


class Observer(Protocol):
    """What sees after the sessions and the messages sent over them; any number of tasks use it.

    Its methods raise nothing but `trio.Cancelled`, and answer within seconds.
    """

    async def ask(self, url: str) -> WahaInfo:
        """What the WAHA at `url` says of itself."""

    async def statuses(self, url: str) -> WahaInfo:
        """The same without version and engine."""

    async def new_message_id(self, session: Session) -> MessageId:
        """An id for a message over `session`."""

    async def look_up(self, session: Session, waha_id: str) -> Finding:
        """What WAHA knows of the message that bears the raw id `waha_id`."""

    async def restart(self, session: Session) -> Refusal | None:
        """Restart a session; None once WAHA has begun to."""

    async def timelock(self, session: Session) -> float | None:
        """When WhatsApp lets a session write to new contacts again, in seconds since the epoch.

        0 if it does now; None where this WAHA does not tell.
        """

    async def number_of(self, session: Session, lid: str) -> str | None:
        """The chat id of the number behind an id that ends in @lid; None if WAHA cannot tell."""

    async def qr_code(self, session: Session) -> Picture | Refusal:
        """The QR code that links a phone to a session that waits for one."""

    async def register_webhook(
        self, session: Session, url: str, secret: str | None
    ) -> bool | Refusal:
        """Let WAHA tell `url` of what happens over `session`; False if it does so already.

        WAHA restarts a session whose configuration changes.
        """


class Gateway(Protocol):
    """WAHA, behind one or more addresses."""

    def connect(self) -> AbstractAsyncContextManager[Sender]:
        """A sender for one worker, with connections of its own."""

    def observe(self) -> AbstractAsyncContextManager[Observer]:
        """An observer, with connections of its own."""
