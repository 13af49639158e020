"""Stand-ins: raw TCP servers, a store, a sender, and a way to cancel at any step."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import trio

from trio_wa.core.dispatch import Claim, Expiry
from trio_wa.core.message import Message
from trio_wa.core.outcome import Outcome, Sent, Unavailable, Unknown
from trio_wa.core.retry import Decision
from trio_wa.core.session import Session
from trio_wa.ports import Attempt, WahaInfo

Serve = Callable[[trio.SocketStream], Awaitable[None]]


async def serve_tcp(nursery: trio.Nursery, handler: Serve) -> str:
    """Serve `handler` on a free port of 127.0.0.1; gives `127.0.0.1:<port>`."""

    async def serve(stream: trio.SocketStream) -> None:
        with contextlib.suppress(trio.BrokenResourceError):  # the client may vanish
            async with stream:
                await handler(stream)

    [listener] = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
    return f"127.0.0.1:{listener.socket.getsockname()[1]}"


async def read_request(stream: trio.abc.ReceiveStream) -> tuple[str, dict[str, str], bytes] | None:
    """Request line, headers and body of the next request; None once the peer is gone."""
    received, wanted = b"", 0
    headers: dict[str, str] = {}
    while not headers or len(received) < wanted:
        part = await stream.receive_some()
        if not part:
            return None
        received += part
        if not headers and b"\r\n\r\n" in received:
            head, _, received = received.partition(b"\r\n\r\n")
            line, *lines = head.decode().split("\r\n")
            fields = (entry.partition(": ") for entry in lines)
            headers = {name.lower(): value for name, _, value in fields}
            wanted = int(headers.get("content-length", "0"))
    return line, headers, received


def http_answer(status: str, body: bytes, *headers: str, length: int | None = None) -> bytes:
    """The bytes of an HTTP/1.1 response; `length` is what it says of its body's."""
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {size}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class _Cancel(trio.abc.Instrument):
    """Cancels a scope when a task yields for the n-th time."""

    def __init__(self, task: trio.lowlevel.Task, scope: trio.CancelScope, steps: int) -> None:
        self._task = task
        self._scope = scope
        self._left = steps

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self._task:
            self._left -= 1
            if self._left == 0:
                self._scope.cancel()


async def cancelled_at(step: int, function: Callable[[], Awaitable[object]]) -> bool:
    """Run `function` and cancel it at its `step`-th yield; False if it ended before."""
    with trio.CancelScope() as scope:
        cancel = _Cancel(trio.lowlevel.current_task(), scope, step)
        trio.lowlevel.add_instrument(cancel)
        try:
            await function()
        finally:
            trio.lowlevel.remove_instrument(cancel)
    return scope.cancel_called


@dataclass
class FakeStore:
    """Records what a worker asks of it; `refusals` are raised before it serves again."""

    begun: bool = True
    refusals: list[Exception] = field(default_factory=list)
    begins: list[tuple[str, str]] = field(default_factory=list)
    settles: list[tuple[str, Outcome, Decision]] = field(default_factory=list)
    expiries: list[str] = field(default_factory=list)

    async def begin(self, message: Message, session: str, at: float) -> bool:
        self._refuse()
        self.begins.append((message.id, session))
        await trio.lowlevel.checkpoint()
        return self.begun

    async def settle(self, message: Message, attempt: Attempt, decision: Decision) -> None:
        self._refuse()
        self.settles.append((message.id, attempt.outcome, decision))
        await trio.lowlevel.checkpoint()

    async def expire(self, message_id: str, at: float) -> bool:
        self._refuse()
        self.expiries.append(message_id)
        await trio.lowlevel.checkpoint()
        return self.begun

    def _refuse(self) -> None:
        if self.refusals:
            raise self.refusals.pop(0)


@dataclass
class FakeGateway:
    """A WAHA that answers by a function; a send takes three steps: connect, write, answer."""

    answer: Callable[[Message, Session], Outcome] = lambda _message, _session: Sent("3EB0")
    seconds: float = 0.0
    seconds_of: dict[str, float] = field(default_factory=dict)
    written: list[tuple[str, str]] = field(default_factory=list)
    sending: int = 0
    most: int = 0

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["FakeSender"]:
        yield FakeSender(self)

    async def ask(self, url: str) -> WahaInfo:
        return WahaInfo(url)


class FakeSender:
    """One worker's way to the fake."""

    def __init__(self, gateway: FakeGateway) -> None:
        self._gateway = gateway
        self._written = False

    async def send(self, message: Message, session: Session) -> Outcome:
        gateway = self._gateway
        self._written = False
        gateway.sending += 1
        gateway.most = max(gateway.most, gateway.sending)
        try:
            await trio.lowlevel.checkpoint()
            self._written = True
            gateway.written.append((message.id, session.name))
            await trio.lowlevel.checkpoint()
            await trio.sleep(gateway.seconds_of.get(session.name, gateway.seconds))
            return gateway.answer(message, session)
        finally:
            gateway.sending -= 1

    def cut(self) -> Outcome:
        if self._written:
            return Unknown("interrupted", "written")
        return Unavailable("interrupted", "not written", "message")


@dataclass
class FakeDispatcher:
    """Notes what workers tell it."""

    done: list[tuple[str, Outcome | None, Decision]] = field(default_factory=list)
    refusals: list[Claim | Expiry] = field(default_factory=list)
    expiries: list[bool] = field(default_factory=list)

    def finished(self, claim: Claim, outcome: Outcome | None, decision: Decision) -> None:
        self.done.append((claim.message.id, outcome, decision))

    def refused(self, job: Claim | Expiry) -> None:
        self.refusals.append(job)

    def expired(self, *, final: bool) -> None:
        self.expiries.append(final)
