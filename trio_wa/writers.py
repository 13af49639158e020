"""What people write to the sessions: who is known since, and who wants no more messages."""

from collections.abc import Sequence
from typing import Protocol

import structlog
import trio

from trio_wa.core.opt_out import keyword_of
from trio_wa.core.session import Session
from trio_wa.opt_outs import OptOuts
from trio_wa.ports import SessionStore, Suppression
from trio_wa.telemetry import mask

log = structlog.get_logger(__name__)

ASK_SECONDS = 2.0
"""How long WAHA may take to say whose an id is: it waits for an answer itself."""


class Numbers(Protocol):
    """Who knows the numbers of people: an observer of WAHA."""

    async def number_of(self, session: Session, lid: str) -> str | None:
        """The chat id of the number behind an id that ends in @lid; None if WAHA cannot tell."""


class Learning(Protocol):
    """Who holds messages to recipients, and knows which are new: the dispatcher."""

    def learn_contact(self, session: str, chat_id: str) -> None:
        """A recipient is no new contact of a session."""


class Writers:
    """Takes what people write. One of `keywords` by itself puts its writer on the list."""

    def __init__(
        self,
        store: SessionStore,
        opt_outs: OptOuts,
        numbers: Numbers,
        dispatcher: Learning,
        sessions: Sequence[Session],
        keywords: Sequence[str],
    ) -> None:
        self._store = store
        self._opt_outs = opt_outs
        self._numbers = numbers
        self._dispatcher = dispatcher
        self._sessions = {session.name: session for session in sessions}
        self._keywords = keywords

    async def names_of(self, session: str, chat_ids: tuple[str, ...]) -> tuple[str, ...]:
        """All chat ids of a writer: with the number, which WAHA is asked for if only it can tell.

        `chat_ids` alone after `ASK_SECONDS`, or if it does not know.
        """
        if _number(chat_ids) is not None:
            return chat_ids
        number = None
        with trio.move_on_after(ASK_SECONDS):
            number = await self._numbers.number_of(self._sessions[session], chat_ids[0])
        return chat_ids if number is None else (*chat_ids, number)

    async def written_by(
        self, session: str, chat_ids: tuple[str, ...], text: str, at: float
    ) -> None:
        """Record that somebody wrote to a session, and whether they want no more messages.

        Who wrote is no new contact any more. Their ids are known to be one person's before they are
        on the list, so that whoever is taken off it by one of them is by all. It may be told again.

        Raises:
            StoreUnavailable: it is not recorded, or not for each of `chat_ids`.
        """
        keyword = keyword_of(text, self._keywords)
        if keyword is not None:
            await self._join(chat_ids)
            number_first = sorted(chat_ids, key=lambda chat_id: not chat_id.endswith("@c.us"))
            opt_outs = [
                await self._opt_outs.add(Suppression(chat_id, at, keyword, session))
                for chat_id in number_first
            ]
            if opt_outs[0].new and _number(chat_ids) is None:
                log.warning("suppression.number_unknown", lid=mask(chat_ids[0]), session=session)
        for chat_id in chat_ids:
            await self._store.remember_recipient(session, chat_id)
            self._dispatcher.learn_contact(session, chat_id)

    async def _join(self, chat_ids: tuple[str, ...]) -> None:
        """Record for whose number the ids in its place stand. No message is addressed by that."""
        number = _number(chat_ids)
        for chat_id in chat_ids:
            if number is not None and chat_id.endswith("@lid"):
                await self._store.remember_contact(chat_id, number)


def _number(chat_ids: tuple[str, ...]) -> str | None:
    """That of the chat ids which is a number; None if none is."""
    return next((chat_id for chat_id in chat_ids if chat_id.endswith("@c.us")), None)
