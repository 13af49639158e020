"""A worker's connections to the WAHA servers."""

import ssl
from collections.abc import Sequence
from math import inf

import httpx
import trio

from trio_wa.adapters.waha.connection import Connection
from trio_wa.adapters.waha.deadline import Deadline
from trio_wa.adapters.waha.dial import Origin, dial
from trio_wa.adapters.waha.exchange import Stage
from trio_wa.adapters.waha.reply import Reply


class Line:
    """Makes one request at a time, over a connection that it keeps to each origin.

    While it is watched, requests end at their deadlines, and what is too old to be used again is
    closed: after a burst hundreds of workers would keep WAHA's sockets open.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._kept: dict[Origin, Connection] = {}  # the one that was used last comes last
        self._last: Connection | None = None
        self._expired = False
        self._under_way = False
        self._deadline = Deadline(self._pass)

    @property
    def stage(self) -> Stage:
        """How far the last request came, even where it was cancelled."""
        return "idle" if self._last is None else self._last.stage

    async def watch(self) -> None:
        """Watch deadlines until cancelled."""
        await self._deadline.watch()

    def expire(self) -> None:
        """End the request that is under way; one that has no connection yet ends once it has."""
        self._expired = True
        if self._last is not None:
            self._last.expire()

    def close(self) -> None:
        """Hang up."""
        while self._kept:
            self._kept.popitem()[1].close()

    async def exchange(
        self, origin: Origin, pieces: Sequence[bytes], connect_by: float, by: float = inf
    ) -> Reply:
        """Write a request, whose first piece has its head, and read what is answered.

        A new connection is made by the time `connect_by` of Trio's clock, and all is over at the
        time `by`. A request of which nothing could be written over a connection that was kept goes
        out over a new one. Raises httpx.TransportError; once it has expired, httpx.ConnectTimeout
        or httpx.ReadTimeout.
        """
        self._last = None
        self._expired = False
        self._under_way = True
        self._deadline.set(by)
        try:
            kept = self._kept.pop(origin, None)
            if kept is not None and not kept.is_alive():
                kept.close()
            elif kept is not None:
                try:
                    return await self._over(kept, origin, pieces)
                except httpx.WriteError:
                    self._last = None
            connected = await dial(origin, self._tls, connect_by)
            return await self._over(Connection(connected), origin, pieces)
        finally:
            self._under_way = False
            self._deadline.set(self._next_close())

    async def _over(self, connection: Connection, origin: Origin, pieces: Sequence[bytes]) -> Reply:
        try:
            await trio.lowlevel.checkpoint_if_cancelled()
            if self._expired:
                raise httpx.ConnectTimeout("")  # noqa: TRY301 - it is closed as after any other
            self._last = connection
            reply = await connection.exchange(pieces)
        except BaseException:
            connection.close()
            raise
        if connection.is_reusable():
            self._kept[origin] = connection
        else:
            connection.close()
        return reply

    def _pass(self) -> None:
        """End the request that is under way; if there is none, close what is too old."""
        if self._under_way:
            self.expire()
            return
        while self._next_close() <= trio.current_time():
            self._kept.pop(next(iter(self._kept))).close()
        self._deadline.set(self._next_close())

    def _next_close(self) -> float:
        """When a connection that is kept is too old; infinity: none is kept."""
        for kept in self._kept.values():
            return kept.usable_until
        return inf
