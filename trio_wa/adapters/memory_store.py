"""A store in memory: what is accepted lives as long as the process."""

import itertools
from collections import Counter
from collections.abc import Callable

import trio

from trio_wa.core.message import Message
from trio_wa.core.retry import Decision, Final
from trio_wa.core.status import Status, may_follow
from trio_wa.ports import Attempt, Draft


class MemoryStore:
    """Keeps the state of every unsettled message, and the count of the settled ones."""

    def __init__(self, publish: Callable[[Message], None]) -> None:
        self._publish = publish
        self._seq = itertools.count(1)
        self._statuses: dict[str, Status] = {}
        self._settled: Counter[Status] = Counter()

    async def accept(self, draft: Draft) -> Message:
        """Record a message as queued, and publish it in the same step."""
        message = Message(
            id=draft.id,
            seq=next(self._seq),
            chat_id=draft.chat_id,
            text=draft.text,
            accepted_at=draft.accepted_at,
            expires_at=draft.expires_at,
            sessions=draft.sessions,
        )
        self._statuses[draft.id] = Status.QUEUED
        self._publish(message)
        await trio.lowlevel.checkpoint()
        return message

    async def begin(self, message: Message, session: str, at: float) -> bool:
        """Record that an attempt begins; False if the message is not queued any more."""
        begun = self._move(message.id, Status.SENDING)
        await trio.lowlevel.checkpoint()
        return begun

    async def settle(self, message: Message, attempt: Attempt, decision: Decision) -> None:
        """Record how an attempt ended and what follows from it."""
        after = decision.status if isinstance(decision, Final) else Status.QUEUED
        self._move(message.id, after)
        await trio.lowlevel.checkpoint()

    async def expire(self, message: Message, at: float) -> None:
        """Record that a queued message was not sent in time."""
        self._move(message.id, Status.EXPIRED)
        await trio.lowlevel.checkpoint()

    def counts(self) -> dict[Status, int]:
        """How many messages are in each state."""
        counts = self._settled + Counter(self._statuses.values())
        return {status: counts[status] for status in Status}

    def _move(self, message_id: str, after: Status) -> bool:
        before = self._statuses.get(message_id)
        if before is None or not may_follow(before, after):
            return False
        if after in (Status.QUEUED, Status.SENDING):
            self._statuses[message_id] = after
        else:
            del self._statuses[message_id]
            self._settled[after] += 1
        return True
