"""What the store in memory remembers of sessions, contacts, and who wants no messages."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import trio

from trio_wa.adapters import memory_changes as changes
from trio_wa.adapters import memory_upkeep as upkeep
from trio_wa.adapters.memory_sessions import activity
from trio_wa.adapters.memory_table import Table
from trio_wa.adapters.traffic import histories
from trio_wa.core.pace import History
from trio_wa.ports import Activity, Place, SessionMemory, Suppression

T = TypeVar("T")


class MemorySessionStore:
    """Keeps all of the sessions and of the list, and the newest contacts and recipients."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._memories: dict[str, SessionMemory] = {}

    async def remember_session(self, session: str, memory: SessionMemory) -> None:
        """Record what outlives a restart of a session."""
        await write(partial(self._memories.update, {session: memory}))

    async def session_memories(self) -> Mapping[str, SessionMemory]:
        """What was recorded of each session."""
        await trio.lowlevel.checkpoint()
        return dict(self._memories)

    async def activity(self, now: float) -> Mapping[str, Activity]:
        """What each session sent in the last minute, hour and day."""
        await trio.lowlevel.checkpoint()
        return activity(self._table, now)

    async def histories(self, now: float) -> Mapping[str, History]:
        """What each session has sent, for its pace."""
        await trio.lowlevel.checkpoint()
        minutes = sorted(self._table.traffic.minutes.items())
        return histories(((session, minute) for (session, _), minute in minutes), now)

    async def remember_recipient(self, session: str, chat_id: str) -> None:
        """Record that a recipient is known to a session."""
        await write(partial(self._table.recipients.learn, session, chat_id))

    async def forget_histories(self, before: float, limit: int) -> int:
        """Forget begins of before; says of how many minutes. When each session began, stays."""
        return await write(partial(upkeep.forget_histories, self._table, before, limit))

    async def contact(self, chat_id: str) -> str | None:
        """The chat id under which WhatsApp knows a recipient; None if that is not known."""
        await trio.lowlevel.checkpoint()
        return self._table.contacts.known_as(chat_id)

    async def remember_contact(self, chat_id: str, known_as: str) -> None:
        """Record under which chat id WhatsApp knows a recipient."""
        await write(partial(self._table.contacts.remember, chat_id, known_as))

    async def suppress(self, suppression: Suppression) -> Mapping[str, Place]:
        """Put somebody on the list, and cancel what is queued for them; the ids of that."""
        return await write(partial(changes.suppress, self._table, suppression))

    async def allow(self, chat_id: str) -> bool:
        """Take somebody off the list, by each of their chat ids; False if they are not on it."""
        return await write(partial(self._table.suppressions.remove, chat_id))

    async def suppression(self, chat_id: str) -> Suppression | None:
        """What is on the list of somebody, by this chat id first; None if they are not on it."""
        await trio.lowlevel.checkpoint()
        return self._table.suppressions.of(chat_id)

    async def suppressions(self, after: str, limit: int) -> Sequence[Suppression]:
        """Those on the list whose chat id is above `after`, by chat id."""
        await trio.lowlevel.checkpoint()
        return self._table.suppressions.page(after, limit)


async def write(change: Callable[[], T]) -> T:
    """Make a change in one step, unless the caller is cancelled already."""
    await trio.lowlevel.checkpoint_if_cancelled()
    result = change()
    await trio.lowlevel.cancel_shielded_checkpoint()
    return result
