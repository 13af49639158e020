"""Who wants no messages, for the store in memory."""

import heapq

from trio_wa.adapters.memory_contacts import Contacts
from trio_wa.ports import Draft, Suppression


class Suppressions:
    """Keeps the whole list: nobody may fall off it because others come."""

    def __init__(self, contacts: Contacts) -> None:
        self._contacts = contacts
        self._entries: dict[str, Suppression] = {}

    def add(self, suppression: Suppression) -> None:
        """Put a chat id on the list; one that is there already stays as it is."""
        self._entries.setdefault(suppression.chat_id, suppression)

    def remove(self, chat_id: str) -> bool:
        """Take somebody off the list, by each of their chat ids; False if they are not on it."""
        removed = [self._entries.pop(name, None) for name in self._contacts.names(chat_id)]
        return any(removed)

    def of(self, chat_id: str) -> Suppression | None:
        """What is on the list of somebody, by this chat id first; None if they are not on it."""
        if not self._entries:
            return None
        names = self._contacts.names(chat_id)
        return next((self._entries[name] for name in names if name in self._entries), None)

    def against(self, draft: Draft) -> Suppression | None:
        """What keeps a message from going out; None if nothing does, or it ignores that."""
        return None if draft.ignore_suppression else self.of(draft.chat_id)

    def page(self, after: str, limit: int) -> list[Suppression]:
        """Those whose chat id is above `after`, by chat id."""
        above = (chat_id for chat_id in self._entries if chat_id > after)
        return [self._entries[chat_id] for chat_id in heapq.nsmallest(limit, above)]
