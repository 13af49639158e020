"""The plain `hypercorn` command, mended: how it stops, and how it ends if it cannot start.

Every mend says what is broken in Hypercorn 0.18; read them again before allowing a newer one.
"""

import signal
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from hypercorn.trio.run import worker_serve
from hypercorn.utils import LifespanFailureError

CANNOT_START = 2
"""Exit code when the application could not start, as that of `trio-wa serve`."""

Trigger = Callable[..., Awaitable[Any]]


async def serve_command(*args: Any, shutdown_trigger: Trigger | None = None, **kwargs: Any) -> None:
    """Serve as Hypercorn does; until a signal, where no parent process passes one on.

    Raises:
        SystemExit: the application could not start, and has said why.
    """
    try:
        async with trio.open_nursery() as nursery:
            if shutdown_trigger is None:
                # Upstream leaves SIGTERM alone with workers = 0: it would kill, not drain.
                shutdown_trigger = await nursery.start(_stop_on_signals, name="signals")
            await worker_serve(*args, shutdown_trigger=shutdown_trigger, **kwargs)
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        # Upstream, a traceback of forty lines stands behind the one that says what to do.
        if group.split(_cannot_start)[1] is not None:
            raise
    else:
        return
    raise SystemExit(CANNOT_START)


def _cannot_start(error: BaseException) -> bool:
    """Whether the application said that it cannot start; it says so too where it fails later."""
    return isinstance(error, LifespanFailureError) and "startup" in str(error)


async def _stop_on_signals(*, task_status: trio.TaskStatus[Trigger]) -> None:
    stop = trio.Event()
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started(stop.wait)
        async for _ in signals:
            stop.set()  # a second one changes nothing, as where a parent process has it
