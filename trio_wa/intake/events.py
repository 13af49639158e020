"""What the intake tells of WAHA's events."""

from typing import Protocol, TypeAlias

from trio_wa.ports import Receipt

ChatIds: TypeAlias = tuple[str, ...]
"""One person's: the chat in which they wrote, and what else is known to be theirs."""


class Events(Protocol):
    """Whoever keeps the receipts of messages and what is known of sessions."""

    async def acknowledge(self, receipt: Receipt) -> None:
        """Record an ack; it is durable when this returns.

        Raises:
            StoreUnavailable: it is not recorded.
        """

    def session_status(self, session: str, status: str, at: float) -> None:
        """Note the status that a session has had since the time `at`."""

    def heard(self, session: str, event: str) -> None:
        """Note that an event came of a session, whatever it says: WAHA's webhooks arrive."""


class Writing(Protocol):
    """Whoever takes what people write to the sessions."""

    async def names_of(self, session: str, chat_ids: ChatIds) -> ChatIds:
        """All chat ids of a writer, from those that WAHA named; within seconds."""

    async def written_by(self, session: str, chat_ids: ChatIds, text: str, at: float) -> None:
        """Record that somebody wrote `text` to a session; it is durable when this returns.

        With a text by which they want no more messages they get none from then on.

        Raises:
            StoreUnavailable: it is not recorded, or not all of it.
        """
