"""Wall time that follows Trio's clock."""

import time

import trio


class Clock:
    """Seconds since the epoch, read once from the system and carried on by Trio's clock.

    A step of the system's clock while the service runs moves no deadline, and under
    `trio.testing.MockClock` wall time is as virtual as every sleep. Make it inside a Trio run.
    """

    def __init__(self) -> None:
        self._offset = time.time() - trio.current_time()

    def now(self) -> float:
        """The time, in seconds since the epoch."""
        return self._offset + trio.current_time()

    def deadline(self, at: float) -> float:
        """Trio's own time for the wall time `at`, for use as a scope's deadline."""
        return at - self._offset
