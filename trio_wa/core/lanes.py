"""What waits in memory, by lane, filed by where the rotation would send it."""

from trio_wa.core.message import LANES, Message, Priority
from trio_wa.core.ready import ReadySet
from trio_wa.core.rotation import Rotation
from trio_wa.core.turns import Option


class Lanes(dict[Priority, ReadySet]):
    """A ready set for each lane, in the order of the lanes: lines and holds are each lane's own."""

    def __init__(self, rotation: Rotation) -> None:
        super().__init__({priority: ReadySet(rotation.routes) for priority in LANES})
        self._rotation = rotation
        self._filed_for = rotation.filing(0.0)
        self._filed_by_contact = rotation.minds_new

    def message(self, message_id: str) -> Message | None:
        """A waiting message; None if it waits in no lane."""
        for ready in self.values():
            if (message := ready.get(message_id)) is not None:
                return message
        return None

    def waiting(self) -> list[ReadySet]:
        """The lanes in which anything waits."""
        return [ready for ready in self.values() if ready]

    def refile(self, chat_id: str) -> None:
        """File what waits for a recipient anew, as after news of the contact."""
        for ready in self.values():
            ready.refile(chat_id)

    def regroup(self, now: float) -> None:
        """File the heads anew if what they were filed by has changed."""
        filing = self._rotation.filing(now)
        if filing == self._filed_for:
            return
        self._filed_for = filing
        by_contact, self._filed_by_contact = self._filed_by_contact, self._rotation.minds_new
        for ready in self.values():
            if self._rotation.sticky or ready.preferring or by_contact or self._filed_by_contact:
                ready.regroup()

    def oldest(self, lane: ReadySet, now: float) -> Option | None:
        """The oldest message of a lane that may go now, and the session over which it would."""
        oldest: Option | None = None
        for route, message in lane.heads(now):
            if oldest is not None and oldest[0].seq <= message.seq:
                continue
            slot = self._rotation.pick(message, route.first, now)
            if slot is not None:
                oldest = (message, slot)
        return oldest
