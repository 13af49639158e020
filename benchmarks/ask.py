"""One request and its answer, over a connection of its own: for what is not measured."""

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


async def ask(port: int, target: str, *, method: str = "GET", within: float = 10.0) -> Answer:
    """Ask `127.0.0.1:port` for `target`, a path with its query.

    Raises OSError if there is no answer, and TimeoutError if there is none `within` seconds.
    """
    async with asyncio.timeout(within):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(
                f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                "Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
            )
            raw = await reader.read()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    head, separator, body = raw.partition(b"\r\n\r\n")
    if not separator:
        raise ConnectionResetError("the connection was closed before an answer")
    return Answer(int(head.split(b" ", 2)[1]), body)
