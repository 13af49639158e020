"""What waits in memory: one line of messages a recipient, and the heads that may go."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

from trio_wa.core.message import Message

Allowed = tuple[str, ...]


@dataclass(slots=True)
class _Line:
    """The messages to one recipient, by `seq`; busy while one of them is with a worker."""

    waiting: list[tuple[int, str]] = field(default_factory=list)
    busy: bool = False


class ReadySet:
    """The messages that wait in memory. Each operation costs the logarithm of their number.

    Entries of the heaps outlive what they stand for, and are checked when they come up.
    """

    def __init__(self) -> None:
        self._messages: dict[str, Message] = {}
        self._lines: dict[str, _Line] = {}
        self._heads: dict[Allowed, list[tuple[int, str]]] = {}
        self._later: list[tuple[float, int, str]] = []
        self._expiry: list[tuple[float, int, str]] = []

    def __len__(self) -> int:
        return len(self._messages)

    def __contains__(self, message_id: object) -> bool:
        return message_id in self._messages

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages.values())

    def get(self, message_id: str) -> Message | None:
        """A waiting message; None if it does not wait here."""
        return self._messages.get(message_id)

    def is_head(self, message: Message) -> bool:
        """Whether nothing before it in its line, nor with a worker, holds a waiting message up."""
        return self._current_head(message.seq, message.id) is not None

    def add(self, message: Message) -> None:
        """Put a message into its recipient's line, at the place of its `seq`."""
        self._messages[message.id] = message
        heapq.heappush(self._expiry, (message.expires_at, message.seq, message.id))
        line = self._lines.setdefault(message.chat_id, _Line())
        heapq.heappush(line.waiting, (message.seq, message.id))
        if not line.busy and line.waiting[0][1] == message.id:
            self._offer(message)

    def take(self, message: Message) -> None:
        """Take a head out: its recipient is busy until `free`."""
        line = self._lines[message.chat_id]
        heapq.heappop(line.waiting)
        line.busy = True
        del self._messages[message.id]

    def free(self, chat_id: str) -> None:
        """Let the next message to `chat_id` come up."""
        line = self._lines[chat_id]
        line.busy = False
        self._offer_head(chat_id, line)

    def discard(self, message_id: str) -> Message | None:
        """Remove a waiting message; None if it does not wait here."""
        message = self._messages.pop(message_id, None)
        if message is not None:
            line = self._lines[message.chat_id]
            if not line.busy:
                self._offer_head(message.chat_id, line)
        return message

    def heads(self, now: float) -> Iterator[tuple[Allowed, Message]]:
        """For each set of allowed sessions the oldest message that may go at `now`."""
        while self._later and self._later[0][0] <= now:
            _, seq, message_id = heapq.heappop(self._later)
            message = self._current_head(seq, message_id)
            if message is not None:
                self._push_head(message)
        for allowed in list(self._heads):
            heap = self._heads[allowed]
            while heap:
                message = self._current_head(*heap[0])
                if message is not None and message.due_at <= now:
                    yield allowed, message
                    break
                heapq.heappop(heap)
            if not heap:
                del self._heads[allowed]

    def expired(self, now: float) -> Message | None:
        """Take out a waiting message whose time to live is over, if there is one."""
        while self._expiry and self._expiry[0][0] <= now:
            _, seq, message_id = heapq.heappop(self._expiry)
            message = self._messages.get(message_id)
            if message is not None and message.seq == seq:
                return self.discard(message_id)
        return None

    def next_change(self) -> float:
        """The next time at which a message becomes due or expires; infinity if none does."""
        while self._later and self._current_head(*self._later[0][1:]) is None:
            heapq.heappop(self._later)
        self._compact_expiry()
        due = self._later[0][0] if self._later else inf
        return min(due, self._expiry[0][0] if self._expiry else inf)

    def _offer_head(self, chat_id: str, line: _Line) -> None:
        while line.waiting:
            seq, message_id = line.waiting[0]
            message = self._messages.get(message_id)
            if message is not None and message.seq == seq:
                self._offer(message)
                return
            heapq.heappop(line.waiting)
        del self._lines[chat_id]

    def _offer(self, message: Message) -> None:
        if message.due_at > 0:
            heapq.heappush(self._later, (message.due_at, message.seq, message.id))
        else:
            self._push_head(message)

    def _push_head(self, message: Message) -> None:
        heapq.heappush(self._heads.setdefault(message.sessions, []), (message.seq, message.id))

    def _current_head(self, seq: int, message_id: str) -> Message | None:
        message = self._messages.get(message_id)
        if message is None or message.seq != seq:
            return None
        line = self._lines[message.chat_id]
        if line.busy or line.waiting[0] != (seq, message_id):
            return None
        return message

    def _compact_expiry(self) -> None:
        if len(self._expiry) > 2 * len(self._messages) + 64:
            self._expiry = [(m.expires_at, m.seq, m.id) for m in self._messages.values()]
            heapq.heapify(self._expiry)
