"""Whether a request was made on this machine, by a program that means this service.

Without keys, that is what lets a request in, so each of these shuts it out:

- A peer that is not a loopback address.
- A header that a proxy adds: what stands behind it may be anybody. (A proxy that adds none cannot
  be told from a local program: behind one, set API_KEYS.)
- An `Origin` that is not of this machine: any web page can make a browser here POST to a loopback
  address, as text/plain and without asking first, and the Content-Type is not checked because the
  Go service did not. Browsers put `Origin` on every such POST.
- A `Host` that is not of this machine: by DNS rebinding a page gives its own name our address,
  and then reads the answers as its own. No browser leaves it out.
"""

import ipaddress
import urllib.parse
from collections.abc import Mapping

from trio_wa.intake.http import Request

_PROXY_HEADERS = frozenset({"forwarded", "via", "x-real-ip"})
_PROXY_PREFIX = "x-forwarded-"


def foreign(request: Request) -> str | None:
    """Why `request` does not count as made on this machine; None if it does."""
    if (name := _proxy_header(request.headers)) is not None:
        return f"it came through a proxy, which set {name.title()}"
    if not loopback_address(request.peer):
        return "it comes from another machine"
    if not loopback_authority(request.headers.get("host") or "localhost"):
        return "its Host is not this machine's: ask localhost or 127.0.0.1"
    origin = request.headers.get("origin")
    if origin is not None and not _loopback_origin(origin):
        return "a web page of another origin made it"
    return None


def loopback_address(address: str) -> bool:
    """Whether `address` is a loopback address, an IPv4 one inside IPv6 included."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def loopback_authority(authority: str) -> bool:
    """Whether `authority`, a host with or without a port, is this machine by any resolver.

    That is a loopback address, or `localhost` and the names below it (RFC 6761).
    """
    try:
        host = urllib.parse.urlsplit(f"//{authority}").hostname or ""
    except ValueError:
        return False
    name = host.removesuffix(".")
    return name == "localhost" or name.endswith(".localhost") or loopback_address(host)


def _loopback_origin(origin: str) -> bool:
    scheme, separator, authority = origin.partition("://")
    return bool(separator) and scheme in ("http", "https") and loopback_authority(authority)


def _proxy_header(headers: Mapping[str, str]) -> str | None:
    for name in headers:
        if name in _PROXY_HEADERS or name.startswith(_PROXY_PREFIX):
            return name
    return None
