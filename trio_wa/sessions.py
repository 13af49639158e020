"""What is known of each WhatsApp session, and what an operator may do with it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from typing import Protocol

import structlog
import trio

from trio_wa.clock import Clock
from trio_wa.core.session import Session
from trio_wa.core.slot import MISSING, WORKING, Ghost
from trio_wa.ports import (
    Alarm,
    Observer,
    Picture,
    Refusal,
    SessionMemory,
    Store,
    StoreUnavailable,
    WahaInfo,
)

log = structlog.get_logger(__name__)

HURRY_SECONDS = 1.0
"""Between two polls of one WAHA at least, however many sends it refuses meanwhile."""

SECOND_SECONDS = 0.5
"""From the first poll to the second: what changed before webhooks could be heard shows then."""

UNASKED = "UNASKED"
"""The status of a session before its WAHA was asked."""


class Rules(Protocol):
    """Who decides which session sends: the dispatcher."""

    def set_status(self, session: str, status: str | None) -> None:
        """A session has this status now; None if it cannot be read."""

    def set_paused(self, session: str, *, paused: bool) -> None:
        """An operator wants nothing, or again something, to go out over a session."""

    def set_ghost(self, session: str, ghost: Ghost | None) -> None:
        """A session delivers nothing, may be probed, or is as the others."""

    def set_locked(self, session: str, until: float) -> None:
        """A session may write to no new contact until then."""


@dataclass(slots=True, eq=False)
class Known:
    """One session, as the pool knows it; `since` is when its status began, as far as is known."""

    session: Session
    memory: SessionMemory
    status: str | None = UNASKED
    since: float | None = None
    told_at: float = 0.0
    heard: trio.Event = field(default_factory=trio.Event)
    recording: trio.Lock = field(default_factory=trio.Lock)

    @property
    def works(self) -> bool:
        """Whether nothing is known that keeps it from sending."""
        return self.status in (None, WORKING)


@dataclass(slots=True, eq=False)
class _Origin:
    """One WAHA; `hurry` asks for a poll now."""

    url: str
    hurry: trio.Event = field(default_factory=trio.Event)
    problem: str | None = None
    unreadable: bool = False


class SessionPool:
    """Keeps the status of each session, from polls, webhooks and refused sends.

    `on_start` is called with the name of each session that begins to work, and with whether it was
    seen not to.
    """

    def __init__(
        self,
        sessions: Sequence[Session],
        memories: Mapping[str, SessionMemory],
        store: Store,
        observer: Observer,
        rules: Rules,
        alarm: Alarm,
        clock: Clock,
        *,
        poll: float,
        on_start: Callable[[str, bool], None],
    ) -> None:
        self._store = store
        self._observer = observer
        self._rules = rules
        self._alarm = alarm
        self._clock = clock
        self._poll_seconds = poll
        self._on_start = on_start
        self._origins = {session.url: _Origin(session.url) for session in sessions}
        self.known = {session.name: Known(session, memories[session.name]) for session in sessions}
        for name, known in self.known.items():
            rules.set_status(name, UNASKED)
            rules.set_paused(name, paused=known.memory.paused)
            if known.memory.heard_at is not None:
                known.heard.set()

    async def run(self) -> None:
        """Poll every WAHA until cancelled."""
        async with trio.open_nursery() as nursery:
            for url, origin in self._origins.items():
                nursery.start_soon(self._watch, origin, name=f"session-poll-{url}")

    def works(self, session: str) -> bool:
        """Whether nothing is known that keeps a session from sending."""
        return self.known[session].works

    def doubt(self, session: str) -> None:
        """Note that a send was refused because of the session: its WAHA is asked soon."""
        self._origins[self.known[session].session.url].hurry.set()

    def told(self, session: str, status: str, at: float) -> None:
        """Note what a webhook says of a session; `at` is when it became so."""
        self.known[session].told_at = self._clock.now()
        self._learn(session, status, at)

    async def acked(self, session: str, at: float) -> None:
        """Note an ack of SERVER or more; the first of a session is remembered.

        Raises:
            StoreUnavailable: it could not be recorded; the next ack is the first then.
        """
        known = self.known[session]
        if known.memory.acked_at is None:
            await self._remember(session, lambda memory: memory.first_acked(at))
            known.heard.set()

    def heard(self, session: str) -> None:
        """Note that an event of a session came."""
        self.known[session].heard.set()

    def acked_since(self, session: str) -> float:
        """When the first ack of SERVER or more came over a session; infinity: none did."""
        acked_at = self.known[session].memory.acked_at
        return inf if acked_at is None else acked_at

    async def first_heard(self, session: str) -> float:
        """Wait until an event or an ack of a session has come; since when they come.

        Raises:
            StoreUnavailable: that could not be recorded, and with the next call is later.
        """
        known = self.known[session]
        await known.heard.wait()
        now = self._clock.now()
        if known.memory.heard_at is None:
            await self._remember(session, lambda memory: memory.first_heard(now))
        return known.memory.heard_at or now

    async def proven(self, session: str) -> None:
        """Note that WAHA has sent under an id that was chosen, and found the message by it.

        Raises:
            StoreUnavailable: it could not be recorded.
        """
        if not self.known[session].memory.proven:
            await self._remember(session, lambda memory: replace(memory, proven=True))

    async def pause(self, session: str) -> None:
        """Let nothing go out over a session; durable on return.

        Raises:
            StoreUnavailable: it could not be recorded, and nothing has changed.
        """
        await self._remember(session, lambda memory: replace(memory, paused=True))
        self._rules.set_paused(session, paused=True)

    async def resume(self, session: str) -> None:
        """Use a session again, whatever was held against it; durable on return.

        That ends its pause, its exile as a ghost and the hold after a time-lock.

        Raises:
            StoreUnavailable: it could not be recorded, and nothing has changed.
        """
        await self._remember(
            session, lambda memory: replace(memory, paused=False, ghost=False, locked_until=None)
        )
        self._rules.set_paused(session, paused=False)
        self._rules.set_ghost(session, None)
        self._rules.set_locked(session, 0.0)

    def has_acked(self, session: str) -> bool:
        """Whether WhatsApp ever acknowledged something over a session."""
        return self.known[session].memory.acked_at is not None

    async def remember_ghost(self, session: str, *, ghost: bool) -> None:
        """Record whether a session delivers nothing.

        Raises:
            StoreUnavailable: it could not be recorded.
        """
        await self._remember(session, lambda memory: replace(memory, ghost=ghost))

    async def remember_rate(self, rate: int | None, lately: Collection[str] = ()) -> None:
        """Record at which rate the sessions send, in messages a minute; None: at any.

        For those that sent `lately`, within the last minute, a higher one of before still counts.
        """
        for name in self.known:
            remember = partial(SessionMemory.at_rate, rate=rate, lately=name in lately)
            try:
                await self._remember(name, remember)
            except StoreUnavailable as error:
                log.warning("sessions.store_unavailable", reason=str(error))

    async def remember_lock(self, session: str, until: float | None) -> None:
        """Record until when a session may write to no new contact; None if it may.

        Raises:
            StoreUnavailable: it could not be recorded.
        """
        await self._remember(session, lambda memory: replace(memory, locked_until=until))

    async def restart(self, session: str) -> Refusal | None:
        """Let WAHA restart a session."""
        refusal = await self._observer.restart(self.known[session].session)
        self.doubt(session)
        return refusal

    async def qr_code(self, session: str) -> Picture | Refusal:
        """The QR code that links a phone to a session."""
        return await self._observer.qr_code(self.known[session].session)

    async def _remember(
        self, session: str, change: Callable[[SessionMemory], SessionMemory]
    ) -> None:
        """Record a change; one after another, for each builds upon what the last one made."""
        known = self.known[session]
        async with known.recording:
            memory = change(known.memory)
            if memory != known.memory:
                await self._store.remember_session(session, memory)
                known.memory = memory

    async def _watch(self, origin: _Origin) -> None:
        await self._ask(origin)
        await trio.sleep(min(SECOND_SECONDS, self._poll_seconds))
        while True:
            await self._ask(origin)
            await trio.sleep(min(HURRY_SECONDS, self._poll_seconds))
            with trio.move_on_after(max(0.0, self._poll_seconds - HURRY_SECONDS)):
                await origin.hurry.wait()
            origin.hurry = trio.Event()

    async def _ask(self, origin: _Origin) -> None:
        began_at = self._clock.now()
        self._take(origin, await self._observer.statuses(origin.url), began_at)

    def _take(self, origin: _Origin, info: WahaInfo, began_at: float) -> None:
        """Learn from an answer, unless a webhook told of a session after the poll had begun."""
        if info.problem != origin.problem:
            log.info("waha.answers" if info.problem is None else "waha.away", url=origin.url)
        origin.problem = info.problem
        unreadable = info.problem is None and info.statuses is None
        if unreadable and not origin.unreadable:
            log.warning("sessions.unreadable", url=origin.url, effect="they are used as they are")
        origin.unreadable = unreadable
        for name, known in self.known.items():
            if known.session.url != origin.url or known.told_at >= began_at:
                continue
            if info.statuses is not None:
                self._learn(name, info.statuses.get(name, MISSING), began_at)
            elif unreadable or known.status == UNASKED:
                self._learn(name, None, began_at)

    def _learn(self, session: str, status: str | None, at: float) -> None:
        known = self.known[session]
        before, works = known.status, known.works
        if status == before:
            self._rules.set_status(session, status)  # a refused send may have said otherwise
            return
        known.status, known.since = status, at
        self._rules.set_status(session, status)
        if known.works and not works:
            if status is not None and before != UNASKED:  # else nobody missed it
                self._alarm("session.up", session)
            self._on_start(session, before != UNASKED)
        elif works and not known.works:
            self._alarm("session.down", session, status=status)
