"""Which message goes next, and over which session: the rules of the dispatcher."""

from collections import Counter
from collections.abc import Sequence
from math import inf

from trio_wa.core.forecast import Forecast
from trio_wa.core.lanes import Lanes
from trio_wa.core.limits import UNLIMITED, Limits
from trio_wa.core.message import Message, Priority
from trio_wa.core.notice import Notice
from trio_wa.core.outcome import Outcome
from trio_wa.core.quiet_hours import QUIET, QuietHours
from trio_wa.core.rotation import Rotation
from trio_wa.core.session import Session
from trio_wa.core.turn import Claim, Expiry, Turn, Wait, Waiting
from trio_wa.core.turns import Turns


class Dispatch:
    """A ready set for each lane, the sessions and the workers' count; it decides, and does no I/O.

    Lanes, order per recipient, rotation, bulkhead, gates and pace are rules of `claim` alone. A
    message whose attempt is open (it is being looked up) is with no worker, and the next ones to
    its recipient wait: those of its lane, as with all that has to do with order.

    `outdated` are old copies of messages that were retried: they are out, because the newer ones
    wait. Whoever gives their permits back empties it.
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
        self.lanes = Lanes(self.rotation)
        self.outdated: list[Message] = []
        self._turns = Turns(self.lanes)
        self.forecast = Forecast(self.lanes, self._turns, self.rotation, quiet_hours)
        self._workers = workers
        self._busy = 0
        self._unsettled = 0
        self._open: dict[str, Message] = {}
        self._out: Counter[Priority] = Counter()
        self._quiet_hours = quiet_hours

    @property
    def in_flight(self) -> int:
        """How many claims are with workers."""
        return self._busy

    @property
    def full(self) -> bool:
        """Whether every worker has a claim."""
        return self._busy >= self._workers

    @property
    def unsettled(self) -> int:
        """How many workers' claims have ended, and are not settled."""
        return self._unsettled

    @property
    def open(self) -> int:
        """How many messages are being looked up."""
        return len(self._open)

    @property
    def held(self) -> int:
        """How many messages are in memory: waiting, with a worker, or being looked up."""
        return sum(map(self.held_in, self.lanes))

    def held_in(self, priority: Priority) -> int:
        """How many messages of one lane are in memory."""
        return len(self.lanes[priority]) + self._out[priority]

    def set_status(self, name: str, status: str | None, now: float) -> None:
        """Note what WAHA says of a session; None if that cannot be read."""
        self.rotation.set_status(name, status, now)

    def set_paused(self, name: str, paused: bool) -> None:
        """Note whether an operator keeps a session from sending."""
        self.rotation.set_paused(name, paused)

    def learn_contact(self, session: str, chat_id: str) -> None:
        """Note that a recipient is no new contact of a session, as after a message of theirs."""
        self.rotation.contacts.learn(session, chat_id, known=True)
        self.lanes.refile(chat_id)

    def get(self, message_id: str) -> Message | None:
        """A waiting message; None if it does not wait here."""
        return self.lanes.message(message_id)

    def add(self, message: Message) -> None:
        """Take a message into the ready set of its lane; of two copies the newer stays."""
        old = self.lanes[message.priority].add(message)
        if old is not None:
            self.outdated.append(old)

    def discard(self, message_id: str) -> Message | None:
        """Drop a waiting message, as after its cancellation; None if it does not wait here."""
        dropped = (lane.discard(message_id) for lane in self.lanes.values())
        return next((message for message in dropped if message is not None), None)

    def claim(self, now: float, *, jitter: float) -> Turn:
        """The next thing for an idle worker to do, or until when there is none.

        Of the lane whose turn it is the oldest message that any free session may send goes first,
        so none starves. `jitter`, uniform in [0, 1), draws the gap that its session then keeps.
        """
        if self.full:
            return Wait(inf)
        waiting = self.lanes.waiting()
        for lane in waiting:
            if (message := lane.expired(now)) is not None:
                self._hand_out(message)
                return Expiry(message)
        quiet_until = self._quiet_until(QUIET, now) if self.lanes[QUIET] else None
        if quiet_until is not None:
            waiting.remove(self.lanes[QUIET])
        self.lanes.regroup(now)
        options = [option for lane in waiting if (option := self.lanes.oldest(lane, now))]
        if options:
            message, slot = self._turns.choose(options)
            self.lanes[message.priority].take(message)
            self.rotation.take(slot, message, now, jitter=jitter)
            self._hand_out(message)
            return Claim(message, slot.session, now)
        until = min((lane.next_change() for lane in waiting), default=inf)
        if waiting:
            until = min(until, self.rotation.next_opening(now))
        if quiet_until is not None:
            until = min(until, quiet_until, self.lanes[QUIET].next_expiry())
        return Wait(until)

    def waiting(self, message_id: str, now: float) -> Waiting | None:
        """What a message in a ready set waits for; None if it is in none."""
        message = self.get(message_id)
        if message is None:
            return None
        if not self.lanes[message.priority].is_head(message):
            return Waiting("recipient")
        if message.due_at > now:
            return Waiting("retry", message.due_at)
        if (quiet_until := self._quiet_until(message.priority, now)) is not None:
            return Waiting("quiet_hours", quiet_until)
        self.lanes.regroup(now)
        opens_at, barrier = self.rotation.opening(message, now)
        if opens_at > now:
            return Waiting(barrier, opens_at if opens_at < inf else None)
        return Waiting("turn")

    @property
    def paced(self) -> bool:
        """Whether anything but the workers' number bounds how fast messages leave."""
        return not self.rotation.limits.pace.is_off or self._quiet_hours is not None

    def finish_expiry(self, message: Message) -> None:
        """Note that a worker has settled an expired message."""
        self._busy -= 1
        self._out[message.priority] -= 1

    def end(
        self, claim: Claim, outcome: Outcome | None, *, now: float, jitter: float
    ) -> tuple[Notice, ...]:
        """Note that a worker is done with `claim`; an outcome of `None` says it made no attempt.

        Its recipient is held until `settle`. Returns what that changed about the session.
        """
        self._busy -= 1
        self._unsettled += 1
        notices = self.rotation.give_back(
            claim.session.name, claim.message, claim.at, outcome, now=now, jitter=jitter
        )
        if self.rotation.minds_new:  # in another lane the recipient may be filed as it was before
            self.lanes.refile(claim.message.chat_id)
        return notices

    def settle(self, message: Message, requeue: Message | None, *, hold: bool = False) -> bool:
        """Note that the end of a claim is recorded; whether another message can go because of it.

        A message to `requeue` is back at the head of its line before its recipient is free again.
        With `hold` the attempt is open, and the recipient is not free before `release`.
        """
        self._unsettled -= 1
        if not hold:
            return self._free(message, requeue)
        self._open[message.id] = message
        return False

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
        """Note the end of a claim and its record in one step."""
        notices = self.end(claim, outcome, now=now, jitter=jitter)
        self.settle(claim.message, requeue, hold=hold)
        return notices

    def block(self, message: Message) -> None:
        """Hold the recipient of a message whose attempt was open at the start, until `release`."""
        self._open[message.id] = message
        self._out[message.priority] += 1
        self.lanes[message.priority].hold(message.chat_id)

    def release(self, message: Message, requeue: Message | None) -> bool:
        """Note that the look-up of a message is over; False, and nothing done, if none was open.

        A message to `requeue` is back at the head of its line before its recipient is free again.
        """
        held = self._open.pop(message.id, None)
        if held is None:
            return False
        self._free(held, requeue)
        return True

    def _hand_out(self, message: Message) -> None:
        self._busy += 1
        self._out[message.priority] += 1

    def _free(self, message: Message, requeue: Message | None) -> bool:
        if requeue is not None:
            self.add(requeue)
        self._out[message.priority] -= 1
        return self.lanes[message.priority].free(message.chat_id)

    def _quiet_until(self, priority: Priority, now: float) -> float | None:
        if self._quiet_hours is None or priority != QUIET:
            return None
        return self._quiet_hours.ends_at(now)
