"""WAHA's acks on their way to the store, and what follows from them."""

from typing import Protocol

import structlog

from trio_wa.core.status import ERROR, SERVER, Status
from trio_wa.ports import Place, Receipt, Store

log = structlog.get_logger(__name__)


class Waiting(Protocol):
    """Who holds messages that wait to be sent: the dispatcher."""

    def discard(self, message_id: str, place: Place) -> None:
        """Give back the `place` of a message that became final while it waited; drop it."""


class Open(Protocol):
    """Who looks up what became of messages: the inquiries."""

    def close(self, message_id: str, status: Status) -> None:
        """A receipt has settled an open attempt as `status`."""


class Sessions(Protocol):
    """Who knows the sessions: the pool."""

    def told(self, session: str, status: str, at: float) -> None:
        """A webhook says that a session has had this status since the time `at`."""

    def heard(self, session: str) -> None:
        """An event of a session came."""

    async def acked(self, session: str, at: float) -> None:
        """An ack of SERVER or more came over `session`."""


class Ear(Protocol):
    """Who notices whether webhooks come."""

    def heard(self, session: str) -> None:
        """An event of a session came."""


class Deliveries(Protocol):
    """Who notices sessions that deliver nothing: the ghosts."""

    def acked(self, session: str, waha_id: str) -> None:
        """WhatsApp acknowledged a message, or refused it."""


class Receipts:
    """Takes what WAHA tells of messages and sessions, whoever brings it: webhook or look-up."""

    def __init__(
        self,
        store: Store,
        dispatcher: Waiting,
        inquiries: Open,
        sessions: Sessions,
        deliveries: Deliveries,
        ear: Ear,
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._inquiries = inquiries
        self._sessions = sessions
        self._deliveries = deliveries
        self._ear = ear

    async def acknowledge(self, receipt: Receipt) -> None:
        """Record an ack; it is durable on return.

        Raises:
            StoreUnavailable: it is not recorded; whoever brought it may bring it again.
        """
        moved = await self._store.receive(receipt)
        if moved is not None:
            # In the step that completes the record: no other task sees the one without the other.
            if moved.open:
                self._inquiries.close(moved.message_id, moved.after)
            elif moved.before is Status.QUEUED:
                self._dispatcher.discard(moved.message_id, moved.priority)
            level = log.warning if moved.after is Status.FAILED else log.info
            level(
                f"message.{moved.after}",
                message_id=moved.message_id,
                session=receipt.session,
                waha_id=receipt.waha_id,
            )
        if receipt.ack >= SERVER or receipt.ack == ERROR:  # WhatsApp answered
            self._deliveries.acked(receipt.session, receipt.waha_id)
        if receipt.ack >= SERVER:
            await self._sessions.acked(receipt.session, receipt.at)

    def session_status(self, session: str, status: str, at: float) -> None:
        """Note the status that a session has had since the time `at`."""
        self._sessions.told(session, status, at)

    def heard(self, session: str, event: str) -> None:
        """Note that an event came of a session: WAHA's webhooks arrive."""
        log.debug("webhook.heard", session=session, event_name=event)
        self._ear.heard(session)
        self._sessions.heard(session)
