"""Deadlines without a cancel scope for each of them."""

from collections.abc import Callable
from math import inf

import trio


class Deadline:
    """Calls `expire` when the deadline that was set last has passed.

    A cancel scope for each request costs more than all else that Trio does for it. Here a task
    sleeps until the deadline that was the earliest when it fell asleep, and then until the one that
    is set by then: of requests that are answered in time it seldom hears.
    """

    def __init__(self, expire: Callable[[], None]) -> None:
        self._expire = expire
        self._at = inf
        self._alarm = trio.CancelScope()
        self._alarm_at = inf

    def set(self, at: float) -> None:
        """Let it pass at `at`, a time of Trio's clock; never, if that is infinity."""
        self._at = at
        if at < self._alarm_at:
            self._alarm.deadline = self._alarm_at = at

    async def watch(self) -> None:
        """Watch until cancelled."""
        while True:
            self._alarm_at = self._at
            with trio.CancelScope(deadline=self._at) as self._alarm:
                await trio.sleep_forever()
            if self._at <= trio.current_time():
                self._at = inf
                self._expire()
