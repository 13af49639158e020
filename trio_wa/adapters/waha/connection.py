"""One connection that is kept for one request after another."""

import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence

import httpx
import trio

from trio_wa.adapters.waha.exchange import Stage
from trio_wa.adapters.waha.reply import Reply
from trio_wa.adapters.waha.ungrouped import ungrouped

KEEPALIVE_SECONDS = 3.0
"""Below the 5 s after which Node.js, under WAHA, closes an idle connection: reusing one in the
instant of its closing would make an attempt unknown."""

_CHUNK = 16_384  # as large as a record of TLS
_NOT_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Connection:
    """Makes one request at a time over a connected socket, which it owns.

    `stage` is how far the last one came, and right even where it was cancelled. After an error or
    a cancellation all that is left to do is `close`, and so it is after `usable_until`, a time of
    Trio's clock.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._fd = connected.fileno()
        self._reply = Reply()
        self._written = False
        self._whole = False
        self._expired = False
        self.usable_until = trio.current_time() + KEEPALIVE_SECONDS

    @property
    def stage(self) -> Stage:
        """How far the last request came."""
        if self._reply.successful:
            return "taken"
        return "written" if self._written else "idle"

    def is_alive(self) -> bool:
        """Whether another request can go out: it was not idle for long, and the peer is there.

        What came in unasked is the end of it, too.
        """
        if trio.current_time() > self.usable_until:
            return False
        try:
            self._socket.recv(1)
        except _NOT_YET:
            return True
        except OSError:
            return False
        return False

    def is_reusable(self) -> bool:
        """Whether the last request and its answer leave the connection ready for the next one.

        An answer that came in the very step in which it expired leaves one that is not.
        """
        return self._whole and self._reply.keep and not self._expired

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def expire(self) -> None:
        """End the request that is under way with httpx.ReadTimeout."""
        self._expired = True
        trio.lowlevel.notify_closing(self._fd)

    async def exchange(self, pieces: Sequence[bytes]) -> Reply:
        """Write a request, whose first piece has its head, and read what is answered.

        An answer that comes before a large request is written ends the writing. Raises
        httpx.TransportError: a httpx.WriteError in the stage `idle` where nothing was written,
        and httpx.ReadTimeout once it has expired.
        """
        reply = self._reply = Reply()
        self._whole = False
        self._written = True
        try:
            written = self._socket.send(pieces[0])
        except _NOT_YET:
            written = 0
        except OSError as error:
            self._written = False
            raise httpx.WriteError(str(error)) from error
        try:
            if written == len(pieces[0]) and len(pieces) == 1:
                self._whole = True
                await self._readable()
            else:
                self._whole = await self._write_on(pieces, written)
            while not self._take():
                await self._readable()
        except OSError as error:
            raise httpx.ReadError(str(error)) from error
        self.usable_until = trio.current_time() + KEEPALIVE_SECONDS
        return reply

    async def _write_on(self, pieces: Sequence[bytes], written: int) -> bool:
        """Write what is left; False where the answer, or the end of the connection, came first."""
        for piece in pieces:
            left = memoryview(piece)[written:]
            written = 0
            while left:
                try:
                    left = left[self._socket.send(left) :]
                except _NOT_YET:
                    await self._either()
                    if self._take() or self._reply.status:
                        return False
                except OSError:
                    return False  # it may have answered before it hung up
        return True

    def _take(self) -> bool:
        """Read what has come in; True once no more is wanted."""
        reply = self._reply
        while not reply.done:
            try:
                data = self._socket.recv(_CHUNK)
            except _NOT_YET:
                return False
            reply.feed(data)
        return True

    async def _readable(self) -> None:
        """Wait until something can be read."""
        self._check_deadline()
        with contextlib.suppress(trio.ClosedResourceError):  # it has expired
            await trio.lowlevel.wait_readable(self._fd)

    async def _either(self) -> None:
        """Wait until something can be read, or more can be written."""
        self._check_deadline()

        async def wake(wait: Callable[[int], Awaitable[None]]) -> None:
            with contextlib.suppress(trio.ClosedResourceError):
                await wait(self._fd)
            nursery.cancel_scope.cancel()

        async with ungrouped(), trio.open_nursery() as nursery:
            nursery.start_soon(wake, trio.lowlevel.wait_readable)
            nursery.start_soon(wake, trio.lowlevel.wait_writable)

    def _check_deadline(self) -> None:
        """Give up; what came in until now was read before."""
        if self._expired:
            raise httpx.ReadTimeout("")
