"""Where time is virtual, and what cannot be had there."""

import trio
from trio.testing import MockClock

REAL_PATIENCE = 5.0
VIRTUAL_PATIENCE = 3600.0

NO_FILE = (
    "autojump_clock and journal_path cannot be had together: the clock jumps while the "
    "store's thread writes to the disk, and everything that waits for it times out at random. "
    "Leave journal_path out (the store in memory outlives crash() and restart() as well), or "
    "autojump_clock"
)
NO_THREAD = (
    "autojump_clock and trio_wa_sync or waha_sync cannot be had together: the clock jumps while "
    "the thread of the service works, and everything that waits for it times out at random. Make "
    "the test async and use trio_wa and waha, or leave autojump_clock out"
)

NO_ARGUMENT = (
    "autojump_clock is requested but does not run this test: pytest-trio takes a clock only from "
    "the test's own arguments. Write it there, as in `async def test_it(trio_wa, autojump_clock)`"
)


def is_virtual() -> bool:
    """Whether the clock of this Trio run jumps by itself."""
    clock = trio.lowlevel.current_clock()
    return isinstance(clock, MockClock) and clock.autojump_threshold < float("inf")


def patience() -> float:
    """Seconds for which to wait by default: virtual ones cost next to nothing."""
    return VIRTUAL_PATIENCE if is_virtual() else REAL_PATIENCE
