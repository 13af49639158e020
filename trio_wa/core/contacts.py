"""Which sessions have written to which recipients, as far as that is newer than the messages."""

import re
from collections import OrderedDict

from trio_wa.core.message import Message

RECIPIENTS = 16_384
"""How many recipients' news are kept: more than there are in memory by default."""

PEOPLE = ("@c.us", "@s.whatsapp.net", "@lid")

_PERSON = re.compile(r"([0-9]{1,32})(?::[0-9]+)?(@c\.us|@s\.whatsapp\.net|@lid)")
"""A person's chat, as one engine or another writes it: a device may be named behind the number."""


def is_person(chat_id: str) -> bool:
    """Whether a chat is one with a person: no other can be a new contact."""
    return chat_id.endswith(PEOPLE)


def person(jid: object) -> str | None:
    """The chat with a person, as messages to them name it; None for anything else."""
    found = _PERSON.fullmatch(jid) if isinstance(jid, str) else None
    if found is None:
        return None
    number, host = found.groups()
    return number + ("@lid" if host == "@lid" else "@c.us")


class Contacts:
    """Keeps what was learned since a message was read from the store, which knows all of it."""

    def __init__(self) -> None:
        self._news: OrderedDict[str, dict[str, bool]] = OrderedDict()

    def is_new(self, session: str, message: Message) -> bool:
        """Whether `session` would write to the message's recipient for the first time.

        Groups and channels are never new: WhatsApp's limits are on strangers.
        """
        if not is_person(message.chat_id):
            return False
        known = self._news.get(message.chat_id, {}).get(session, session in message.known_to)
        return not known

    def learn(self, session: str, chat_id: str, *, known: bool) -> None:
        """Note that a recipient is known to a session, or that WhatsApp says it is not."""
        self._news.setdefault(chat_id, {})[session] = known
        self._news.move_to_end(chat_id)
        if len(self._news) > RECIPIENTS:
            self._news.popitem(last=False)
