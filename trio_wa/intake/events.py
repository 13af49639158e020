"""What the intake tells of WAHA's events."""

from typing import Protocol

from trio_wa.ports import Receipt


class Events(Protocol):
    """Whoever keeps the receipts of messages and what is known of sessions."""

    async def acknowledge(self, receipt: Receipt) -> None:
        """Record an ack; it is durable when this returns.

        Raises:
            StoreUnavailable: it is not recorded.
        """

    async def written_by(self, session: str, chat_id: str) -> None:
        """Record that somebody wrote to a session; it is durable when this returns.

        Raises:
            StoreUnavailable: it is not recorded.
        """

    def session_status(self, session: str, status: str, at: float) -> None:
        """Note the status that a session has had since the time `at`."""

    def heard(self, session: str, event: str) -> None:
        """Note that an event came of a session, whatever it says: WAHA's webhooks arrive."""
