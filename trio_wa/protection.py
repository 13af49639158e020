"""What keeps numbers alive beside their pace: breakers, ghosts, time-locks, and restarts."""

from collections.abc import Mapping

import structlog
import trio

from trio_wa.clock import Clock
from trio_wa.config import Settings
from trio_wa.core.notice import (
    BreakerClosed,
    BreakerOpened,
    GateShut,
    GhostProbed,
    Notice,
    Timelocked,
)
from trio_wa.dispatcher import Dispatcher
from trio_wa.ghosts import Ghosts
from trio_wa.ports import Alarm, Observer, SessionMemory
from trio_wa.restarts import Restarts
from trio_wa.sessions import SessionPool
from trio_wa.silence import Silence
from trio_wa.telemetry import timestamp
from trio_wa.timelocks import Timelocks

log = structlog.get_logger(__name__)


class Protection:
    """Puts together what reacts when a session shows that it is in trouble."""

    def __init__(
        self,
        settings: Settings,
        memories: Mapping[str, SessionMemory],
        pool: SessionPool,
        dispatcher: Dispatcher,
        observer: Observer,
        silence: Silence,
        alarm: Alarm,
        clock: Clock,
    ) -> None:
        self._alarm = alarm
        self._restarts = Restarts(
            pool, limit=settings.session_auto_restart, on_restart=self.restarted
        )
        self.ghosts = Ghosts(
            [(name, memory.ghost) for name, memory in memories.items()],
            pool,
            dispatcher,
            silence,
            alarm,
            clock,
            share=settings.ghost_share,
            on_ghost=lambda name: self._restarts.want(name, "ghost"),
            on_return=self._restarts.recovered,
        )
        sessions = {session.name: session for session in settings.sessions}
        self._timelocks = Timelocks(sessions, pool, dispatcher, observer, alarm, clock)
        for name, memory in memories.items():
            dispatcher.set_locked(name, memory.locked_until or 0.0)

    async def run(self) -> None:
        """React until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.ghosts.run, name="ghosts")
            nursery.start_soon(self._timelocks.run, name="timelocks")
            nursery.start_soon(self._restarts.run, name="restarts")

    def noticed(self, session: str, notice: Notice) -> None:
        """Take note of what an attempt changed about a session."""
        match notice:
            case GateShut(reason):
                log.warning("dispatch.gate_shut", session=session, reason=reason)
            case BreakerOpened(until, probe=False):
                self._alarm("breaker.open", session, probe_at=timestamp(until))
            case BreakerOpened(until):
                log.warning("breaker.stays_open", session=session, probe_at=timestamp(until))
                self._restarts.want(session, "breaker")
            case BreakerClosed():
                log.info("breaker.closed", session=session)
                self._restarts.recovered(session)
            case Timelocked(until):
                self._timelocks.began(session, until)
            case GhostProbed(None):
                self.ghosts.unproven(session)
            case GhostProbed():
                log.info("ghost.probed", session=session)

    def restarted(self, session: str) -> None:
        """Take note that WAHA restarts a session, or has done so."""
        self.ghosts.restarted(session)

    def resumed(self, session: str) -> None:
        """Take note that an operator wants a session to be used, whatever was known of it."""
        self.ghosts.resumed(session)
        self._timelocks.resumed(session)
