"""Notices sessions that work, as WAHA says, and deliver nothing; and when they do again."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlencode

import structlog
import trio

from trio_wa.clock import Clock
from trio_wa.core.ghost import Deliveries
from trio_wa.core.slot import Ghost
from trio_wa.ports import Alarm, StoreUnavailable

log = structlog.get_logger(__name__)

STEP_SECONDS = 1.0
"""Between two looks at a session at least, however much it sends."""

AGAIN_SECONDS = 1.0
"""How long a store that failed is left alone."""

HEARD_SECONDS = 600.0
"""How long ago another session's webhook may be, to show that webhooks arrive."""


class Sessions(Protocol):
    """Who knows the sessions: the pool."""

    def works(self, session: str) -> bool:
        """Whether nothing is known that keeps a session from sending."""

    def has_acked(self, session: str) -> bool:
        """Whether WhatsApp ever acknowledged something over a session."""

    async def remember_ghost(self, session: str, *, ghost: bool) -> None:
        """Record whether a session is a ghost. Raises StoreUnavailable."""


class Rules(Protocol):
    """Who decides which session sends: the dispatcher."""

    def set_ghost(self, session: str, ghost: Ghost | None) -> None:
        """A session delivers nothing, may be probed, or is as the others."""


class Ear(Protocol):
    """Who notices whether webhooks come."""

    def heard_elsewhere(self, session: str, seconds: float) -> bool:
        """Whether an event of another session came in the last `seconds`."""


@dataclass(slots=True, eq=False)
class _Watched:
    """One session. After a restart a ghost is `on_trial`: its first ack makes it one no more."""

    deliveries: Deliveries = field(default_factory=Deliveries)
    ghost: bool = False
    on_trial: bool = False
    asleep: bool = False
    changed: trio.Event = field(default_factory=trio.Event)

    def wake(self) -> None:
        self.changed.set()


class Ghosts:
    """Takes a session out of the rotation once less than a `share` of its sends is acknowledged.

    Only one whose acks were seen before, and while webhooks of another session arrive: otherwise
    it may be the webhooks that fail. After a restart of the session one message at a time is its
    probe, until one is acknowledged. `on_ghost` is called with the name of each new ghost,
    `on_return` with that of each that delivers again.
    """

    def __init__(
        self,
        sessions: Iterable[tuple[str, bool]],
        pool: Sessions,
        rules: Rules,
        ear: Ear,
        alarm: Alarm,
        clock: Clock,
        *,
        share: float,
        on_ghost: Callable[[str], None],
        on_return: Callable[[str], None],
    ) -> None:
        self._pool = pool
        self._rules = rules
        self._ear = ear
        self._alarm = alarm
        self._clock = clock
        self._share = share
        self._on_ghost = on_ghost
        self._on_return = on_return
        self._watched = {name: _Watched(ghost=ghost) for name, ghost in sessions}
        for name, watched in self._watched.items():
            if watched.ghost:
                rules.set_ghost(name, "out")

    async def run(self) -> None:
        """Watch every session until cancelled."""
        async with trio.open_nursery() as nursery:
            for name, watched in self._watched.items():
                nursery.start_soon(self._watch, name, watched, name=f"ghosts-{name}")

    def sent(self, session: str, waha_id: str) -> None:
        """Note that WAHA took a message."""
        watched = self._watched[session]
        patience = watched.deliveries.maturity
        watched.deliveries.sent(waha_id, self._clock.now())
        if watched.asleep or watched.on_trial or watched.deliveries.maturity < patience:
            watched.wake()

    def acked(self, session: str, waha_id: str) -> None:
        """Note that WhatsApp acknowledged a message, or refused it."""
        watched = self._watched[session]
        patience = watched.deliveries.maturity
        watched.deliveries.acked(waha_id, self._clock.now())
        if watched.on_trial or watched.deliveries.maturity < patience:
            watched.wake()

    def restarted(self, session: str) -> None:
        """Note that a session was restarted: a ghost may be probed."""
        watched = self._watched[session]
        watched.deliveries.forget()
        if watched.ghost:
            watched.on_trial = True
            self._rules.set_ghost(session, "probe")
            watched.wake()

    def resumed(self, session: str) -> None:
        """Note that an operator wants a session to be used, whatever it delivered so far."""
        watched = self._watched[session]
        watched.deliveries.forget()
        watched.ghost = watched.on_trial = False

    def unproven(self, session: str) -> None:
        """Note that the probe of a ghost came to something that no ack can confirm."""
        self._fail_trial(session, self._watched[session], "unknown")

    async def _watch(self, name: str, watched: _Watched) -> None:
        while True:
            watched.changed = trio.Event()
            try:
                await self._look(name, watched)
            except StoreUnavailable as error:
                log.warning("ghosts.store_unavailable", reason=str(error))
                await trio.sleep(AGAIN_SECONDS)
                continue
            now = self._clock.now()
            due_at = watched.deliveries.next_at(now)
            watched.asleep = due_at is None
            with trio.CancelScope() as scope:
                if due_at is not None:
                    scope.deadline = self._clock.deadline(max(due_at, now + STEP_SECONDS))
                await watched.changed.wait()

    async def _look(self, name: str, watched: _Watched) -> None:
        now = self._clock.now()
        if not watched.ghost:
            if self._share > 0 and watched.deliveries.is_ghost(now, self._share):
                await self._suspect(name, watched)
        elif watched.on_trial and watched.deliveries.any_acked:
            await self._pool.remember_ghost(name, ghost=False)
            watched.ghost = watched.on_trial = False
            self._rules.set_ghost(name, None)
            log.info("session.delivers_again", session=name)
            self._on_return(name)
        elif watched.on_trial and watched.deliveries.any_overdue(now):
            self._fail_trial(name, watched, "unconfirmed")

    def _fail_trial(self, name: str, watched: _Watched, probe: str) -> None:
        watched.on_trial = False
        self._rules.set_ghost(name, "out")
        self._alarm("session.ghost", name, probe=probe)
        self._on_ghost(name)

    async def _suspect(self, name: str, watched: _Watched) -> None:
        if not (
            self._pool.works(name)
            and self._pool.has_acked(name)
            and self._ear.heard_elsewhere(name, HEARD_SECONDS)
        ):
            return
        await self._pool.remember_ghost(name, ghost=True)
        if not watched.deliveries.is_ghost(self._clock.now(), self._share):
            # It was resumed or restarted, or acks came, before that could be recorded.
            await self._pool.remember_ghost(name, ghost=False)
            return
        watched.ghost = True
        self._rules.set_ghost(name, "out")
        listed = urlencode({"session": name, "unconfirmed": "true"})
        self._alarm("session.ghost", name, unconfirmed=f"/messages?{listed}")
        self._on_ghost(name)
