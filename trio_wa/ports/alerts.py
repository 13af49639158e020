"""What an operator may want to be woken for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

AlertName: TypeAlias = Literal[
    "session.down",
    "session.up",
    "session.ghost",
    "session.timelock",
    "breaker.open",
    "webhooks.silent",
    "dispatch.paused",
    "store.unavailable",
]

Fact: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that happened at the time `at`, to a `session` or to the whole service.

    The names are stable: they stand in the log, in `GET /alerts` and in what `ALERT_COMMAND` and
    `ALERT_URL` get. No fact names a recipient or holds a text.
    """

    name: AlertName
    at: float
    session: str | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)


class Alarm(Protocol):
    """Whom the parts of the service tell; it never waits and never fails."""

    def __call__(self, name: AlertName, session: str | None = None, **facts: Fact) -> None:
        """Log the event under its name, keep it for `GET /alerts`, and pass it on."""


class NotNotified(Exception):
    """An alert could not be passed on; one line says why."""


class Notifier(Protocol):
    """A way to the operator: a command, or a URL."""

    async def notify(self, body: bytes) -> None:
        """Pass an alert on, as a JSON object in UTF-8, within 10 seconds. Raises NotNotified."""
