"""The way into memory: places in the backlog, permits in memory, and the order between them."""

from collections.abc import Sequence

import trio

from trio_wa.core.message import Message
from trio_wa.places import Places


class Lane:
    """Which part of a lane's backlog is in memory.

    A place is held by every accepted message until it is final; `max_backlog` of them make the
    backlog. A permit is held by those in memory; `capacity` of them bound the channel to the
    dispatcher, which is as large and never blocks. While the store holds queued messages of the
    lane that are not in memory, new ones are only recorded, and the scheduler feeds the lane in
    order: no message overtakes an older one.

    Everything that changes state here is synchronous.
    """

    def __init__(self, *, capacity: int, max_backlog: int) -> None:
        self._send: trio.MemorySendChannel[Message]
        self._send, self.receive = trio.open_memory_channel[Message](capacity)
        self.places = Places(max_backlog)
        self.fed_seq = 0
        self._open = True
        self._recorded_seq = 0
        self._in_hand: dict[str, Message] = {}  # read from the store, and waiting for permits
        self._permits = trio.Semaphore(capacity, max_value=capacity)
        self._behind = False
        self._fell_behind = trio.Event()

    def publish(self, message: Message) -> None:
        """Note a message that was just recorded; it goes on at once unless older ones wait.

        Called for every queued message in the order of `seq`, in the step that completes its
        record. After `close` it only stays in the store.
        """
        self._recorded_seq = message.seq
        if self._open and not self._behind:
            try:
                self._permits.acquire_nowait()
            except trio.WouldBlock:
                self.fall_behind()
            else:
                self._pass_on(message)

    def fall_behind(self) -> None:
        """Note that the store holds queued messages that are not in memory."""
        self._behind = True
        self._fell_behind.set()

    @property
    def is_behind(self) -> bool:
        """Whether the store holds queued messages that are not in memory, and wait for permits."""
        return self._behind

    async def behind(self) -> int:
        """Wait until the store holds more than memory does; the last `seq` recorded by then."""
        await self._fell_behind.wait()
        return self._recorded_seq

    async def feed(self, messages: Sequence[Message]) -> None:
        """Pass on messages from the store, in order, each as soon as there is a permit for it.

        A waiting feeder has its permit before any new message.
        """
        self._in_hand = {message.id: message for message in messages}
        while self._in_hand:
            await self._permits.acquire()
            if self._in_hand:
                self._pass_on(self._in_hand.pop(next(iter(self._in_hand))))
            else:
                self._permits.release()

    def drop(self, message_id: str) -> None:
        """Note that a message became final that is not in memory: it is not to get there.

        An old copy would do no harm, but might keep others waiting until its turn comes.
        """
        self._in_hand.pop(message_id, None)

    async def enter(self) -> None:
        """Take a permit for a message that comes into memory without waiting there to be sent."""
        await self._permits.acquire()

    def caught_up(self, seq: int) -> None:
        """Note that everything recorded up to `seq` was passed on; what came since is still due."""
        self.fed_seq = max(self.fed_seq, seq)
        if self._recorded_seq <= seq:
            self._behind = False
            self._fell_behind = trio.Event()

    def leave(self) -> None:
        """Note that a message has left memory."""
        self._permits.release()

    def close(self) -> None:
        """Let the dispatcher drain what is in memory: no producer remains."""
        self._open = False
        self._send.close()

    def _pass_on(self, message: Message) -> None:
        self.fed_seq = message.seq
        self._send.send_nowait(message)
