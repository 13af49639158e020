"""What the store in memory remembers of sessions and contacts, and what each session sent."""

from collections import Counter

from trio_wa.adapters.memory_table import Table
from trio_wa.core.status import REACHED, SERVER
from trio_wa.ports import Activity, SessionMemory

MINUTE, HOUR, DAY = 60, 3600, 86_400


class Sessions:
    """Keeps all of the sessions, and the newest `maximum` contacts."""

    def __init__(self, maximum: int) -> None:
        self.memories: dict[str, SessionMemory] = {}
        self._contacts: dict[str, str] = {}
        self._maximum = maximum

    def remember(self, session: str, memory: SessionMemory) -> None:
        """Record what outlives a restart of a session."""
        self.memories[session] = memory

    def contact(self, chat_id: str) -> str | None:
        """The chat id under which WhatsApp knows a recipient; None if that is not known."""
        return self._contacts.get(chat_id)

    def remember_contact(self, chat_id: str, known_as: str) -> None:
        """Record under which chat id WhatsApp knows a recipient."""
        self._contacts[chat_id] = known_as
        if len(self._contacts) > self._maximum:
            del self._contacts[next(iter(self._contacts))]


def activity(table: Table, now: float) -> dict[str, Activity]:
    """What each session sent in the last minute, hour and day."""
    sent: dict[int, Counter[str]] = {MINUTE: Counter(), HOUR: Counter(), DAY: Counter()}
    confirmed: Counter[str] = Counter()
    for row in table.settled.values():
        if row.status not in REACHED or row.session is None or row.settled_at is None:
            continue
        for period, counter in sent.items():
            counter[row.session] += row.settled_at > now - period
        confirmed[row.session] += row.settled_at > now - HOUR and (row.ack or 0) >= SERVER
    return {
        session: Activity(sent[MINUTE][session], sent[HOUR][session], day, confirmed[session])
        for session, day in sent[DAY].items()
        if day
    }
