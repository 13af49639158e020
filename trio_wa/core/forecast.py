"""When a message is about to begin: what goes before it, and how long that takes."""

from collections import Counter

from trio_wa.core.affinity import Allowed
from trio_wa.core.contacts import is_stranger
from trio_wa.core.lanes import Lanes
from trio_wa.core.message import LANES, Priority
from trio_wa.core.quiet_hours import QUIET, QuietHours
from trio_wa.core.ready import ReadySet
from trio_wa.core.rotation import Rotation


class Forecast:
    """What is to be expected of `lanes` of messages that leave by a rotation and quiet hours."""

    def __init__(self, lanes: Lanes, rotation: Rotation, quiet_hours: QuietHours | None) -> None:
        self._lanes = lanes
        self._rotation = rotation
        self._quiet_hours = quiet_hours

    def ahead(
        self, sessions: Allowed, priority: Priority, seq: int | None, *, strangers: bool
    ) -> float:
        """How many messages go before one; see `Dispatch.ahead`."""
        lane = self._lanes[priority]
        numbers = self._allowing(lane, strangers=strangers)
        if seq is not None:
            numbers = Counter(
                each.sessions
                for each in lane
                if each.seq < seq and (not strangers or is_stranger(each))
            )
        higher = self._higher(sessions, priority, strangers=strangers)
        return higher + self._share_of(sessions, numbers)

    def begins_at(
        self, sessions: Allowed, priority: Priority, ahead: float, now: float, *, new: bool
    ) -> float | None:
        """When one begins behind so many, as early as can be; None if no session works.

        `new` says that they are all first messages to a contact.
        """
        whole = self._going(sessions, ahead, now, new=new)
        if whole is None:
            return None
        if self._quiet_hours is None or priority != QUIET:
            return sum(whole)
        # What is of higher lanes goes in quiet hours too.
        held = max(0.0, ahead - self._higher(sessions, priority, strangers=new))
        start, seconds = self._going(sessions, held, now, new=new) or whole
        return max(sum(whole), self._quiet_hours.after(start, seconds))

    def _going(
        self, sessions: Allowed, ahead: float, now: float, *, new: bool
    ) -> tuple[float, float] | None:
        """When the first of the `sessions` may send, and how many seconds they take for so many.

        As if nothing came between; None if none of them works.
        """
        pace = self._rotation.limits.pace
        pacers = [slot.pacer for slot in self._rotation.allowed(sessions) if slot.usable]
        if not pacers:
            return None
        opens_at = [pacer.opens_for_new_at if new else pacer.opens_at for pacer in pacers]
        mean = pace.mean_spacing_of_new if new else pace.mean_spacing
        return max(now, min(opens_at)), ahead * mean / len(pacers)

    def _higher(self, sessions: Allowed, priority: Priority, *, strangers: bool) -> float:
        """How many wait in the lanes above one, in shares of `sessions`."""
        return sum(
            self._share_of(sessions, self._allowing(self._lanes[lane], strangers=strangers))
            for lane in LANES[: LANES.index(priority)]
        )

    def _allowing(self, lane: ReadySet, *, strangers: bool) -> Counter[Allowed]:
        return lane.strangers if strangers else lane.allowing

    def _share_of(self, sessions: Allowed, numbers: Counter[Allowed]) -> float:
        return sum(
            number * self._rotation.share(sessions, allowed) for allowed, number in numbers.items()
        )
