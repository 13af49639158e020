"""What comes out of a nursery, as the callers of what holds it know it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def ungrouped() -> AsyncIterator[None]:
    """Let a cancellation leave as trio.Cancelled, and the error of a task as itself.

    A nursery raises groups of them, which neither `except trio.Cancelled` nor `except OSError`
    matches: an attempt that was cut would not be settled.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        await trio.lowlevel.checkpoint_if_cancelled()
        raise group.exceptions[0] from None
