"""What follows when WhatsApp lets a session write to no new contact for a while."""

from collections.abc import Mapping
from typing import Protocol

import structlog
import trio

from trio_wa.clock import Clock
from trio_wa.core.session import Session
from trio_wa.ports import Alarm, Observer, StoreUnavailable
from trio_wa.telemetry import timestamp

log = structlog.get_logger(__name__)

MARGIN_SECONDS = 30.0
"""Added to the end that WAHA tells: WhatsApp's clock may be behind ours."""

AGAIN_SECONDS = 1.0
"""How long a store that failed is left alone."""


class Sessions(Protocol):
    """Who knows the sessions: the pool."""

    async def remember_lock(self, session: str, until: float | None) -> None:
        """Record until when a session may write to no new contact; None: it may.

        Raises StoreUnavailable.
        """


class Rules(Protocol):
    """Who decides which session sends: the dispatcher."""

    def set_locked(self, session: str, until: float) -> None:
        """A session may write to no new contact until then."""


class Timelocks:
    """Asks WAHA how long a time-lock lasts, makes it outlive a restart, and raises an alarm.

    The rules hold new contacts from the first refusal on. Where WAHA does not tell the end, theirs
    stands.
    """

    def __init__(
        self,
        sessions: Mapping[str, Session],
        pool: Sessions,
        rules: Rules,
        observer: Observer,
        alarm: Alarm,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._pool = pool
        self._rules = rules
        self._observer = observer
        self._alarm = alarm
        self._clock = clock
        self._news = {name: trio.Event() for name in sessions}
        self._until: dict[str, float] = {}

    def began(self, session: str, until: float) -> None:
        """Note that a session was refused a new contact; the rules hold them until then."""
        self._until[session] = until
        self._news[session].set()

    def resumed(self, session: str) -> None:
        """Note that an operator wants a session to be used, whatever it was refused so far."""
        self._until.pop(session, None)

    async def run(self) -> None:
        """Follow every session until cancelled."""
        async with trio.open_nursery() as nursery:
            for name in self._sessions:
                nursery.start_soon(self._follow, name, name=f"timelocks-{name}")

    async def _follow(self, name: str) -> None:
        while True:
            await self._news[name].wait()
            self._news[name] = trio.Event()
            end = await self._observer.timelock(self._sessions[name])
            if name not in self._until:
                continue
            if told := end is not None and end > self._clock.now():
                self._until[name] = end + MARGIN_SECONDS
                self._rules.set_locked(name, end + MARGIN_SECONDS)
            until = timestamp(self._until[name])
            self._alarm("session.timelock", name, until=until, told_by_waha=told)
            await self._record(name)

    async def _record(self, name: str) -> None:
        """Record what is known by then: nothing, if an operator ended it meanwhile."""
        while True:
            until = self._until.get(name)
            try:
                await self._pool.remember_lock(name, until)
            except StoreUnavailable as error:
                log.warning("timelocks.store_unavailable", reason=str(error))
                await trio.sleep(AGAIN_SECONDS)
            else:
                if self._until.get(name) == until:
                    return
