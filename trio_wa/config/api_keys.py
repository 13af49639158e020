"""The API keys of callers, as they are configured: never the keys themselves."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

Scope: TypeAlias = Literal["send", "read", "admin"]

SCOPES: tuple[Scope, ...] = get_args(Scope)

FORM = "NAME:SHA256:SCOPES[:SESSIONS], as `trio-wa key new NAME` prints it"

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One caller: its name, the SHA-256 of its key in lower-case hex digits, and what it may do.

    Without `sessions` it may send over any session.
    """

    name: str
    sha256: str = field(repr=False)
    scopes: tuple[Scope, ...]
    sessions: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The entry for `API_KEYS`; `parse_api_keys` reads it back."""
        parts = [self.name, self.sha256, "+".join(self.scopes)]
        return ":".join([*parts, "+".join(self.sessions)] if self.sessions else parts)


def parse_api_keys(text: str) -> tuple[ApiKey, ...]:
    """The keys in `text`: entries separated by commas or on lines of their own, in its order.

    A line that begins with `#` is a comment. Raises ValueError for an entry of another form, a
    name or a key that stands there twice, and for none at all. What it says shows nothing that
    may be a key.
    """
    keys: list[ApiKey] = []
    for number, entry in enumerate(_entries(text), start=1):
        key = _parse(entry, f"entry {number}")
        if any(key.name == other.name for other in keys):
            raise ValueError(f"must have each name once: {key.name} stands there twice")
        for other in keys:
            if key.sha256 == other.sha256:
                raise ValueError(f"must have each key once: {other.name} and {key.name} share one")
        keys.append(key)
    if not keys:
        raise ValueError(f"must hold at least one {FORM}")
    return tuple(keys)


def _entries(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if not line.lstrip().startswith("#"):
            yield from filter(None, (entry.strip() for entry in line.split(",")))


def _parse(entry: str, place: str) -> ApiKey:
    name, digest, scopes, sessions = (*entry.split(":", 3), "", "", "")[:4]
    if not digest or not _NAME.fullmatch(name):
        raise ValueError(f"must be {FORM}, and {place} is not: it never holds the key itself")
    if not _SHA256.fullmatch(digest):
        raise ValueError(
            f"must hold the SHA-256 of a key as 64 hex digits, and {place} does not: run"
            " `trio-wa key new NAME`, or hash your own key with `printf %s KEY | sha256sum`"
        )
    named = tuple(scope for scope in SCOPES if scope in scopes.split("+"))
    if not named or len(named) < len(scopes.split("+")):
        raise ValueError(
            f"must give {place} ({name}) scopes, from {', '.join(SCOPES)}, joined by +, each once"
        )
    bound = tuple(sorted(filter(None, set(sessions.split("+")))))
    if entry.count(":") > 2 and not bound:
        raise ValueError(f"must name sessions behind the last colon of {place} ({name})")
    return ApiKey(name, digest.lower(), named, bound)
