"""What waits in memory: one line of messages a recipient, and the heads that may go."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import inf

from trio_wa.core.affinity import Route
from trio_wa.core.live_heap import Entry, LiveHeap
from trio_wa.core.message import Message


@dataclass(slots=True)
class _Line:
    """The messages to one recipient, by `seq`; `holds` counts those out of it that hold it up.

    `offer` is the number under which its head stands among the heads or among those not yet due.
    Its `number` messages count for the `route` of its head; None: that is not due, or held up.
    """

    waiting: LiveHeap
    holds: int = 0
    offer: int = 0
    number: int = 0
    route: Route | None = None


class ReadySet:
    """The messages that wait in memory. Each operation costs the logarithm of their number.

    `routes` tells where a message may go, and where it would rather go, in one `Route` or more: the
    heads are kept apart by it, so that none waits behind one that goes elsewhere. Exactly one of a
    message's routes has no `over`. Where the answers change, `refile` or `regroup`.
    `preferring` counts the messages that prefer a session, and `numbers` those of the lines whose
    head takes the same route; `strangers` counts such lines, where that head is the first to its
    contact. `newest` is the highest `seq` that ever came in, and nothing waits that expires after
    `last_expiry`.
    """

    def __init__(self, routes: Callable[[Message], Iterable[Route]]) -> None:
        self.preferring = 0
        self.numbers: Counter[Route] = Counter()
        self.strangers: Counter[Route] = Counter()
        self.newest = 0
        self.last_expiry = 0.0
        self._routes = routes
        self._numbers = itertools.count(1)
        self._messages: dict[str, Message] = {}
        self._passes: dict[str, int] = {}
        self._arrivals: dict[str, int] = {}
        self._lines: dict[str, _Line] = {}
        self._heads: dict[Route, LiveHeap] = {}
        self._later = LiveHeap(self._is_offered)
        self._expiry = LiveHeap(self._is_waiting)

    def __len__(self) -> int:
        return len(self._messages)

    def __contains__(self, message_id: object) -> bool:
        return message_id in self._messages

    def __reversed__(self) -> Iterator[Message]:
        """The waiting messages, those first that came in last."""
        return reversed(self._messages.values())

    def get(self, message_id: str) -> Message | None:
        """A waiting message; None if it does not wait here."""
        return self._messages.get(message_id)

    def is_head(self, message: Message) -> bool:
        """Whether nothing before it in its line, nor out of it, holds a waiting message up."""
        line = self._lines[message.chat_id]
        return not line.holds and self._head(line) is message

    def follows(self, message: Message) -> bool:
        """Whether another message to its recipient goes before one, or holds it up."""
        line = self._lines.get(message.chat_id)
        return line is not None and (line.holds > 0 or self._head(line) not in (None, message))

    def route(self, message: Message) -> Route | None:
        """The route for which a waiting message counts; None if it counts for none."""
        return self._lines[message.chat_id].route

    def add(self, message: Message) -> Message | None:
        """Put a message into its recipient's line, at the place of its `seq`.

        It may wait there already, as one that was retried. Of two copies that of the higher `seq`
        stays, of the same `seq` the one that came last; returns the other, which is out.
        """
        other = self._messages.get(message.id)
        if other is not None:
            if message.seq < other.seq:
                return message
            self.discard(message.id)
        self.last_expiry = max(self.last_expiry if self._messages else 0.0, message.expires_at)
        arrival = self._arrivals[message.id] = next(self._numbers)
        self._messages[message.id] = message
        self.newest = max(self.newest, message.seq)
        self.preferring += message.prefer is not None
        self._expiry.push((message.expires_at, arrival, message.id))
        line = self._line(message.chat_id)
        line.waiting.push((message.seq, arrival, message.id))
        self._count(line, 1)
        if self.is_head(message):
            self._offer(message, line)
        return other

    def pass_over(self, message_id: str) -> None:
        """Note that a waiting message could have gone, and another went."""
        self._passes[message_id] = self.passes(message_id) + 1

    def passes(self, message_id: str) -> int:
        """How often a message was passed over since it last came in."""
        return self._passes.get(message_id, 0)

    @property
    def most_passes(self) -> int:
        """How often that message was passed over that was most often."""
        return max(self._passes.values(), default=0)

    def take(self, message: Message) -> None:
        """Take a head out: its recipient is held up until `free`."""
        self.hold(message.chat_id)
        self._remove(message.id)

    def hold(self, chat_id: str) -> None:
        """Hold up what waits for `chat_id`, or will, until `free` was called as often."""
        line = self._line(chat_id)
        line.holds += 1
        line.offer = 0
        self._recount(line, None)  # others go past the rest of it

    def free(self, chat_id: str) -> bool:
        """Let the next message to `chat_id` come up, if nothing holds it up; whether one did."""
        line = self._lines[chat_id]
        line.holds -= 1
        return not line.holds and self._come_up(chat_id, line)

    def discard(self, message_id: str) -> Message | None:
        """Remove a waiting message; None if it does not wait here."""
        message = self._messages.get(message_id)
        if message is not None:
            was_head = self.is_head(message)
            self._remove(message_id)
            if was_head:
                self._come_up(message.chat_id, self._lines[message.chat_id])
        return message

    def heads(self, now: float) -> Iterator[tuple[Route, Message]]:
        """For each route the oldest message that may go at `now`."""
        while (due := self._later.pop_until(now)) is not None:
            _, offer, message_id = due
            self._push_head(self._messages[message_id], offer)
        for route in list(self._heads):
            entry = self._heads[route].peek()
            if entry is None:
                del self._heads[route]
            else:
                yield route, self._messages[entry[2]]

    def refile(self, chat_id: str) -> None:
        """File the head of a recipient's line anew, by the routes that it has now."""
        line = self._lines.get(chat_id)
        if line is not None and not line.holds:
            self._come_up(chat_id, line)

    def regroup(self) -> None:
        """File every head anew, by the routes that it has now; this costs their number."""
        heaps, self._heads = self._heads, {}
        for route, heap in heaps.items():
            if route.over is None:
                for _, offer, message_id in heap.living():
                    self._push_head(self._messages[message_id], offer)

    def expired(self, now: float) -> Message | None:
        """Take out a waiting message whose time to live is over, if there is one."""
        entry = self._expiry.pop_until(now)
        return None if entry is None else self.discard(entry[2])

    def next_change(self) -> float:
        """The next time at which a message becomes due or expires; infinity if none does."""
        due = self._later.peek()
        return min(due[0] if due else inf, self.next_expiry())

    def next_expiry(self) -> float:
        """The next time at which a message expires; infinity if none does."""
        expiry = self._expiry.peek()
        return expiry[0] if expiry else inf

    def _remove(self, message_id: str) -> None:
        del self._arrivals[message_id]
        self._passes.pop(message_id, None)
        message = self._messages.pop(message_id)
        self.preferring -= message.prefer is not None
        self._count(self._lines[message.chat_id], -1)

    def _line(self, chat_id: str) -> _Line:
        line = self._lines.get(chat_id)
        if line is None:
            line = self._lines[chat_id] = _Line(LiveHeap(self._is_waiting))
        return line

    def _head(self, line: _Line) -> Message | None:
        entry = line.waiting.peek()
        return None if entry is None else self._messages[entry[2]]

    def _come_up(self, chat_id: str, line: _Line) -> bool:
        head = self._head(line)
        if head is None:
            self._recount(line, None)
            del self._lines[chat_id]
        else:
            self._offer(head, line)
        return head is not None

    def _offer(self, message: Message, line: _Line) -> None:
        line.offer = next(self._numbers)
        if message.due_at > 0:
            self._recount(line, None)
            self._later.push((message.due_at, line.offer, message.id))
        else:
            self._push_head(message, line.offer)

    def _push_head(self, message: Message, offer: int) -> None:
        for route in self._routes(message):
            if route.over is None:
                self._recount(self._lines[message.chat_id], route)
            heap = self._heads.get(route)
            if heap is None:
                heap = self._heads[route] = LiveHeap(self._is_offered)
            heap.push((message.seq, offer, message.id))

    def _count(self, line: _Line, more: int) -> None:
        """Note that `more` messages wait in a line; below 0: fewer."""
        line.number += more
        if line.route is not None:
            self.numbers[line.route] += more
            if not self.numbers[line.route]:
                del self.numbers[line.route]

    def _recount(self, line: _Line, route: Route | None) -> None:
        """Let the messages of a line count for another route."""
        if route == line.route:
            return
        number, before = line.number, line.route
        self._count(line, -number)
        line.route = route
        self._count(line, number)
        if before is not None and before.new:
            self.strangers[before] -= 1
            if not self.strangers[before]:
                del self.strangers[before]
        if route is not None and route.new:
            self.strangers[route] += 1

    def _is_waiting(self, entry: Entry) -> bool:
        return self._arrivals.get(entry[2]) == entry[1]

    def _is_offered(self, entry: Entry) -> bool:
        message = self._messages.get(entry[2])
        return message is not None and self._lines[message.chat_id].offer == entry[1]
