"""Between the lanes and the workers: one task a lane takes messages in, one hands claims out."""

import contextlib
import random
from collections.abc import Sequence
from math import inf

import structlog
import trio

from trio_wa.clock import Clock
from trio_wa.core.behind import Behind
from trio_wa.core.dispatch import Dispatch
from trio_wa.core.message import LANES, Message, Priority
from trio_wa.core.notice import Notice
from trio_wa.core.outcome import Outcome
from trio_wa.core.retry import Decision, Final, Inquire, Requeue
from trio_wa.core.slot import Ghost
from trio_wa.core.status import REACHED
from trio_wa.core.turn import Claim, Expiry, Turn, Wait, Waiting
from trio_wa.lane import Lane
from trio_wa.ports import Place
from trio_wa.window import Window

log = structlog.get_logger(__name__)

Job = Claim | Expiry

STORE_SECONDS = 1.0
"""How long nothing is claimed after the store refused to begin an attempt."""


class Dispatcher:
    """Feeds idle workers from the window, by the rules of `core.dispatch`.

    It ends, and with it the channel of claims, once the window is closed and nothing that is left
    can leave before `drain_until`. Without such a time it also waits for what is being looked up.
    """

    def __init__(self, dispatch: Dispatch, window: Window, clock: Clock) -> None:
        self._dispatch = dispatch
        self._window = window
        self._clock = clock
        self._arriving = len(window.lanes)
        self._news = trio.Event()
        self._not_before = 0.0
        self._still = trio.Event()
        self._moving = trio.Event()
        self._moving.set()
        self.drain_until = inf
        self._claims: trio.MemorySendChannel[Job]
        self._claims, self.claims = trio.open_memory_channel[Job](0)

    async def run(self) -> None:
        """Move messages from the window to the workers until there is nothing left to do."""
        async with trio.open_nursery() as lanes:
            for priority, lane in self._window.lanes.items():
                lanes.start_soon(self._take_in, lane, name=f"lane-{priority}")
            async with self._claims:
                await self._hand_out()

    def ended(self, claim: Claim, outcome: Outcome | None) -> tuple[Notice, ...]:
        """Take note that a worker is done with a claim; an outcome of `None`: it made no attempt.

        Its recipient is held until it is `settled`. Returns what that changed about the session.
        """
        now = self._clock.now()
        return self._dispatch.end(claim, outcome, now=now, jitter=random.random())  # noqa: S311 - jitter

    def settled(self, claim: Claim, decision: Decision) -> None:
        """Take note that the end of a claim is recorded.

        After `Inquire` its recipient is held until `released`.
        """
        requeue = decision.message if isinstance(decision, Requeue) else None
        hold = isinstance(decision, Inquire)
        came_up = self._dispatch.settle(claim.message, requeue, hold=hold)
        if isinstance(decision, Final):
            self._leave(claim.message, final=True)
        if came_up or not self._arriving:
            self._wake()

    def gone(self, claim: Claim) -> None:
        """Take note that a claim was not begun, because something else had settled its message."""
        self._dispatch.finish(claim, None, None, now=self._clock.now(), jitter=0.0)
        self._leave(claim.message, final=False)

    def next(self, *, at_once: bool) -> Job | None:
        """The next job of a worker that has told the end of its last; None: let it wait for one.

        At once, it sends while others still read their answers. Through the channel all that have
        ended wait for one another, which costs less where many do, and then go out together.
        """
        turn = self._claim(self._clock.now()) if at_once else None
        if not self._dispatch.full:
            self._wake()  # there may be more, for others; or the time until there is has changed
        return None if isinstance(turn, Wait) else turn

    def stopped(self, claim: Claim) -> str | None:
        """The code of what has come to stand in the way of a claim's session; None: nothing has."""
        slot = self._dispatch.rotation.slots[claim.session.name]
        return None if slot.lets_go(claim.at) else slot.obstacle

    def block(self, message: Message) -> None:
        """Hold the recipient of an open attempt of before the start, until `released`.

        The message has a permit.
        """
        self._dispatch.block(message)

    def released(self, message: Message, decision: Final | Requeue) -> None:
        """Take note that an open attempt, over the session it prefers, is settled as told."""
        requeue = decision.message if isinstance(decision, Requeue) else None
        sent = isinstance(decision, Final) and decision.status in REACHED
        if sent and message.prefer is not None:
            self._dispatch.learn_contact(message.prefer, message.chat_id)
        if self._dispatch.release(message, requeue):
            if requeue is None:
                self._leave(message, final=True)
            self._wake()

    def set_status(self, session: str, status: str | None) -> None:
        """Take note of what WAHA says of a session; None if that cannot be read."""
        self._dispatch.set_status(session, status, self._clock.now())
        self._wake()

    def set_ghost(self, session: str, ghost: Ghost | None) -> None:
        """Take note that a session delivers nothing, may be probed, or is as the others again."""
        self._dispatch.rotation.set_ghost(session, ghost)
        self._wake()

    def set_locked(self, session: str, until: float) -> None:
        """Take note until when a session may write to no new contact."""
        self._dispatch.rotation.set_locked(session, until)
        self._wake()

    def set_paused(self, session: str, *, paused: bool) -> None:
        """Take note that an operator wants nothing, or again something, to go over a session."""
        self._dispatch.set_paused(session, paused)
        self._wake()

    def refused(self, job: Job) -> None:
        """Take note that the store would not record a job; nothing is claimed for a while."""
        now = self._clock.now()
        self._not_before = now + STORE_SECONDS
        match job:
            case Claim(message):
                self._dispatch.finish(job, None, message, now=now, jitter=0.0)
            case Expiry(message):
                self._dispatch.finish_expiry(message)
                self._dispatch.add(message)

    def discard(self, message_id: str, place: Place) -> None:
        """Give back the `place` of a message that became final while it waited, and drop it."""
        self._window.release(place)
        if (message := self._dispatch.discard(message_id)) is not None:
            self._window.lanes[message.priority].leave()
            self._wake()
        elif place != "scheduled":
            self._window.lanes[place].drop(message_id)

    def learn_contact(self, session: str, chat_id: str) -> None:
        """Take note that a recipient is no new contact of a session."""
        self._dispatch.learn_contact(session, chat_id)
        self._wake()

    def waiting(self, message_id: str) -> Waiting | None:
        """What a message in memory waits for; None if it does not wait here."""
        return self._dispatch.waiting(message_id, self._clock.now())

    @property
    def paced(self) -> bool:
        """Whether anything but the workers' number bounds how fast messages leave."""
        return self._dispatch.paced

    def estimates(self, messages: Sequence[Message]) -> list[float | None]:
        """When accepted messages, by their `seq`, begin at the earliest; None: no session works."""
        now = self._clock.now()
        self._dispatch.lanes.regroup(now)
        behind = {each.priority: self._dispatch.forecast.behind(each.priority) for each in messages}
        return [self._estimate(each, behind[each.priority], now) for each in messages[::-1]][::-1]

    def surely_before(self, at: float, priority: Priority) -> bool:
        """Whether any message of a lane may begin before `at`; False: see what `earliest` says."""
        lanes = [self._window.lanes[lane] for lane in LANES[: LANES.index(priority) + 1]]
        number = sum(lane.places.taken for lane in lanes)
        return self._dispatch.forecast.surely_before(at, self._clock.now(), priority, number)

    def earliest(self, message: Message, *, new: bool) -> float | None:
        """The same of one that is to come behind all that hold places.

        `new` says that no session knows its recipient, as far as the store can tell; else one may.
        """
        self._dispatch.lanes.regroup(self._clock.now())
        forecast = self._dispatch.forecast
        outside, above = self._beyond(message.priority), self._above(message.priority)
        estimate = forecast.begins_at if new else forecast.of_known
        return estimate(message, self._clock.now(), outside=outside, above=above)

    def _estimate(self, message: Message, behind: Behind, now: float) -> float | None:
        forecast, ready = self._dispatch.forecast, self._dispatch.lanes[message.priority]
        above = self._above(message.priority)
        if (waiting := ready.get(message.id)) is not None:
            behind.reach(waiting)
            return forecast.begins_at(waiting, now, above=above, behind=behind)
        if message.seq <= ready.newest:
            return now
        # It lies only in the store, and so do those from the newest in memory up to it.
        before = min(self._beyond(message.priority), message.seq - ready.newest) - 1
        return forecast.of_known(message, now, outside=max(0, before), above=above)

    def _above(self, priority: Priority) -> int:
        """How many messages of the lanes above one are only in the store."""
        return sum(self._beyond(higher) for higher in LANES[: LANES.index(priority)])

    def _beyond(self, priority: Priority) -> int:
        """How many of a lane are only in the store; what is on its way in may go elsewhere."""
        lane = self._window.lanes[priority]
        return max(0, lane.places.taken - self._dispatch.held_in(priority)) if lane.is_behind else 0

    def obstacles(self) -> dict[str, str]:
        """For each session through which nothing may go now, the code of the reason."""
        return self._dispatch.rotation.obstacles()

    async def stands_still(self) -> None:
        """Wait until something stands in the way of every session."""
        await self._still.wait()

    async def moves(self) -> None:
        """Wait until nothing stands in the way of one session at least."""
        await self._moving.wait()

    def expired(self, message: Message, *, final: bool) -> None:
        """Take note that a worker is done with an expired message; not final if it was before."""
        self._dispatch.finish_expiry(message)
        self._leave(message, final=final)

    def _leave(self, message: Message, *, final: bool) -> None:
        self._window.lanes[message.priority].leave()
        if final:  # otherwise whoever made it final has given its place back
            self._window.release(message.priority)

    def _note_standstill(self) -> None:
        still = len(self.obstacles()) == len(self._dispatch.rotation.slots)
        if still and not self._still.is_set():
            self._still.set()
            self._moving = trio.Event()
        elif not still and not self._moving.is_set():
            self._moving.set()
            self._still = trio.Event()

    def _awaits(self) -> bool:
        """Whether something may still come back from a worker, or from a look-up."""
        if self._dispatch.in_flight or self._dispatch.unsettled:
            return True
        return self._dispatch.open > 0 and self.drain_until == inf

    def _claim(self, now: float) -> Turn:
        while self._dispatch.outdated:  # their permits are of no use before a worker is idle
            self._leave(self._dispatch.outdated.pop(), final=False)
        if now < self._not_before:
            return Wait(self._not_before)
        return self._dispatch.claim(now, jitter=random.random())  # noqa: S311 - jitter

    async def _take_in(self, lane: Lane) -> None:
        """Move what arrives in a lane into its ready set, until nothing more can arrive."""
        async with lane.receive:
            async for message in lane.receive:
                self._dispatch.add(message)
                with contextlib.suppress(trio.WouldBlock, trio.EndOfChannel):
                    while True:
                        self._dispatch.add(lane.receive.receive_nowait())
                if not self._dispatch.full:
                    self._wake()
        self._arriving -= 1
        self._wake()

    async def _hand_out(self) -> None:
        while True:
            turn = self._claim(self._clock.now())
            if not isinstance(turn, Wait):
                try:
                    self._claims.send_nowait(turn)  # without a checkpoint for each
                except trio.WouldBlock:
                    await self._claims.send(turn)
                continue
            self._note_standstill()
            if not self._arriving and turn.until >= self.drain_until and not self._awaits():
                return
            await self._wait(turn.until)

    async def _wait(self, until: float) -> None:
        """Wait for an arrival, the end of an attempt, or the time `until`."""
        self._news = trio.Event()
        with trio.CancelScope(deadline=self._clock.deadline(until)):
            await self._news.wait()

    def _wake(self) -> None:
        self._news.set()
