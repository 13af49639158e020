"""Ids for messages, chosen before they are sent and fetched ahead."""

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

import structlog
import trio

from trio_wa.core.outcome import Unavailable
from trio_wa.core.session import Session
from trio_wa.ports import MessageId, NoMessageIds, Observer, Sender

log = structlog.get_logger(__name__)

AHEAD = 10
"""How many ids of a session wait: enough that a send seldom waits for one."""

PATIENCE = 3
"""After so many failures in a row messages go out without ids, ..."""

PAUSE_SECONDS = 60.0
"""... for so long, and after an id that was given before."""

REMEMBERED = 1000
"""So many of a session's latest ids are known when they are given once more."""


@dataclass(slots=True, eq=False)
class _Pool:
    session: Session
    ids: deque[str] = field(default_factory=deque)
    offered: bool | None = None
    failures: int = 0
    without_until: float = 0.0
    latest: OrderedDict[str, None] = field(default_factory=OrderedDict)
    repeats: bool = False
    wanted: trio.Event = field(default_factory=trio.Event)
    seen: trio.Event = field(default_factory=trio.Event)

    def dry(self) -> bool:
        """Whether messages go out without an id now."""
        return trio.current_time() < self.without_until

    def note(self, answer: MessageId) -> None:
        """Learn from what WAHA answered."""
        match answer:
            case str() if answer in self.latest:
                self._distrust()
            case str():
                self.offered, self.failures = True, 0
                self.latest[answer] = None
                if len(self.latest) > REMEMBERED:
                    self.latest.popitem(last=False)
            case NoMessageIds():
                if self.offered is not False:
                    log.info("message_ids.not_offered", session=self.session.name)
                self.offered, self.without_until = False, inf
            case Unavailable("no_message_id", detail):
                self.failures += 1
                if self.failures >= PATIENCE and not self.dry():
                    log.warning("message_ids.failing", session=self.session.name, reason=detail)
                    self.failures, self.without_until = 0, trio.current_time() + PAUSE_SECONDS
            case Unavailable():
                pass
        if self.offered is not None:
            self.seen.set()

    def _distrust(self) -> None:
        """Go without ids: of messages with the same one WhatsApp would drop all but the first.

        What waits may have been given before the start.
        """
        if not self.repeats:
            log.warning(
                "message_ids.repeated",
                session=self.session.name,
                effect="messages go out without ids",
                remedy="let no proxy between here and WAHA cache what WAHA answers",
            )
        self.repeats, self.offered = True, False
        self.without_until = trio.current_time() + PAUSE_SECONDS
        self.ids.clear()


class MessageIds:
    """A small pool of ids for each session, so that a send stays one round trip.

    Where WAHA offers none, fails to give any or gives one twice, a message goes out without.
    """

    def __init__(self, observer: Observer, sessions: Iterable[Session], *, enabled: bool) -> None:
        self._observer = observer
        self._pools = {session.name: _Pool(session) for session in sessions}
        if not enabled:
            for pool in self._pools.values():
                pool.offered, pool.without_until = False, inf
                pool.seen.set()
        self._enabled = enabled

    async def run(self) -> None:
        """Keep the pools filled until cancelled."""
        async with trio.open_nursery() as nursery:
            for name, pool in self._pools.items():
                nursery.start_soon(self._keep, pool, name=f"message-ids-{name}")

    def offered(self, session: str) -> bool | None:
        """Whether WAHA offers ids for a session; None while that was not seen."""
        return self._pools[session].offered

    async def seen(self, session: str) -> None:
        """Wait until it was seen whether WAHA offers ids for a session."""
        await self._pools[session].seen.wait()

    def renew(self, session: str) -> None:
        """Find out anew: the session, or the WAHA behind it, has started."""
        pool = self._pools[session]
        if self._enabled:
            pool.without_until, pool.repeats = 0.0, False
            pool.wanted.set()

    async def take(self, session: Session, sender: Sender) -> MessageId:
        """An id for a message over `session`: a waiting one, or else one that `sender` fetches."""
        pool = self._pools[session.name]
        if pool.dry():
            return NoMessageIds()
        pool.wanted.set()
        if pool.ids:
            return pool.ids.popleft()
        answer = await sender.new_message_id(session)
        pool.note(answer)
        return NoMessageIds() if pool.dry() else answer

    async def _keep(self, pool: _Pool) -> None:
        while True:
            await pool.wanted.wait()
            pool.wanted = trio.Event()
            missing = AHEAD - len(pool.ids)
            if missing > 0 and await self._fetch(pool):
                async with trio.open_nursery() as nursery:
                    for _ in range(missing - 1):
                        nursery.start_soon(self._fetch, pool)

    async def _fetch(self, pool: _Pool) -> bool:
        if pool.dry():
            return False
        answer = await self._observer.new_message_id(pool.session)
        pool.note(answer)
        if not isinstance(answer, str) or pool.dry():
            return False
        pool.ids.append(answer)
        return True
