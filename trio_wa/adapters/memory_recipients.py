"""Which recipients are known to which sessions, for the store in memory."""

from collections import OrderedDict


class Recipients:
    """Keeps the `maximum` recipients that were learned last, and the sessions that know each."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._known: OrderedDict[str, set[str]] = OrderedDict()

    def known_to(self, chat_id: str) -> tuple[str, ...]:
        """The sessions to which a recipient is known, in the order of their names."""
        known = self._known.get(chat_id)
        return () if known is None else tuple(sorted(known))

    def is_new(self, session: str, chat_id: str) -> bool:
        """Whether a recipient is not known to a session."""
        known = self._known.get(chat_id)
        return known is None or session not in known

    def learn(self, session: str, chat_id: str) -> None:
        """Note that a recipient is known to a session, or still is."""
        if (known := self._known.get(chat_id)) is None:
            self._known[chat_id] = {session}
        else:
            known.add(session)
            self._known.move_to_end(chat_id)
        if len(self._known) > self._maximum:
            self._known.popitem(last=False)
