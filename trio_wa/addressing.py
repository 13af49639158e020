"""What a message needs before it goes out: the chat id that WhatsApp knows, and an id."""

from dataclasses import replace
from typing import Protocol

import structlog

from trio_wa.core.content import NAMELESS
from trio_wa.core.message import Message
from trio_wa.core.outcome import Rejected, Unavailable
from trio_wa.core.session import Session
from trio_wa.ports import Contact, MessageId, NoMessageIds, Sender, SessionStore, Uncheckable

log = structlog.get_logger(__name__)


class Ids(Protocol):
    """Where ids for messages come from."""

    async def take(self, session: Session, sender: Sender) -> MessageId:
        """An id for a message over `session`."""


class Sessions(Protocol):
    """Who knows the sessions: the pool."""

    def works(self, session: str) -> bool:
        """Whether nothing is known that keeps a session from sending."""


class Addressing:
    """Gives a message its ids before its attempt begins.

    With `check_contacts` WAHA is asked before the first message to a new contact. Which engine is
    behind a session nobody knows here, so that what only GOWS sends under a chosen id gets none.
    """

    def __init__(
        self, store: SessionStore, ids: Ids, sessions: Sessions, *, check_contacts: bool
    ) -> None:
        self._store = store
        self._ids = ids
        self._sessions = sessions
        self._check_contacts = check_contacts
        self._uncheckable = False

    async def address(
        self, message: Message, session: Session, sender: Sender
    ) -> Message | Rejected | Unavailable:
        """The message as it goes out over `session`, or why it cannot.

        Raises:
            StoreUnavailable: what is known of the contact cannot be read or recorded.
        """
        if self._check_contacts and message.chat_id.endswith("@c.us"):
            known_as = await self._known_as(message.chat_id, session, sender)
            if not isinstance(known_as, str):
                return known_as
            message = replace(message, chat_id=known_as)
        if message.content.kind in NAMELESS:
            # An id that it bears is of an earlier send: WAHA gives this one another.
            message = replace(message, waha_id=None)
        elif message.waha_id is None:
            match await self._ids.take(session, sender):
                case str(waha_id):
                    message = replace(message, waha_id=waha_id)
                case NoMessageIds():
                    pass
                case Unavailable() as unavailable:
                    return unavailable
        if not self._sessions.works(session.name):  # it was asked for seconds, in the worst case
            detail = "it ceased to work before the send"
            return Unavailable("session_not_working", detail, "session")
        return message

    async def _known_as(
        self, chat_id: str, session: Session, sender: Sender
    ) -> str | Rejected | Unavailable:
        if (known_as := await self._store.contact(chat_id)) is not None:
            return known_as
        match await sender.check_exists(session, chat_id):
            case Contact(known_as):
                if known_as is None:
                    detail = "WAHA says that the number is not on WhatsApp"
                    return Rejected("not_on_whatsapp", detail)
                await self._store.remember_contact(chat_id, known_as)
                return known_as
            case Uncheckable(detail):
                if not self._uncheckable:
                    log.warning("contact.uncheckable", session=session.name, reason=detail)
                self._uncheckable = True
                return chat_id
            case Unavailable() as unavailable:
                return unavailable
