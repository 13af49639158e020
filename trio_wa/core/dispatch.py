"""Which message goes next, and over which session: the rules of the dispatcher."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal, TypeAlias

from trio_wa.core.affinity import Allowed
from trio_wa.core.contacts import is_stranger
from trio_wa.core.limits import UNLIMITED, Limits
from trio_wa.core.message import Message
from trio_wa.core.notice import Notice
from trio_wa.core.outcome import Outcome
from trio_wa.core.quiet_hours import QuietHours
from trio_wa.core.ready import ReadySet
from trio_wa.core.rotation import Rotation
from trio_wa.core.session import Session
from trio_wa.core.slot import Slot


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that may go now, at the time `at`, over `session`."""

    message: Message
    session: Session
    at: float = 0.0


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

    reason: Literal["turn", "recipient", "retry", "quiet_hours", "pace", "timelock", "session"]
    until: float | None = None


class Dispatch:
    """The ready set, the sessions and the workers' count; it decides, and does no I/O.

    Order per recipient, rotation, bulkhead, gates and pace are rules of `claim` alone. A message
    whose attempt is open (it is being looked up) is with no worker, and its recipient's next ones
    wait.
    """

    def __init__(
        self,
        sessions: Sequence[Session],
        *,
        workers: int,
        retry_base: float,
        sticky: bool = False,
        limits: Limits = UNLIMITED,
        quiet_hours: QuietHours | None = None,
    ) -> None:
        self.rotation = Rotation(
            sessions, workers=workers, retry_base=retry_base, sticky=sticky, limits=limits
        )
        self.ready = ReadySet(self.rotation.routes)
        self._workers = workers
        self._busy = 0
        self._open: dict[str, str] = {}
        self._quiet_hours = quiet_hours
        self._filed_for = self.rotation.filing(0.0)
        self._filed_by_contact = self.rotation.minds_new

    @property
    def in_flight(self) -> int:
        """How many claims are with workers."""
        return self._busy

    @property
    def open(self) -> int:
        """How many messages are being looked up."""
        return len(self._open)

    @property
    def held(self) -> int:
        """How many messages are in memory: waiting, with a worker, or being looked up."""
        return len(self.ready) + self._busy + len(self._open)

    def set_status(self, name: str, status: str | None, now: float) -> None:
        """Note what WAHA says of a session; None if that cannot be read."""
        self.rotation.set_status(name, status, now)

    def set_paused(self, name: str, paused: bool) -> None:
        """Note whether an operator keeps a session from sending."""
        self.rotation.set_paused(name, paused)

    def learn_contact(self, session: str, chat_id: str) -> None:
        """Note that a recipient is no new contact of a session, as after a message of theirs."""
        self.rotation.contacts.learn(session, chat_id, known=True)
        self.ready.refile(chat_id)

    def add(self, message: Message) -> None:
        """Take a message into the ready set."""
        self.ready.add(message)

    def discard(self, message_id: str) -> bool:
        """Drop a waiting message, as after its cancellation; False if it does not wait here."""
        return self.ready.discard(message_id) is not None

    def claim(self, now: float, *, jitter: float) -> Turn:
        """The next thing for an idle worker to do, or until when there is none.

        The oldest message that any free session may send goes first, so none starves. `jitter`,
        uniform in [0, 1), draws the gap that its session then keeps.
        """
        if self._busy >= self._workers:
            return Wait(inf)
        if (message := self.ready.expired(now)) is not None:
            self._busy += 1
            return Expiry(message)
        if (quiet_until := self._quiet_until(now)) is not None:
            return Wait(min(self.ready.next_expiry(), quiet_until if self.ready else inf))
        if (choice := self._choose(now)) is not None:
            message, slot = choice
            self.ready.take(message)
            self.rotation.take(slot, message, now, jitter=jitter)
            self._busy += 1
            return Claim(message, slot.session, now)
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
        if (quiet_until := self._quiet_until(now)) is not None:
            return Waiting("quiet_hours", quiet_until)
        self._regroup(now)
        opens_at, barrier = self.rotation.opening(message, now)
        if opens_at > now:
            return Waiting(barrier, opens_at if opens_at < inf else None)
        return Waiting("turn")

    @property
    def paced(self) -> bool:
        """Whether anything but the workers' number bounds how fast messages leave."""
        return not self.rotation.limits.pace.is_off or self._quiet_hours is not None

    def ahead(self, sessions: Allowed, seq: int | None = None, *, strangers: bool = False) -> float:
        """How many waiting messages go before one with this `seq`, or before a new one.

        Of those that also allow other sessions than its own `sessions`, only their share counts;
        with `strangers` only those that are the first to their recipient.
        """
        allowing = self.ready.strangers if strangers else self.ready.allowing
        if seq is not None:
            allowing = Counter(
                each.sessions
                for each in self.ready
                if each.seq < seq and (not strangers or is_stranger(each))
            )
        return sum(
            number * self.rotation.share(sessions, allowed) for allowed, number in allowing.items()
        )

    def estimate(
        self, sessions: Allowed, ahead: float, now: float, *, strangers: float | None = None
    ) -> float | None:
        """When a message that allows `sessions` begins, behind so many others.

        An optimistic estimate: all the sessions that work, at their full rate. None if none does.
        For one that is the first to its recipient, `strangers` says how many of those go before.
        """
        estimates = [self.rotation.estimate(sessions, ahead, now)]
        if strangers is not None:
            estimates.append(self.rotation.estimate(sessions, strangers, now, new=True))
        begins = [self._past_quiet_hours(*each) for each in estimates if each is not None]
        return max(begins, default=None)

    def _past_quiet_hours(self, start: float, seconds: float) -> float:
        if self._quiet_hours is None:
            return start + seconds
        return self._quiet_hours.after(start, seconds)

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
        hold: bool = False,
    ) -> tuple[Notice, ...]:
        """Note that a worker is done with `claim`; an outcome of `None` says it made no attempt.

        A message to `requeue` is back at the head of its line before its recipient is free again.
        With `hold` the attempt is open, and the recipient is not free before `release`.
        Returns what that changed about the session.
        """
        self._busy -= 1
        notices = self.rotation.give_back(
            claim.session.name, claim.message, claim.at, outcome, now=now, jitter=jitter
        )
        if hold:
            self._open[claim.message.id] = claim.message.chat_id
        else:
            self._free(claim.message.chat_id, requeue)
        return notices

    def block(self, message: Message) -> None:
        """Hold the recipient of a message whose attempt was open at the start, until `release`."""
        self._open[message.id] = message.chat_id
        self.ready.hold(message.chat_id)

    def release(self, message: Message, requeue: Message | None) -> bool:
        """Note that the look-up of a message is over; False, and nothing done, if none was open.

        A message to `requeue` is back at the head of its line before its recipient is free again.
        """
        chat_id = self._open.pop(message.id, None)
        if chat_id is None:
            return False
        self._free(chat_id, requeue)
        return True

    def _free(self, chat_id: str, requeue: Message | None) -> None:
        if requeue is not None:
            self.ready.add(requeue)
        self.ready.free(chat_id)

    def _quiet_until(self, now: float) -> float | None:
        return None if self._quiet_hours is None else self._quiet_hours.ends_at(now)

    def _regroup(self, now: float) -> None:
        """File the heads anew if what they were filed by has changed."""
        filing = self.rotation.filing(now)
        if filing != self._filed_for:
            self._filed_for = filing
            by_contact, self._filed_by_contact = self._filed_by_contact, self.rotation.minds_new
            if (
                self.rotation.sticky
                or self.ready.preferring
                or by_contact
                or self._filed_by_contact
            ):
                self.ready.regroup()

    def _choose(self, now: float) -> tuple[Message, Slot] | None:
        self._regroup(now)
        oldest: tuple[Message, Slot] | None = None
        for route, message in self.ready.heads(now):
            if oldest is not None and oldest[0].seq <= message.seq:
                continue
            slot = self.rotation.pick(message, route.first, now)
            if slot is not None:
                oldest = (message, slot)
        return oldest
