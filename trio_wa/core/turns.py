"""Whose turn it is among the lanes."""

from collections import Counter
from collections.abc import Sequence
from typing import Final, TypeAlias

from trio_wa.core.message import Message, Priority
from trio_wa.core.slot import Slot

PASSES: Final = 20
"""How often in a row a lane is passed over while it has a message that could go."""

Option: TypeAlias = tuple[Message, Slot]
"""A message that may go now, and the session over which it would."""


class Turns:
    """The highest lane goes first, unless a lower one was passed over `PASSES` times: then that.

    A lane's passes are counted since it last had a claim, and apart from that for each session
    since it last had one there: what may go over one session alone does not starve because others
    of its lane go over other sessions. What could not have gone anyway is not passed over.
    """

    def __init__(self) -> None:
        self._passes: Counter[tuple[Priority, str | None]] = Counter()

    def take(self, options: Sequence[Option]) -> Option:
        """Choose from the oldest of each lane that may go now, given in the order of the lanes."""
        choice = next(filter(self._is_due, options), options[0])
        message, slot = choice
        name = slot.session.name
        for passed, would_go_over in options:
            if passed is not message:
                self._passes[passed.priority, None] += 1
                self._passes[passed.priority, name] += would_go_over is slot
        self._passes[message.priority, None] = self._passes[message.priority, name] = 0
        return choice

    def _is_due(self, option: Option) -> bool:
        message, slot = option
        return any(
            self._passes[message.priority, over] >= PASSES for over in (None, slot.session.name)
        )
