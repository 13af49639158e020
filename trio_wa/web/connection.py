"""One client connection: Hypercorn's, mended so that it cannot hurt the process or hold the stop.

Every mend says what is broken in Hypercorn 0.18; read them again before allowing a newer one.
"""

import contextlib
import socket
from contextvars import ContextVar

import structlog
import trio
from hypercorn.trio.tcp_server import TCPServer

_logger = structlog.get_logger(__name__)
_current: "ContextVar[Connection]" = ContextVar("trio_wa.connection")


class Connection(TCPServer):
    """A connection whose failure stays its own."""

    async def run(self) -> None:
        # Upstream: an exception out of one connection (a websocket upgrade with bytes behind it,
        # an h2c upgrade with bad settings) goes through the server's nursery and ends the process.
        _current.set(self)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._cut_when_cancelled)
                await super().run()
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            failures, rest = group.split(Exception)
            if failures is not None:
                _logger.warning("connection.failed", errors=_names(failures))
            if rest is not None:  # Cancelled must reach the scope that it belongs to
                raise rest from None

    def cut(self, *, reset: bool = False) -> None:
        """Close the socket at once; with `reset` the peer sees a TCP reset where it can."""
        transport = getattr(self.stream, "transport_stream", self.stream)
        with contextlib.suppress(OSError):  # closed before
            if reset:
                linger_for_nothing = b"\1\0\0\0\0\0\0\0"  # struct linger: on, 0 s
                transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_for_nothing)
            transport.socket.close()

    async def _cut_when_cancelled(self) -> None:
        # Upstream: sends are shielded without a deadline, so a client that does not read its
        # answer would hold the stop for ever. A closed socket ends them.
        try:
            await trio.sleep_forever()
        finally:
            self.cut()


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
