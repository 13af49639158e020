"""Which message goes next, and over which session: the rules of the dispatcher."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal, TypeAlias

from trio_wa.core.message import Message
from trio_wa.core.outcome import Outcome
from trio_wa.core.ready import ReadySet
from trio_wa.core.rotation import Rotation, Slot
from trio_wa.core.session import Session


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that may go now over `session`."""

    message: Message
    session: Session


@dataclass(frozen=True, slots=True)
class Expiry:
    """A message whose time to live is over; it is settled, not sent."""

    message: Message


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing may go before the time `until`, unless something arrives or ends."""

    until: float


Turn: TypeAlias = Claim | Expiry | Wait


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a queued message waits for, and until when at least where that is known."""

    reason: Literal["turn", "recipient", "retry", "session"]
    until: float | None = None


class Dispatch:
    """The ready set, the sessions and the workers' count; it decides, and does no I/O.

    Order per recipient, rotation, bulkhead and gates are rules of `claim` alone.
    """

    def __init__(self, sessions: Sequence[Session], *, workers: int, retry_base: float) -> None:
        self.ready = ReadySet()
        self.rotation = Rotation(sessions, workers=workers, retry_base=retry_base)
        self._workers = workers
        self._busy = 0

    @property
    def in_flight(self) -> int:
        """How many claims are with workers."""
        return self._busy

    @property
    def held(self) -> int:
        """How many messages are in memory: waiting or with a worker."""
        return len(self.ready) + self._busy

    def add(self, message: Message) -> None:
        """Take a message into the ready set."""
        self.ready.add(message)

    def discard(self, message_id: str) -> bool:
        """Drop a waiting message, as after its cancellation; False if it does not wait here."""
        return self.ready.discard(message_id) is not None

    def claim(self, now: float) -> Turn:
        """The next thing for an idle worker to do, or until when there is none.

        The oldest message that any free session may send goes first, so none starves.
        """
        if self._busy >= self._workers:
            return Wait(inf)
        if (message := self.ready.expired(now)) is not None:
            self._busy += 1
            return Expiry(message)
        if (choice := self._choose(now)) is not None:
            message, slot = choice
            self.ready.take(message)
            self.rotation.take(slot)
            self._busy += 1
            return Claim(message, slot.session)
        until = self.ready.next_change()
        if self.ready:
            until = min(until, self.rotation.next_opening(now))
        return Wait(until)

    def waiting(self, message_id: str, now: float) -> Waiting | None:
        """What a message in the ready set waits for; None if it is not there."""
        message = self.ready.get(message_id)
        if message is None:
            return None
        if not self.ready.is_head(message):
            return Waiting("recipient")
        if message.due_at > now:
            return Waiting("retry", message.due_at)
        opens_at = self.rotation.opens_at(message.sessions)
        if opens_at > now:
            return Waiting("session", opens_at if opens_at < inf else None)
        return Waiting("turn")

    def finish_expiry(self) -> None:
        """Note that a worker has settled an expired message."""
        self._busy -= 1

    def finish(
        self,
        claim: Claim,
        outcome: Outcome | None,
        requeue: Message | None,
        *,
        now: float,
        jitter: float,
    ) -> str | None:
        """Note that a worker is done with `claim`; an outcome of `None` says it made no attempt.

        A message to `requeue` is back at the head of its line before its recipient is free again.
        Returns the reason if the outcome shut a gate that was open.
        """
        self._busy -= 1
        if requeue is not None:
            self.ready.add(requeue)
        self.ready.free(claim.message.chat_id)
        return self.rotation.give_back(claim.session.name, outcome, now=now, jitter=jitter)

    def _choose(self, now: float) -> tuple[Message, Slot] | None:
        oldest: tuple[Message, Slot] | None = None
        for allowed, message in self.ready.heads(now):
            if oldest is not None and oldest[0].seq < message.seq:
                continue
            slot = self.rotation.pick(allowed, now)
            if slot is not None:
                oldest = (message, slot)
        return oldest
