"""How the sessions stand: which of them may be tried, how many work, which are time-locked."""

from collections.abc import Iterable

from trio_wa.core.slot import Slot


class Standing:
    """Is asked for each claim, and looks at every session only after something changed."""

    def __init__(self, slots: Iterable[Slot]) -> None:
        self._slots = tuple(slots)
        self._usable: tuple[str, ...] = ()
        self._working = 0
        self._locks_end = 0.0
        self._known = False

    def changed(self) -> None:
        """Note that a session may stand otherwise than before."""
        self._known = False

    @property
    def usable(self) -> tuple[str, ...]:
        """The names of the sessions that may be tried at all."""
        self._look()
        return self._usable

    @property
    def working(self) -> int:
        """How many have nothing in their way but their pace."""
        self._look()
        return self._working

    def locked(self, now: float) -> tuple[str, ...]:
        """The names of those that may write to no new contact at the time `now`."""
        self._look()
        if now >= self._locks_end:
            return ()
        return tuple(slot.session.name for slot in self._slots if slot.locked_until > now)

    def _look(self) -> None:
        if not self._known:
            self._known = True
            usable = [slot for slot in self._slots if slot.usable]
            self._usable = tuple([slot.session.name for slot in usable])
            self._working = [slot.clear for slot in usable].count(True)
            self._locks_end = max([slot.locked_until for slot in self._slots], default=0.0)
