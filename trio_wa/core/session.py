"""A WhatsApp session and where it runs."""

import re
import urllib.parse
from dataclasses import dataclass

_NAME = re.compile(r"[^\s/\\?#%@,]+")
_HOST = re.compile(r"[\w.:%-]+")


@dataclass(frozen=True, slots=True)
class Session:
    """A WhatsApp session and the base URL, without trailing slash, of the WAHA that runs it."""

    name: str
    url: str


def base_url(text: str) -> str:
    """The base URL that `text` gives, without trailing slash; a path prefix is allowed.

    Raises ValueError where it is not an http or https URL with a host, and for a user name,
    a query or a fragment in it.
    """
    text = text.strip()
    try:
        parts = urllib.parse.urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if (
        host is None
        or port == 0
        or parts.scheme not in ("http", "https")
        or not _HOST.fullmatch(host)
        or not has_labels(host)
        or not text.isprintable()
        or " " in text
        or "\\" in text
    ):
        raise ValueError("must be an http or https URL with a host")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password")
    if "?" in text or "#" in text:
        raise ValueError("must be a base URL, without a query or fragment")
    return text.rstrip("/")


def has_labels(host: str) -> bool:
    """Whether each part of a host's name has 1 to 63 bytes, as DNS has it (RFC 1035, 2.3.4).

    The last dot of a full name is none. What else is wrong with a name shows when it is looked up.
    """
    labels = host.removesuffix(".").split(".")
    return all(0 < len(_in_dns(label)) < 64 for label in labels)


def _in_dns(label: str) -> str:
    """A label as it stands in DNS, where it has no letters beside ASCII's (RFC 3492)."""
    return label if label.isascii() else f"xn--{label.encode('punycode').decode()}"


def parse_sessions(text: str, url: str) -> tuple[Session, ...]:
    """The sessions in a list such as `default,marketing@http://other:3000`, in its order.

    A name without a URL of its own runs at `url`. Raises ValueError for an empty list, an
    empty name, a name that cannot stand in a URL's path, a wrong URL and a name given twice.
    """
    sessions: dict[str, Session] = {}
    for item in text.split(","):
        name, at, own = (part.strip() for part in item.partition("@"))
        if not name:
            raise ValueError("must be session names separated by commas, none of them empty")
        if not _NAME.fullmatch(name) or not name.isprintable() or name in (".", ".."):
            raise ValueError(f"must not name {name!r}: a session's name has no blanks or slashes")
        if name in sessions:
            raise ValueError(f"must name each session once, and names {name!r} twice")
        try:
            sessions[name] = Session(name, base_url(own) if at else url)
        except ValueError as error:
            raise ValueError(f"must have a WAHA behind {name}@, whose URL {error}") from None
    return tuple(sessions.values())
