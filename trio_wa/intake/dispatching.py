"""What the intake asks of the dispatcher."""

from collections.abc import Sequence
from typing import Protocol

from trio_wa.core.message import Message, Priority
from trio_wa.core.turn import Waiting
from trio_wa.ports import Place


class Dispatching(Protocol):
    """Whoever holds the messages that are in memory."""

    def waiting(self, message_id: str) -> Waiting | None:
        """What a message in memory waits for; None if it does not wait there."""

    @property
    def paced(self) -> bool:
        """Whether anything but the workers' number bounds how fast messages leave."""

    def estimates(self, messages: Sequence[Message]) -> list[float | None]:
        """When accepted messages, in the order of their `seq`, begin at the earliest.

        In seconds since the epoch; None where no session works. What is in no lane any more has
        begun.
        """

    def surely_before(self, at: float, priority: Priority) -> bool:
        """Whether any message of a lane may begin before `at`; False: see what `earliest` says."""

    def earliest(self, message: Message, *, new: bool) -> float | None:
        """The same of one that is to come behind all that hold places.

        `new` says that no session knows its recipient, as far as the store can tell; else one may.
        """

    def discard(self, message_id: str, place: Place) -> None:
        """Give back the `place` of a message that became final while it waited; drop it."""

    def obstacles(self) -> dict[str, str]:
        """For each session through which nothing may go now, the code of the reason."""
