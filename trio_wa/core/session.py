"""A WhatsApp session and where it runs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Session:
    """A WhatsApp session and the base URL, without trailing slash, of the WAHA that runs it."""

    name: str
    url: str
