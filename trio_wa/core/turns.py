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
        """Choose from the oldest of each lane that may go now, given in the order of the lanes."""
        choice = next(filter(self._is_due, options), options[0])
        for option in options:
            message, _ = option
            if option is choice:
                self._passes[message.priority] = 0
            else:
                self._passes[message.priority] += 1
                self._lanes[message.priority].pass_over(message.id)
        return choice

    def _is_due(self, option: Option) -> bool:
        message, _ = option
        passes = max(
            self._passes[message.priority], self._lanes[message.priority].passes(message.id)
        )
        return passes >= PASSES
