"""Lets WAHA restart a session that fails for long, a bounded number of times."""

from collections import Counter
from collections.abc import Callable
from math import inf
from typing import Protocol

import structlog
import trio

from trio_wa.ports import Refusal

log = structlog.get_logger(__name__)

WAITING = 100
"""How many restarts may wait for one another: more than there are sessions."""

PAUSE_SECONDS = 60.0
"""After a restart at least, before the next: one that did not help at once may help yet."""


class Sessions(Protocol):
    """Who knows the sessions: the pool."""

    async def restart(self, session: str) -> Refusal | None:
        """Let WAHA restart a session."""


class Restarts:
    """Asks for at most `limit` restarts of a session in a row; a success begins a new row.

    For `PAUSE_SECONDS` after one no other is wanted: the probe that follows at once would use them
    all up.

    `on_restart` is called with the name of each session that WAHA restarts.
    """

    def __init__(self, pool: Sessions, *, limit: int, on_restart: Callable[[str], None]) -> None:
        self._pool = pool
        self._limit = limit
        self._on_restart = on_restart
        self._asked: Counter[str] = Counter()
        self._paused_until: dict[str, float] = {}
        self._send: trio.MemorySendChannel[tuple[str, str]]
        self._send, self._receive = trio.open_memory_channel[tuple[str, str]](WAITING)

    def want(self, session: str, reason: str) -> None:
        """Note that a restart may help a session; it is asked for unless there were enough."""
        if not self._limit or trio.current_time() < self._paused_until.get(session, 0.0):
            return
        if self._asked[session] >= self._limit:
            log.error("session.restarts_exhausted", session=session, restarts=self._limit)
            return
        try:
            self._send.send_nowait((session, reason))
        except trio.WouldBlock:
            return
        self._asked[session] += 1
        self._paused_until[session] = inf

    def recovered(self, session: str) -> None:
        """Note that a session delivers again."""
        self._asked[session] = 0

    async def run(self) -> None:
        """Ask for one restart after another until cancelled."""
        async for session, reason in self._receive:
            refusal = await self._pool.restart(session)
            self._paused_until[session] = trio.current_time() + PAUSE_SECONDS
            event = log.bind(session=session, reason=reason, restarts=self._asked[session])
            if refusal is None:
                event.warning("session.restarted")
                self._on_restart(session)
            else:
                event.error("session.not_restarted", code=refusal.code, detail=refusal.detail)
