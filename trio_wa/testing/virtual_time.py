"""Where time is virtual, and what cannot be had there."""

from collections.abc import Iterator
from contextlib import contextmanager

import trio
from trio.testing import MockClock

from trio_wa.testing.leaks import threads_at_work

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


class ThreadWatch(trio.abc.Instrument):
    """Notes the functions that were at work in a thread while the virtual time jumped."""

    def __init__(self) -> None:
        self._time = trio.current_time()
        self._at_work: set[str] = set()
        self._seen: set[str] = set()

    def before_io_wait(self, timeout: float) -> None:  # noqa: ARG002 - the signature is Trio's
        """Look at the threads; the clock may jump after this wait, and did after the last one."""
        now, at_work = trio.current_time(), set(threads_at_work())
        if now != self._time:
            self._seen |= self._at_work | at_work
        self._time, self._at_work = now, at_work

    @property
    def warning(self) -> str | None:
        """What was seen, and what to do about it; None if nothing was."""
        if not self._seen:
            return None
        names = ", ".join(sorted(self._seen))
        return (
            f"autojump_clock jumped while a thread worked ({names}): what waited for it may have "
            "timed out for no other reason. Look up no name (127.0.0.1, not localhost) and start "
            "no thread in this test, or leave autojump_clock out"
        )


@contextmanager
def watched() -> Iterator[ThreadWatch]:
    """A watch over the present Trio run, if its clock jumps."""
    watch = ThreadWatch()
    if not is_virtual():
        yield watch
        return
    trio.lowlevel.add_instrument(watch)
    try:
        yield watch
    finally:
        trio.lowlevel.remove_instrument(watch)
