"""One request and its answer, over a connection of its own: for what is not measured."""

import asyncio
import contextlib
import json
import re
from dataclasses import dataclass
from typing import Any

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


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
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            body = await (reader.readexactly(int(length[1])) if length else reader.read())
        except asyncio.IncompleteReadError as error:
            raise ConnectionResetError("the connection was closed before an answer") from error
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    return Answer(int(head.split(b" ", 2)[1]), body)
