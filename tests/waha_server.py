"""The WAHA adapter as the tests make it, and small servers for it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import trio

from tests.fakes import http_answer, read_request
from trio_wa.adapters.waha import Waha
from trio_wa.clock import Clock
from trio_wa.core.session import Session
from trio_wa.ports import MediaStore, StoreUnavailable

CREATED = http_answer("201 Created", b'{"key":{"id":"3EB0FF"}}')
TIMEOUT = 15.0


class FakeMedia:
    """Knows the `data` of messages by their ids; a read takes `seconds`, or fails as `problem`."""

    def __init__(self, **data: bytes) -> None:
        self.data: dict[str, bytes] = data
        self.seconds = 0.0
        self.problem: str | None = None
        self.read_ids: list[str] = []

    async def read(self, message_id: str) -> bytes | None:
        self.read_ids.append(message_id)
        await trio.sleep(self.seconds)
        if self.problem is not None:
            raise StoreUnavailable(self.problem)
        return self.data.get(message_id)

    async def put(self, data: Mapping[str, bytes]) -> None:
        raise NotImplementedError

    async def remove(self, message_ids: Sequence[str]) -> None:
        raise NotImplementedError

    async def kept(self) -> Sequence[str]:
        raise NotImplementedError


def waha(key: str | None = "secret", media: MediaStore | None = None) -> Waha:
    """The adapter, inside the present Trio run."""
    return Waha(api_key=key, timeout=TIMEOUT, clock=Clock(), media=media or FakeMedia())


def session_at(address: str, *, scheme: str = "http") -> Session:
    """A session at `127.0.0.1:<port>`."""
    return Session("default", f"{scheme}://{address}")


@asynccontextmanager
async def refusing() -> AsyncIterator[str]:
    """An address at which connections are refused: bound, and never listening."""
    with trio.socket.socket() as free:
        await free.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{free.getsockname()[1]}"


class Script:
    """A server that reads each request and sends the next of its answers, then closes."""

    def __init__(self, *answers: bytes) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.connections = 0
        self._answers = iter(answers)

    async def __call__(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        while (request := await read_request(stream)) is not None:
            self.requests.append(request)
            answer = next(self._answers, None)
            if answer is None:
                break
            await stream.send_all(answer)

    @property
    def lines(self) -> list[str]:
        """The request lines so far, without the version of HTTP."""
        return [line.removesuffix(" HTTP/1.1") for line, _, _ in self.requests]


def answering(
    *answers: bytes, hang: bool = False
) -> Callable[[trio.SocketStream], Awaitable[None]]:
    """A handler that reads one request, sends these bytes and closes, or stays silent."""

    async def handler(stream: trio.SocketStream) -> None:
        await read_request(stream)
        for answer in answers:
            await stream.send_all(answer)
        if hang:
            await trio.sleep_forever()

    return handler
