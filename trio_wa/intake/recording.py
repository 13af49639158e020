"""What the store does while a caller waits: records and reads, each within its time."""

from collections.abc import Awaitable
from typing import TypeVar

import trio

from trio_wa.ports import StoreUnavailable

T = TypeVar("T")

RECORD_SECONDS = 5.0
"""How long a record may take. After that the caller is told to try again."""

READ_SECONDS = 10.0
"""How long a read may take."""


async def recorded(change: Awaitable[T]) -> T:
    """The result of `change`, whatever becomes of the client; nothing is awaited after it.

    Raises:
        StoreUnavailable: the store cannot write, or has not begun to within RECORD_SECONDS.
    """
    # Unshielded, a client that hangs up could tear what was recorded from what follows from it:
    # Quart-Trio cancels the handler of a client that is gone.
    with trio.move_on_after(RECORD_SECONDS, shield=True):
        return await change
    raise StoreUnavailable(f"not recorded within {RECORD_SECONDS:g} s")


async def fetched(read: Awaitable[T]) -> T:
    """The result of `read`; it ends with its client.

    Raises:
        StoreUnavailable: the store cannot be read, or not within READ_SECONDS.
    """
    with trio.move_on_after(READ_SECONDS):
        return await read
    raise StoreUnavailable(f"not read within {READ_SECONDS:g} s")
