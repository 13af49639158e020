"""The way into memory: places for accepted messages, and the channel to the dispatcher."""

import trio

from trio_wa.core.message import Message


class Window:
    """Counts the places of accepted, unsettled messages, and passes them on in order.

    A place is held from the accept until the message is final, so the channel, which is as large,
    never blocks. Everything here is synchronous: what is recorded is passed on in the same step.
    """

    def __init__(self, *, capacity: int) -> None:
        self._send: trio.MemorySendChannel[Message]
        self._send, self.receive = trio.open_memory_channel[Message](capacity)
        self.capacity = capacity
        self.taken = 0
        self.open = True

    def reserve(self) -> bool:
        """Take a place; False if there is none."""
        if self.taken >= self.capacity:
            return False
        self.taken += 1
        return True

    def release(self) -> None:
        """Give a place back: its message is final, or was never recorded."""
        self.taken -= 1

    def publish(self, message: Message) -> None:
        """Pass a recorded message, which holds a place, on to the dispatcher."""
        self._send.send_nowait(message)

    def close(self) -> None:
        """Let the dispatcher drain what is left: no producer remains."""
        self.open = False
        self._send.close()
