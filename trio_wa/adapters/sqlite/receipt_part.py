"""What the store on disk learns of messages once they have gone out."""

from collections.abc import Sequence
from functools import partial

from trio_wa.adapters.sqlite import receipts
from trio_wa.adapters.sqlite.part import Part
from trio_wa.ports import Moved, Receipt, Unconfirmed


class Receipts(Part):
    """The store as `ReceiptStore`."""

    async def receive(self, receipt: Receipt) -> Moved | None:
        """Record an ack; None if no message changed its state."""
        return await self._writer.write(partial(receipts.receive, receipt=receipt))

    async def unconfirmed(
        self, session: str, sent_after: float, limit: int
    ) -> Sequence[Unconfirmed]:
        """What waits for a first ack and was not looked up, the oldest first."""
        query = partial(receipts.unconfirmed, session=session, sent_after=sent_after, limit=limit)
        return await self._readers.read(query)

    async def flag_unconfirmed(self, session: str, sent_after: float, sent_before: float) -> int:
        """Flag what waits for a first ack, at most 1,000 in a call: repeat it until it says 0."""
        flag = partial(receipts.flag_unconfirmed, session=session)
        change = partial(flag, sent_after=sent_after, sent_before=sent_before)
        return await self._writer.write(change)

    async def mark_unconfirmed(self, message_id: str, at: float) -> bool:
        """Flag a sent message that was looked up in vain; False if it waits for no ack any more."""
        change = partial(receipts.mark_unconfirmed, message_id=message_id, at=at)
        return await self._writer.write(change)

    async def resend(self, message_id: str, at: float) -> bool:
        """Queue a sent message without an ack again, once, behind all others, and publish it."""
        change = partial(receipts.resend, message_id=message_id, at=at)
        return await self._writer.write(change)

    async def forget_acks(self, before: float, limit: int) -> int:
        """Forget acks that no message bore; says how many."""
        change = partial(receipts.forget_acks, before=before, limit=limit)
        return await self._writer.write(change)
