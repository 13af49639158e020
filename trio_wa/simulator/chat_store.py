"""The messages that WAHA itself keeps, delivered or not."""

from collections import deque
from dataclasses import dataclass

from trio_wa.simulator.ack_plan import Ack
from trio_wa.simulator.message import Message

_ROUNDING = 1e-6  # seconds


@dataclass(slots=True, eq=False)
class Kept:
    """A message that was accepted over `session`, and whether it was delivered.

    `acks` are the levels that it reaches by itself, each with its time in seconds since the epoch;
    `by_hand` is the one that was given instead.
    """

    message: Message
    session: str
    delivered: bool
    acks: tuple[tuple[float, Ack], ...] = ()
    by_hand: Ack | None = None

    def level(self, now: float) -> Ack:
        """Its ack at the time `now`."""
        if self.by_hand is not None:
            return self.by_hand
        reached: Ack = 0
        for at, level in self.acks:
            if at <= now + _ROUNDING:
                reached = level
        return reached


class ChatStore:
    """Remembers the last `keep` messages, each by its session and raw id."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._order: deque[Kept] = deque()
        self._by_id: dict[str, dict[str, Kept]] = {}

    def put(self, kept: Kept) -> None:
        """Keep a message, in the place of one with the same session and id."""
        self._by_id.setdefault(kept.message.id, {})[kept.session] = kept
        self._order.append(kept)
        if len(self._order) > self._keep:
            self._forget(self._order.popleft())

    def find(self, session: str, message_id: str) -> Kept | None:
        """The message with this raw id that was accepted over `session`."""
        return self._by_id.get(message_id, {}).get(session)

    def last(self, message_id: str) -> Kept | None:
        """The message with this raw id, of whatever session; the last one of several."""
        found = self._by_id.get(message_id)
        return list(found.values())[-1] if found else None

    def clear(self) -> None:
        """Forget every message."""
        self._order.clear()
        self._by_id.clear()

    def _forget(self, kept: Kept) -> None:
        of_its_id = self._by_id.get(kept.message.id, {})
        if of_its_id.get(kept.session) is kept:
            del of_its_id[kept.session]
            if not of_its_id:
                del self._by_id[kept.message.id]
