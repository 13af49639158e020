"""Under which chat ids WhatsApp knows people, for the store in memory."""


class Contacts:
    """Keeps the newest `maximum` contacts."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._known_as: dict[str, str] = {}
        self._bearers: dict[str, set[str]] = {}

    def known_as(self, chat_id: str) -> str | None:
        """The chat id under which WhatsApp knows a recipient; None if that is not known."""
        return self._known_as.get(chat_id)

    def remember(self, chat_id: str, known_as: str) -> None:
        """Record under which chat id WhatsApp knows a recipient."""
        self._forget(chat_id)
        self._known_as[chat_id] = known_as
        self._bearers.setdefault(known_as, set()).add(chat_id)
        if len(self._known_as) > self._maximum:
            self._forget(next(iter(self._known_as)))

    def names(self, chat_id: str) -> tuple[str, ...]:
        """All chat ids of the person who has this one, which comes first."""
        known_as = self._known_as.get(chat_id, chat_id)
        bearers = (*self._bearers.get(chat_id, ()), *self._bearers.get(known_as, ()))
        others = {known_as, *bearers} - {chat_id}
        return (chat_id, *sorted(others))

    def _forget(self, chat_id: str) -> None:
        known_as = self._known_as.pop(chat_id, None)
        if known_as is not None:
            bearers = self._bearers[known_as]
            bearers.remove(chat_id)
            if not bearers:
                del self._bearers[known_as]
