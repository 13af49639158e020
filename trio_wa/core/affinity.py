"""Which sessions a message would rather go over than others."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple, TypeAlias

Allowed: TypeAlias = tuple[str, ...]
"""The names of the sessions that may send a message; empty: any."""


class Route(NamedTuple):
    """Where a message may go: its first choice among the sessions, if any, and those it allows.

    `new` says that it would be the first to its contact, wherever it goes first. `over` names
    another session that knows the contact, and may do instead.
    """

    first: str | None
    allowed: Allowed
    new: bool = False
    over: str | None = None


def ranking(chat_id: str, names: Iterable[str]) -> tuple[str, ...]:
    """The sessions `names` in the order in which a recipient prefers them.

    Rendezvous hashing (Thaler and Ravishankar, "A Name-Based Mapping Scheme for Rendezvous"): two
    sessions keep their order whichever others come or go, so few recipients move. The same in every
    process and version.
    """
    recipient = chat_id.encode()
    return tuple(sorted(names, key=lambda name: (_weight(name, recipient), name), reverse=True))


def _weight(name: str, recipient: bytes) -> bytes:
    return blake2b(name.encode() + b"\0" + recipient, digest_size=8).digest()
