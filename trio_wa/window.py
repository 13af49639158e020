"""The lanes into memory, and the schedule: whose place a message holds."""

from collections.abc import Iterable, Mapping

from trio_wa.core.message import LANES, Message, Priority
from trio_wa.lane import Lane
from trio_wa.places import Places
from trio_wa.ports import Place
from trio_wa.schedule import Schedule


class Window:
    """A lane for each priority, so that one that is full keeps no message out of another.

    Scheduled messages have places of their own until their time comes.
    """

    def __init__(self, *, capacity: int, max_backlog: int, max_scheduled: int) -> None:
        self.lanes: Mapping[Priority, Lane] = {
            priority: Lane(capacity=capacity, max_backlog=max_backlog) for priority in LANES
        }
        self.schedule = Schedule(max_scheduled)
        self.open = True

    @property
    def backlog(self) -> int:
        """How many messages are queued, being sent, or looked up."""
        return sum(lane.places.taken for lane in self.lanes.values())

    def places(self, place: Place) -> Places:
        """The places of a lane, or of the schedule."""
        return self.schedule.places if place == "scheduled" else self.lanes[place].places

    def reserve(self, place: Place) -> bool:
        """Take a place; False if there is none."""
        return self.places(place).reserve()

    def release(self, place: Place, number: int = 1) -> None:
        """Give places back: their messages are final, or were never recorded."""
        self.places(place).release(number)

    def recall(self, taken: Mapping[Place, int]) -> None:
        """Take the places of what the store holds at a start, however many there are."""
        for place, number in taken.items():
            self.places(place).take(number)
            if place != "scheduled" and number:
                self.lanes[place].fall_behind()

    def publish(self, message: Message) -> None:
        """Note a message that was just recorded as queued; see `Lane.publish`."""
        self.lanes[message.priority].publish(message)

    def come_up(self, messages: Iterable[Message]) -> None:
        """Give scheduled messages whose time has come a place in their lane."""
        for message in messages:
            self.schedule.places.release()
            self.lanes[message.priority].places.take()

    def close(self) -> None:
        """Let the dispatcher drain what is in memory: no producer remains."""
        self.open = False
        for lane in self.lanes.values():
            lane.close()
