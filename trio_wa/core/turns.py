"""Whose turn it is among the lanes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from trio_wa.core.message import Message, Priority
from trio_wa.core.ready import ReadySet
from trio_wa.core.slot import Slot

PASSES: Final = 20
"""How often a lane, or a message, is passed over while it could go, before it goes first once."""

Option: TypeAlias = tuple[Message, Slot]
"""A message that may go now, and the session over which it would."""


class Turns:
    """The highest lane goes first, unless a lower one was passed over `PASSES` times in a row.

    Nor is the oldest message of a lane that may go passed over more often than that: what may go
    over one session alone does not starve because others of its lane go over other sessions. What
    could not have gone anyway is not passed over.
    """

    def __init__(self, lanes: Mapping[Priority, ReadySet]) -> None:
        self._lanes = lanes
        self._passes: Counter[Priority] = Counter()

    def choose(self, options: Sequence[Option]) -> Option:
        """Choose from the oldest of each lane that may go now, given in the order of the lanes.

        What is chosen leaves its lane.
        """
        choice = options[0]
        if len(options) > 1:
            choice = next((option for option in options if self._is_due(option[0])), choice)
            for message, _ in options:
                self._passes[message.priority] += 1
                self._lanes[message.priority].pass_over(message.id)
        self._passes[choice[0].priority] = 0
        return choice

    def left(self, priority: Priority) -> int:
        """How often a lane that could go is passed over at most, from now on, before it goes."""
        return max(0, PASSES - max(self._passes[priority], self._lanes[priority].most_passes))

    def _is_due(self, message: Message) -> bool:
        of_lane = self._passes[message.priority]
        return max(of_lane, self._lanes[message.priority].passes(message.id)) >= PASSES
