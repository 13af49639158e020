"""A new connection to where a WAHA is."""

import socket
import ssl
from dataclasses import dataclass

import httpx
import trio

from trio_wa.adapters.waha.ungrouped import ungrouped

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a WAHA, or a proxy before it, listens."""

    host: str
    port: int
    secure: bool


def origin_of(url: httpx.URL) -> Origin:
    """The origin of an http or https URL; raises httpx.UnsupportedProtocol for any other."""
    if url.scheme not in _PORTS or not url.raw_host:
        raise httpx.UnsupportedProtocol("this is no http or https URL with a host")
    host = url.raw_host.decode("ascii")
    return Origin(host, url.port or _PORTS[url.scheme], url.scheme == "https")


async def dial(origin: Origin, tls: ssl.SSLContext, by: float) -> socket.socket:
    """Connect by the time `by` of Trio's clock, and shake hands over TLS if the origin wants it.

    The socket does not block, and belongs to the caller. Raises httpx.ConnectError and
    httpx.ConnectTimeout.
    """
    try:
        with trio.fail_at(by):
            async with ungrouped():  # Trio tries the addresses of a host side by side
                stream = await trio.open_tcp_stream(origin.host, origin.port)
            connected = socket.socket(fileno=stream.socket.detach())
            connected.setblocking(False)
            return await _secured(connected, tls, origin.host) if origin.secure else connected
    except trio.TooSlowError as error:
        raise httpx.ConnectTimeout("") from error
    except (OSError, ValueError) as error:  # a host that is no name at all is a ValueError
        raise httpx.ConnectError(str(error)) from error


async def _secured(connected: socket.socket, tls: ssl.SSLContext, host: str) -> socket.socket:
    """The socket after its handshake; closed where that fails or is cancelled."""
    wrapped = connected
    try:
        wrapped = tls.wrap_socket(connected, server_hostname=host, do_handshake_on_connect=False)
        while not await _shaken(wrapped):
            pass
    except BaseException:
        wrapped.close()
        raise
    return wrapped


async def _shaken(wrapped: ssl.SSLSocket) -> bool:
    """Whether the handshake is done; if not, go on once the peer is ready."""
    try:
        wrapped.do_handshake()
    except ssl.SSLWantReadError:
        await trio.lowlevel.wait_readable(wrapped)
        return False
    except ssl.SSLWantWriteError:
        await trio.lowlevel.wait_writable(wrapped)
        return False
    return True
