"""One task between the channel and the workers: it takes messages in and hands claims out."""

import random
from math import inf

import structlog
import trio

from trio_wa.clock import Clock
from trio_wa.core.affinity import Allowed
from trio_wa.core.contacts import is_stranger
from trio_wa.core.dispatch import Claim, Dispatch, Expiry, Turn, Wait, Waiting
from trio_wa.core.message import Message
from trio_wa.core.notice import Notice
from trio_wa.core.outcome import Outcome
from trio_wa.core.retry import Decision, Final, Inquire, Requeue
from trio_wa.core.slot import Ghost
from trio_wa.core.status import REACHED
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
        self._pause: trio.CancelScope | None = None
        self._not_before = 0.0
        self._still = trio.Event()
        self._moving = trio.Event()
        self._moving.set()
        self.drain_until = inf
        self._claims: trio.MemorySendChannel[Job]
        self._claims, self.claims = trio.open_memory_channel[Job](0)

    async def run(self) -> None:
        """Move messages from the window to the workers until there is nothing left to do."""
        arriving = True
        async with self._claims, self._window.receive:
            while True:
                if arriving:
                    arriving = self._take_in()
                turn = self._claim(self._clock.now())
                if not isinstance(turn, Wait):
                    await self._claims.send(turn)
                    continue
                self._note_standstill()
                if not arriving and turn.until >= self.drain_until and not self._awaits():
                    return
                await self._wait(turn.until, arriving=arriving)

    def finished(
        self, claim: Claim, outcome: Outcome | None, decision: Decision
    ) -> tuple[Notice, ...]:
        """Take note of a worker's recorded attempt; an outcome of `None` says there was none.

        After `Inquire` the recipient is held until `released`. Returns what that changed about the
        session.
        """
        notices = self._dispatch.finish(
            claim,
            outcome,
            decision.message if isinstance(decision, Requeue) else None,
            now=self._clock.now(),
            jitter=random.random(),  # noqa: S311 - jitter
            hold=isinstance(decision, Inquire),
        )
        if isinstance(decision, Final):
            self._leave(final=outcome is not None)
        self._wake()
        return notices

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
                self._leave(final=True)
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
                self._dispatch.finish_expiry()
                self._dispatch.add(message)
        self._wake()

    def discard(self, message_id: str) -> None:
        """Drop a message that was cancelled while it waited, if it is in memory."""
        if self._dispatch.discard(message_id):
            self._window.leave()
            self._wake()

    def overtaken(self, message_id: str) -> None:
        """Drop a message that waited to be sent again, and turned out to have been sent."""
        self._window.release()
        self.discard(message_id)

    def learn_contact(self, session: str, chat_id: str) -> None:
        """Take note that a recipient is no new contact of a session."""
        self._dispatch.learn_contact(session, chat_id)
        self._wake()

    def waiting(self, message_id: str) -> Waiting | None:
        """What a message in memory waits for; None if it does not wait here."""
        return self._dispatch.waiting(message_id, self._clock.now())

    def estimate(
        self, sessions: Allowed, seq: int | None = None, *, stranger: bool = False
    ) -> float | None:
        """When a message that allows `sessions` is about to begin, in seconds since the epoch.

        It is queued with this `seq`, or is the newest; a `stranger` is one to whom nobody has
        written. None without a pace, or if no session works.
        """
        if not self._dispatch.paced:
            return None
        behind = max(0, self._window.places - self._dispatch.held)  # those not in the ready set
        if seq is None:
            behind = max(0, behind - 1)  # it has its own place
        else:
            behind = min(behind, max(0, seq - self._window.fed_seq - 1))
        ahead = self._dispatch.ahead(sessions, seq)
        ahead += behind * self._dispatch.rotation.share(sessions, ())
        strangers = self._dispatch.ahead(sessions, seq, strangers=True) if stranger else None
        return self._dispatch.estimate(sessions, ahead, self._clock.now(), strangers=strangers)

    def is_stranger(self, message_id: str) -> bool:
        """Whether a message waits here to be the first to its recipient."""
        message = self._dispatch.ready.get(message_id)
        return message is not None and is_stranger(message)

    def obstacles(self) -> dict[str, str]:
        """For each session through which nothing may go now, the code of the reason."""
        return self._dispatch.rotation.obstacles()

    async def stands_still(self) -> None:
        """Wait until something stands in the way of every session."""
        await self._still.wait()

    async def moves(self) -> None:
        """Wait until nothing stands in the way of one session at least."""
        await self._moving.wait()

    def expired(self, *, final: bool) -> None:
        """Take note that a worker is done with an expired message; not final if it was before."""
        self._dispatch.finish_expiry()
        self._leave(final=final)
        self._wake()

    def _leave(self, *, final: bool) -> None:
        self._window.leave()
        if final:  # otherwise whoever made it final has given its place back
            self._window.release()

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
        if self._dispatch.in_flight:
            return True
        return self._dispatch.open > 0 and self.drain_until == inf

    def _claim(self, now: float) -> Turn:
        if now < self._not_before:
            return Wait(self._not_before)
        return self._dispatch.claim(now, jitter=random.random())  # noqa: S311 - jitter

    def _take_in(self) -> bool:
        """Move what has arrived into the ready set; False once nothing more can arrive."""
        try:
            while True:
                self._dispatch.add(self._window.receive.receive_nowait())
        except trio.WouldBlock:
            return True
        except trio.EndOfChannel:
            return False

    async def _wait(self, until: float, *, arriving: bool) -> None:
        """Wait for an arrival, the end of an attempt, or the time `until`."""
        with trio.CancelScope(deadline=self._clock.deadline(until)) as self._pause:
            if arriving:
                try:
                    message: Message = await self._window.receive.receive()
                except trio.EndOfChannel:
                    pass
                else:
                    self._dispatch.add(message)
            else:
                await trio.sleep_forever()
        self._pause = None

    def _wake(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
