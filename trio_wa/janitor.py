"""Keeps the store small: texts, rows, keys and stray acks go when their time is over."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import structlog
import trio

from trio_wa.clock import Clock
from trio_wa.core.message import LANES, Priority
from trio_wa.ports import Store, StoreUnavailable
from trio_wa.window import Window

log = structlog.get_logger(__name__)

CHUNK = 200
"""Rows a transaction: no accept waits noticeably for one."""

PAUSE_SECONDS = 0.05
"""After each transaction, so that the accepts that gathered meanwhile go first."""

KEY_SECONDS = 24 * 3600.0
"""How long an idempotency key is remembered."""

ACK_SECONDS = 3600.0
"""How long an ack is kept that no message bore when it came: longer than any attempt takes."""

HISTORY_SECONDS = 48 * 3600.0
"""How long the begins of a session are kept: its caps are those of 24 hours."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long texts and rows are kept after their message was settled, in seconds."""

    text: float
    rows: float


class Janitor:
    """Expires, erases and deletes once a minute, in chunks, with a pause after each."""

    def __init__(self, store: Store, window: Window, retention: Retention, clock: Clock) -> None:
        self._store = store
        self._window = window
        self._retention = retention
        self._clock = clock

    async def run(self) -> None:
        """Sweep every minute until cancelled."""
        while True:
            try:
                await self.sweep()
            except StoreUnavailable as error:
                log.warning("janitor.store_unavailable", reason=str(error))
            await trio.sleep(60)

    async def sweep(self) -> None:
        """Do all that is due now."""
        now = self._clock.now()
        for priority in LANES:
            await self._repeat(partial(self._expire_overdue, priority, now))
        await self._repeat(lambda: self._store.erase_texts(now - self._retention.text, CHUNK))
        await self._repeat(lambda: self._store.purge(now - self._retention.rows, CHUNK))
        await self._repeat(lambda: self._store.forget_keys(now - KEY_SECONDS, CHUNK))
        await self._repeat(lambda: self._store.forget_acks(now - ACK_SECONDS, CHUNK))
        await self._repeat(lambda: self._store.forget_histories(now - HISTORY_SECONDS, CHUNK))

    async def _expire_overdue(self, priority: Priority, now: float) -> int:
        """Expire what is not in memory; what is there is the dispatcher's.

        A copy that comes there meanwhile leaves again, as it finds nothing to expire.
        """
        fed_seq = self._window.lanes[priority].fed_seq
        expired = await self._store.expire_overdue(priority, fed_seq, now, CHUNK)
        self._window.release(priority, expired)
        return expired

    async def _repeat(self, step: Callable[[], Awaitable[int]]) -> None:
        done = CHUNK
        while done == CHUNK:
            done = await step()
            await trio.sleep(PAUSE_SECONDS)
