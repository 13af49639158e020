"""What waits in a lane and came in no sooner than a message: it does not go before it."""

from collections import Counter

from trio_wa.core.affinity import Route
from trio_wa.core.message import Message
from trio_wa.core.ready import ReadySet


class Behind:
    """Counts as the ready set does, for one message after the other, from the newest on.

    So all of a request cost no more than what came in since the first of them.
    """

    def __init__(self, ready: ReadySet) -> None:
        self.numbers: Counter[Route] = Counter()
        self.strangers: Counter[Route] = Counter()
        self._ready = ready
        self._newest = reversed(ready)

    def reach(self, message: Message) -> None:
        """Count what came in since a waiting message, and that as well."""
        for each in self._newest:
            if each.seq >= message.seq:
                self._count(each)
            if each.id == message.id:
                return

    def _count(self, message: Message) -> None:
        route = self._ready.route(message)
        if route is not None:
            self.numbers[route] += 1
            if route.new and self._ready.is_head(message):
                self.strangers[route] += 1
