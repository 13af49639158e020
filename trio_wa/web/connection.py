"""One client connection: Hypercorn's, mended so that it cannot hurt the process or hold the stop.

Every mend says what is broken in Hypercorn 0.18; read them again before allowing a newer one.
"""

import contextlib
import socket
import struct
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

import structlog
import trio
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.trio.tcp_server import MAX_RECV, TCPServer

from trio_wa.web.http1 import Http1

SEND_TIMEOUT = 60.0  # seconds for a client to take one piece of its answer
LINGER_TIMEOUT = 2.0  # seconds for a client to notice that it was answered before it had finished

_logger = structlog.get_logger(__name__)
_current: "ContextVar[Connection]" = ContextVar("trio_wa.connection")


class Connection(TCPServer):
    """A connection whose failure stays its own, and that ends when its server does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._reading = trio.CancelScope()
        self._lingering = False
        self._read_all = False

    async def run(self) -> None:
        # Upstream: an exception out of one connection passes the server's nursery and ends the
        # process.
        _current.set(self)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._end_with_the_server)
                await super().run()
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            failures, rest = group.split(Exception)
            if failures is not None:
                _logger.warning("connection.failed", errors=_names(failures))
            if rest is not None:  # Cancelled belongs to a scope further out
                raise rest from None

    def cut(self, *, reset: bool = False) -> None:
        """Close the socket at once; with `reset` the peer sees a reset instead of an end."""
        transport = getattr(self.stream, "transport_stream", self.stream)
        with contextlib.suppress(OSError):  # closed before
            if reset:
                linger_for_no_time = struct.pack("ii", 1, 0)
                transport.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_for_no_time)
        transport.socket.close()

    async def protocol_send(self, event: Event) -> None:
        match event:
            case RawData():
                await self._send(event.data)
            case Closed():
                await self._close_after_answer()
            case Updated(idle=True) if self._read_all:
                # Upstream starts an idle timer for a client that is gone, and the connection
                # stays for keep_alive_timeout.
                pass
            case _:
                await super().protocol_send(event)

    async def _send(self, data: bytes) -> None:
        async with self.send_lock:
            try:
                # Shielded, because a cancelled handler would tear a frame that others share.
                # Upstream has no deadline here: a client that does not read stays for ever.
                with trio.fail_after(SEND_TIMEOUT, shield=True):
                    await self.stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
                self.cut()
                await self.protocol.handle(Closed())
                self._reading.cancel()  # it may wait for its turn, as in _close_after_answer

    async def _close_after_answer(self) -> None:
        http1 = self.protocol.protocol
        answered_early = isinstance(http1, Http1) and http1.half_received
        if answered_early and not self.context.terminated.is_set():
            # Upstream closes with bytes of the client unread, so that the kernel resets the
            # connection, and a client in mid-upload may never see the 413 that ended it.
            self._lingering = True
            self._reading.deadline = trio.current_time() + LINGER_TIMEOUT
            await self._send_eof()
        else:
            await self.stream.aclose()
        await self.protocol.handle(Closed())
        if not self._lingering:
            # Upstream leaves the reader waiting for a turn that never comes, if the client had
            # sent its next request already.
            self._reading.cancel()

    async def _send_eof(self) -> None:
        async with self.send_lock:  # upstream lets it collide with a handler that still sends
            with contextlib.suppress(
                AttributeError,  # TLS cannot say it
                trio.BrokenResourceError,
                trio.ClosedResourceError,
            ):
                await self.stream.send_eof()

    async def _read_data(self) -> None:
        gone = contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError)
        with self._reading, gone:
            await self._read_until_end()
        self._read_all = True
        await self.protocol.handle(Closed())
        # Upstream keeps the connection of a client that hung up, and its file descriptor, until
        # the idle timer fires.
        await self.idle_task.stop()

    async def _read_until_end(self) -> None:
        while data := await self.stream.receive_some(MAX_RECV):
            if not self._lingering:
                await self.protocol.handle(RawData(bytes(data)))
        await self.protocol.handle(RawData(b""))

    async def _end_with_the_server(self) -> None:
        try:
            await self.context.terminated.wait()
            await self._refuse_half_received()
            await trio.sleep_forever()
        finally:
            # The server's grace is over, or the connection: a send still under its shield ends.
            self.cut()

    async def _refuse_half_received(self) -> None:
        # Upstream waits graceful_timeout for the rest. An idle connection closes by itself.
        protocol = getattr(self, "protocol", None)
        if protocol is None:  # in mid-handshake
            self.cut()
        elif isinstance(protocol.protocol, Http1) and protocol.protocol.half_received:
            await protocol.protocol.refuse(HTTPStatus.SERVICE_UNAVAILABLE)


def abort_connection() -> None:
    """Cut the connection of the request being handled, at once and without an answer.

    For fault injection. Raises RuntimeError outside a request.
    """
    try:
        connection = _current.get()
    except LookupError:
        raise RuntimeError("there is no connection to abort outside a request") from None
    connection.cut(reset=True)


def _names(error: BaseException) -> list[str]:
    if isinstance(error, BaseExceptionGroup):
        return [name for part in error.exceptions for name in _names(part)]
    return [type(error).__name__]
