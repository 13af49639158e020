"""Who wants no more messages, and what becomes of those that wait for them."""

from dataclasses import dataclass
from typing import Protocol

import structlog

from trio_wa.ports import Place, Suppression, SuppressionStore
from trio_wa.telemetry import mask

log = structlog.get_logger(__name__)


class Waiting(Protocol):
    """Who holds messages that wait to be sent: the dispatcher."""

    def discard(self, message_id: str, place: Place) -> None:
        """Give back the `place` of a message that became final while it waited; drop it."""


@dataclass(frozen=True, slots=True)
class OptOut:
    """What came of one: whether it is `new` on the list, and how many messages it `cancelled`."""

    new: bool
    cancelled: int


class OptOuts:
    """Puts people on the list of who wants no messages, whoever asks for it."""

    def __init__(self, store: SuppressionStore, waiting: Waiting) -> None:
        self._store = store
        self._waiting = waiting

    async def add(self, suppression: Suppression) -> OptOut:
        """Put somebody on the list, and cancel what is queued for them; it is durable on return.

        Who stands on it already stays as they are.

        Raises:
            StoreUnavailable: nothing was changed.
        """
        new = await self._store.suppression(suppression.chat_id) is None
        places = await self._store.suppress(suppression)
        # In the step that completes the record: no place may be given back twice, or never.
        for message_id, place in places.items():
            self._waiting.discard(message_id, place)
        if new or places:
            log.info(
                "suppression.added",
                number=mask(suppression.chat_id),
                session=suppression.session,
                cancelled=len(places),
            )
        return OptOut(new, len(places))
