"""Whom each session knows."""

from trio_wa.core.contacts import is_person


class Contacts:
    """Remembers to whom each session has written, whom it has reached, and who wrote to it."""

    def __init__(self) -> None:
        self._written: set[tuple[str, str]] = set()
        self._reached: set[tuple[str, str]] = set()

    def write(self, session: str, chat_id: str) -> bool:
        """Note that a session took a message to a chat; True if that is a new contact."""
        contact = (session, chat_id)
        new = contact not in self._written and is_person(chat_id)
        self._written.add(contact)
        return new

    def reach(self, session: str, chat_id: str) -> None:
        """Note that a message went from a session to a chat, or came from there."""
        self._written.add((session, chat_id))
        self._reached.add((session, chat_id))

    def is_stranger(self, session: str, chat_id: str) -> bool:
        """Whether this is a person from or to whom no message ever went."""
        return (session, chat_id) not in self._reached and is_person(chat_id)

    def clear(self) -> None:
        """Forget everyone."""
        self._written.clear()
        self._reached.clear()
