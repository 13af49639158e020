"""SIGTERM and SIGINT: the first stops in order, the second at once."""

import signal

import structlog
import trio

log = structlog.get_logger(__name__)


async def stop_on_signals(
    stop: trio.Event,
    drain: trio.CancelScope,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Set `stop` on the first signal, and cancel `drain` on the second; reports once it listens."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for number in signals:
            if stop.is_set():
                log.warning("service.stop_now", signal=signal.Signals(number).name)
                drain.cancel()
            else:
                log.info("service.stopping", signal=signal.Signals(number).name)
                stop.set()


async def cancel_on(
    stop: trio.Event,
    start: trio.CancelScope,
    *,
    task_status: trio.TaskStatus[trio.CancelScope] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Cancel `start` once `stop` is set; reports the scope that ends the wait for that."""
    with trio.CancelScope() as waiting:
        task_status.started(waiting)
        await stop.wait()
        start.cancel()
