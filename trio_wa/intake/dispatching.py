"""What the intake asks of the dispatcher."""

from typing import Protocol

from trio_wa.core.message import Priority
from trio_wa.core.turn import Waiting
from trio_wa.ports import Place


class Dispatching(Protocol):
    """Whoever holds the messages that are in memory."""

    def waiting(self, message_id: str) -> Waiting | None:
        """What a message in memory waits for; None if it does not wait there."""

    def estimate(
        self,
        sessions: tuple[str, ...],
        priority: Priority,
        seq: int | None = None,
        *,
        stranger: bool = False,
        more: int = 0,
    ) -> float | None:
        """When a message that allows `sessions` is about to begin, in seconds since the epoch.

        It is queued with this `seq`, or comes behind all of its lane that hold places and `more`
        (below 0: fewer). A `stranger` is one to whom nobody has written. None without a pace, or if
        no session works.
        """

    def is_stranger(self, message_id: str) -> bool:
        """Whether a message waits there to be the first to its recipient."""

    def discard(self, message_id: str, place: Place) -> None:
        """Give back the `place` of a message that became final while it waited; drop it."""

    def obstacles(self) -> dict[str, str]:
        """For each session through which nothing may go now, the code of the reason."""
