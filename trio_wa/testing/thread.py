"""A Trio run in a thread of its own, for tests that are not on Trio."""

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

import trio

from trio_wa.testing.leaks import Leak

T = TypeVar("T")

NAME = "trio-wa-testing"

JOIN_SECONDS = 10.0
"""How long the thread may take to end once nothing is open in it."""

Keep = Callable[[], Awaitable[None]]


class TrioThread:
    """Runs functions for other threads, which wait for each; an error is theirs."""

    def __init__(self, token: trio.lowlevel.TrioToken, keeps: trio.MemorySendChannel[Keep]) -> None:
        self._token = token
        self._keeps = keeps

    def call(self, function: Callable[..., Awaitable[T]], *args: object, **named: object) -> T:
        """What the coroutine function returns, run in the thread."""
        __tracebackhide__ = True
        try:
            return trio.from_thread.run(partial(function, *args, **named), trio_token=self._token)
        except AssertionError as error:  # its message is for the test; the way here is not
            raise error.with_traceback(None) from None

    def call_now(self, function: Callable[..., T], *args: object, **named: object) -> T:
        """What the synchronous function returns, called in the thread."""
        __tracebackhide__ = True
        return trio.from_thread.run_sync(partial(function, *args, **named), trio_token=self._token)

    @contextmanager
    def hold(self, opening: AbstractAsyncContextManager[T]) -> Iterator[T]:
        """Keep an async context manager open in the thread, and raise what its end raises."""
        opened: SimpleQueue[T | None] = SimpleQueue()
        ended: SimpleQueue[BaseException | None] = SimpleQueue()
        close = self.call_now(trio.Event)

        async def keep() -> None:
            error: BaseException | None = None
            try:
                async with opening as value:
                    opened.put(value)
                    await close.wait()
            except BaseException as caught:  # noqa: BLE001 - it is raised in the other thread
                error = caught
            ended.put(error)
            opened.put(None)

        self.call_now(self._keeps.send_nowait, keep)
        value = opened.get()
        if value is not None:
            try:
                yield value
            finally:
                self.call_now(close.set)
                _raise(ended.get())
        else:
            _raise(ended.get())


@contextmanager
def trio_thread() -> Iterator[TrioThread]:
    """A thread with a Trio run, which ends with the context. Raises `Leak` if it does not."""
    ready: SimpleQueue[TrioThread] = SimpleQueue()
    thread = threading.Thread(target=trio.run, args=(_serve, ready), name=NAME, daemon=True)
    thread.start()
    served = ready.get()
    try:
        yield served
    finally:
        served.call_now(served._keeps.close)  # noqa: SLF001 - the two are one
        thread.join(JOIN_SECONDS)
    if thread.is_alive():
        raise Leak(f"the thread {NAME} did not end within {JOIN_SECONDS:g} s")


async def _serve(ready: SimpleQueue[TrioThread]) -> None:
    send, receive = trio.open_memory_channel[Keep](10)
    ready.put(TrioThread(trio.lowlevel.current_trio_token(), send))
    async with trio.open_nursery() as nursery:
        async for keep in receive:
            nursery.start_soon(keep, name="keep")


def _raise(error: BaseException | None) -> None:
    if error is not None:
        raise error
