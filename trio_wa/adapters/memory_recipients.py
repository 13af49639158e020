"""Which recipients are known to which sessions, for the store in memory."""

from collections import OrderedDict


class Recipients:
    """Keeps the `maximum` recipients that were learned last, and the sessions that know each."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._known: OrderedDict[str, set[str]] = OrderedDict()

    def known_to(self, chat_id: str) -> tuple[str, ...]:
        """The sessions to which a recipient is known, in the order of their names."""
        return tuple(sorted(self._known.get(chat_id, ())))

    def learn(self, session: str, chat_id: str) -> None:
        """Note that a recipient is known to a session, or still is."""
        self._known.setdefault(chat_id, set()).add(session)
        self._known.move_to_end(chat_id)
        if len(self._known) > self._maximum:
            self._known.popitem(last=False)
