"""A TCP port on 127.0.0.1 that stays ours while nothing listens on it."""

import socket
from types import TracebackType


class Port:
    """Keeps a free port from others, so that a server can leave it and come back.

    Between two servers a connection to it is refused, as to a program that is down. Linux lets a
    second socket listen on it, because both allow the address to be reused, and gives it to
    nobody who asks for any free port.
    """

    def __init__(self) -> None:
        self._guard = socket.socket()
        self._guard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._guard.bind(("127.0.0.1", 0))
        self.number: int = self._guard.getsockname()[1]

    def __enter__(self) -> "Port":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._guard.close()

    @property
    def url(self) -> str:
        """The base URL of what listens here."""
        return f"http://127.0.0.1:{self.number}"
