"""A stand-in for the part of a store that knows who wants no messages, and who has written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import trio

from trio_wa.ports import Place, StoreUnavailable, Suppression
from trio_wa.window import Window


@dataclass
class FakeList:
    """Keeps the list, and the messages `queued` for each chat id, with their places.

    The next `refusals` writes find the disk full. A write can be cut before it, and not after.
    """

    queued: dict[str, dict[str, Place]] = field(default_factory=dict)
    listed: dict[str, Suppression] = field(default_factory=dict)
    known: list[tuple[str, str]] = field(default_factory=list)
    contacts: dict[str, str] = field(default_factory=dict)
    refusals: int = 0

    async def suppress(self, suppression: Suppression) -> Mapping[str, Place]:
        await self._write()
        self.listed.setdefault(suppression.chat_id, suppression)
        return self.queued.pop(suppression.chat_id, {})

    async def allow(self, chat_id: str) -> bool:
        await self._write()
        return self.listed.pop(chat_id, None) is not None

    async def suppression(self, chat_id: str) -> Suppression | None:
        await trio.lowlevel.checkpoint()
        return self.listed.get(chat_id)

    async def suppressions(self, after: str, limit: int) -> Sequence[Suppression]:
        await trio.lowlevel.checkpoint()
        return [self.listed[each] for each in sorted(self.listed) if each > after][:limit]

    async def remember_recipient(self, session: str, chat_id: str) -> None:
        await self._write()
        self.known.append((session, chat_id))

    async def remember_contact(self, chat_id: str, known_as: str) -> None:
        await self._write()
        self.contacts[chat_id] = known_as

    async def _write(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.refusals:
            self.refusals -= 1
            raise StoreUnavailable("the disk is full")


@dataclass
class FakeWaiting:
    """Who holds what waits: it gives places back, and notes what it drops and learns."""

    window: Window
    discarded: list[str] = field(default_factory=list)
    learned: list[tuple[str, str]] = field(default_factory=list)

    def discard(self, message_id: str, place: Place) -> None:
        self.window.release(place)
        self.discarded.append(message_id)

    def learn_contact(self, session: str, chat_id: str) -> None:
        self.learned.append((session, chat_id))
