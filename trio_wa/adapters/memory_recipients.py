"""Which recipients are known to which sessions, for the store in memory."""


class Recipients:
    """Keeps the newest `maximum` recipients, and of each the sessions to which it is known."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._known: dict[str, set[str]] = {}

    def known_to(self, chat_id: str) -> tuple[str, ...]:
        """The sessions to which a recipient is known, in the order of their names."""
        return tuple(sorted(self._known.get(chat_id, ())))

    def learn(self, session: str, chat_id: str) -> None:
        """Note that a recipient is known to a session."""
        self._known.setdefault(chat_id, set()).add(session)
        if len(self._known) > self._maximum:
            del self._known[next(iter(self._known))]
