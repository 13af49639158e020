"""What the store on disk remembers of sessions and contacts, and who wants no messages."""

from collections.abc import Mapping, Sequence
from functools import partial

from trio_wa.adapters.sqlite import (
    cancellations,
    recipients,
    sessions,
    suppressions,
    traffic,
    upkeep,
)
from trio_wa.adapters.sqlite.part import Part
from trio_wa.core.pace import History
from trio_wa.ports import Activity, Place, SessionMemory, Suppression


class Sessions(Part):
    """The store as `SessionStore`."""

    async def remember_session(self, session: str, memory: SessionMemory) -> None:
        """Record what outlives a restart of a session."""
        change = partial(sessions.remember_session, session=session, memory=memory)
        await self._writer.write(change)

    async def session_memories(self) -> Mapping[str, SessionMemory]:
        """What was recorded of each session."""
        return await self._readers.read(sessions.session_memories)

    async def activity(self, now: float) -> Mapping[str, Activity]:
        """What each session sent in the last minute, hour and day."""
        return await self._readers.read(partial(sessions.activity, now=now))

    async def histories(self, now: float) -> Mapping[str, History]:
        """What each session has sent, for its pace."""
        return await self._readers.read(partial(traffic.histories, now=now))

    async def remember_recipient(self, session: str, chat_id: str) -> None:
        """Record that a recipient is known to a session."""
        change = partial(recipients.remember_recipient, session=session, chat_id=chat_id)
        await self._writer.write(change)

    async def forget_histories(self, before: float, limit: int) -> int:
        """Forget begins of before; says of how many minutes. When each session began, stays."""
        change = partial(upkeep.forget_histories, before=before, limit=limit)
        return await self._writer.write(change)

    async def contact(self, chat_id: str) -> str | None:
        """The chat id under which WhatsApp knows a recipient; None if that was never asked."""
        return await self._readers.read(partial(sessions.contact, chat_id=chat_id))

    async def remember_contact(self, chat_id: str, known_as: str) -> None:
        """Record under which chat id WhatsApp knows a recipient."""
        change = partial(sessions.remember_contact, chat_id=chat_id, known_as=known_as)
        await self._writer.write(change)


class Suppressions(Part):
    """The store as `SuppressionStore`."""

    async def suppress(self, suppression: Suppression) -> Mapping[str, Place]:
        """Put somebody on the list, and cancel what is queued for them; the places of that."""
        change = partial(cancellations.suppress, suppression=suppression)
        return await self._writer.write(change)

    async def allow(self, chat_id: str) -> bool:
        """Take somebody off the list; False if they are not on it."""
        return await self._writer.write(partial(suppressions.allow, chat_id=chat_id))

    async def suppression(self, chat_id: str) -> Suppression | None:
        """What is on the list of somebody; None if they are not on it."""
        return await self._readers.read(partial(suppressions.suppressed, chat_id=chat_id))

    async def suppressions(self, after: str, limit: int) -> Sequence[Suppression]:
        """Those on the list whose chat id is above `after`, by chat id."""
        query = partial(suppressions.suppressions, after=after, limit=limit)
        return await self._readers.read(query)
