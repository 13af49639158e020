"""Who asks, and what that one may do."""

from dataclasses import dataclass
from typing import Protocol

from trio_wa.config.api_keys import SCOPES, Scope


class Owned(Protocol):
    """What belongs to a caller."""

    @property
    def owner(self) -> str | None:
        """The name of the API key that brought it; None without keys."""


@dataclass(frozen=True, slots=True)
class Caller:
    """One who asks. `name` is that of the API key, `sessions` those it is bound to (empty: any)."""

    name: str | None = None
    scopes: tuple[Scope, ...] = ()
    sessions: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether it may do anything by itself."""
        return bool(self.scopes)

    @property
    def admin(self) -> bool:
        """Whether it may do everything, and see the messages of others."""
        return "admin" in self.scopes

    @property
    def owner(self) -> str | None:
        """Whose messages alone it sees; None: everybody's. An empty name is nobody's."""
        return None if self.admin else self.name or ""

    def may(self, scope: Scope) -> bool:
        """Whether it has `scope`; `admin` includes the others."""
        return self.admin or scope in self.scopes

    def sees(self, record: Owned) -> bool:
        """Whether a message, or a batch of them, exists for it."""
        return self.admin or (self.name is not None and record.owner == self.name)


NOBODY = Caller()
"""Who is not known, or need not be; where ALLOW_ANONYMOUS lets everybody send, this one does."""

LOCAL = Caller(scopes=SCOPES)
"""A direct request on this machine, while there are no keys."""
