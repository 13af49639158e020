"""Stand-ins: raw TCP servers, a store, a sender, and a way to cancel at any step."""

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import trio

from trio_wa.core.message import Message
from trio_wa.core.notice import Notice
from trio_wa.core.outcome import Outcome, Rejected, Sent, Unavailable, Unknown
from trio_wa.core.retry import Decision, Requeue, state_after
from trio_wa.core.session import Session
from trio_wa.core.slot import Ghost
from trio_wa.core.status import Status
from trio_wa.core.turn import Claim, Expiry
from trio_wa.ports import (
    AlertName,
    Attempt,
    Check,
    Contact,
    Fact,
    Finding,
    MessageId,
    Missing,
    NoMessageIds,
    NotNotified,
    OpenAttempt,
    Picture,
    Refusal,
    Sender,
    StoreUnavailable,
    WahaInfo,
)

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
    """Cancels a scope when a task yields for the n-th time, or any of those it has started."""

    def __init__(
        self, task: trio.lowlevel.Task, scope: trio.CancelScope, steps: int, *, children: bool
    ) -> None:
        self._task = task
        self._scope = scope
        self._left = steps
        self._children = children

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self._task or (self._children and self._task in _parents(task)):
            self._left -= 1
            if self._left == 0:
                self._scope.cancel()


def _parents(task: trio.lowlevel.Task) -> Iterator[trio.lowlevel.Task]:
    while (nursery := task.parent_nursery) is not None:
        task = nursery.parent_task
        yield task


async def cancelled_at(
    step: int,
    function: Callable[[], Awaitable[object]],
    *,
    children: bool = False,
    grouped: bool = False,
) -> bool:
    """Run `function` and cancel it at its `step`-th yield; False if it ended before.

    With `children` the yields of the tasks that it started count too. What leaves it has to be a
    plain trio.Cancelled, which its callers catch, unless it may be `grouped`: they catch none.
    """
    with trio.CancelScope() as scope:
        cancel = _Cancel(trio.lowlevel.current_task(), scope, step, children=children)
        trio.lowlevel.add_instrument(cancel)
        try:
            await function()
        except BaseExceptionGroup as group:
            if not grouped:
                raise AssertionError("this is no plain trio.Cancelled") from group
            raise
        finally:
            trio.lowlevel.remove_instrument(cancel)
    return scope.cancel_called


@dataclass
class FakeStore:
    """Records what a worker asks of it; `refusals` are raised before it serves again.

    A message in `acked` was acknowledged before its attempt ended. What is settled while it is
    `stalled` waits there for `recover`.
    """

    begun: bool = True
    acked: dict[str, Status] = field(default_factory=dict)
    ids: list[str | None] = field(default_factory=list)
    refusals: list[Exception] = field(default_factory=list)
    begins: list[tuple[str, str]] = field(default_factory=list)
    settles: list[tuple[str, Outcome, Decision]] = field(default_factory=list)
    postponed: list[tuple[str, Outcome, Decision]] = field(default_factory=list)
    expiries: list[str] = field(default_factory=list)
    stalled: list[Callable[[], None]] | None = None

    async def postpone(self, message: Message, attempt: Attempt, decision: Requeue) -> bool:
        self._refuse()
        self.postponed.append((message.id, attempt.outcome, decision))
        await trio.lowlevel.checkpoint()
        return self.begun

    async def begin(self, message: Message, session: str, at: float) -> bool:
        self._refuse()
        self.begins.append((message.id, session))
        self.ids.append(message.waha_id)
        await trio.lowlevel.checkpoint()
        return self.begun

    def settle_soon(
        self, message: Message, attempt: Attempt, decision: Decision, then: Callable[[Status], None]
    ) -> None:
        def record() -> None:
            self.settles.append((message.id, attempt.outcome, decision))
            then(self.acked.get(message.id) or state_after(decision))

        if self.stalled is None:
            record()
        else:
            self.stalled.append(record)

    def recover(self) -> None:
        """Record what was settled while it was stalled."""
        stalled, self.stalled = self.stalled or [], None
        for record in stalled:
            record()

    async def expire(self, message: Message, at: float) -> bool:
        self._refuse()
        self.expiries.append(message.id)
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

    @asynccontextmanager
    async def observe(self) -> AsyncIterator["FakeObserver"]:
        yield FakeObserver()


@dataclass
class FakeObserver:
    """What a WAHA says: a status for each session, ids, and what became of messages.

    Each kind of answer is given as often as it is asked for, and can be changed between; `asked`
    has every question.
    """

    statuses_: dict[str, str] | None = None
    problem: str | None = None
    ids: Callable[[Session], MessageId] = lambda _session: NoMessageIds()
    finding: Callable[[str], Finding] = lambda _waha_id: Missing()
    refusal: Refusal | None = None
    registered: Callable[[Session], bool | Refusal] = lambda _session: True
    locked_until: float | None = None
    numbers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def ask(self, url: str) -> WahaInfo:
        return await self.statuses(url)

    async def statuses(self, url: str) -> WahaInfo:
        self.asked.append(("statuses", url))
        await trio.lowlevel.checkpoint()
        return WahaInfo(url, statuses=self.statuses_, problem=self.problem)

    async def new_message_id(self, session: Session) -> MessageId:
        self.asked.append(("new_message_id", session.name))
        await trio.lowlevel.checkpoint()
        return self.ids(session)

    async def look_up(self, session: Session, waha_id: str) -> Finding:
        self.asked.append(("look_up", waha_id))
        await trio.lowlevel.checkpoint()
        return self.finding(waha_id)

    async def restart(self, session: Session) -> Refusal | None:
        self.asked.append(("restart", session.name))
        await trio.lowlevel.checkpoint()
        return self.refusal

    async def timelock(self, session: Session) -> float | None:
        self.asked.append(("timelock", session.name))
        await trio.lowlevel.checkpoint()
        return self.locked_until

    async def number_of(self, session: Session, lid: str) -> str | None:
        self.asked.append(("number_of", lid))
        await trio.lowlevel.checkpoint()
        return self.numbers.get(lid)

    async def qr_code(self, session: Session) -> Picture | Refusal:
        await trio.lowlevel.checkpoint()
        return self.refusal or Picture("image/png", b"PNG")

    async def register_webhook(
        self, session: Session, url: str, secret: str | None
    ) -> bool | Refusal:
        self.asked.append(("register", session.name))
        await trio.lowlevel.checkpoint()
        return self.registered(session)

    def count(self, question: str) -> int:
        """How often something was asked."""
        return sum(name == question for name, _ in self.asked)


class FakeAddressing:
    """Gives messages no ids, or the ones in `ids`, or what stands in their way."""

    def __init__(self, *ids: str, instead: Rejected | Unavailable | None = None) -> None:
        self._ids = list(ids)
        self._instead = instead

    async def address(
        self, message: Message, session: Session, sender: Sender
    ) -> Message | Rejected | Unavailable:
        if self._instead is not None:
            return self._instead
        return replace(message, waha_id=self._ids.pop(0)) if self._ids else message


@dataclass
class FakeAlarm:
    """Notes each alarm: its name, the session and the facts."""

    raised: list[tuple[AlertName, str | None, dict[str, Fact]]] = field(default_factory=list)

    def __call__(self, name: AlertName, session: str | None = None, **facts: Fact) -> None:
        self.raised.append((name, session, facts))

    def names(self, session: str | None = None) -> list[AlertName]:
        """The names of the alarms about a session, or about the whole service, in order."""
        return [name for name, about, _ in self.raised if about == session]


@dataclass
class FakeNotifier:
    """Notes what it is told, and when; a try takes `seconds`, and the first `refusals` fail."""

    seconds: float = 0.0
    refusals: int = 0
    tries: list[float] = field(default_factory=list)
    told: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    async def notify(self, body: bytes) -> None:
        self.tries.append(trio.current_time())
        await trio.sleep(self.seconds)
        if self.refusals:
            self.refusals -= 1
            raise NotNotified("the line is dead")
        self.told.append((trio.current_time(), json.loads(body)))


@dataclass
class FakeInquiries:
    """Looks up what has an id, if it `tells`; notes what it takes on."""

    tells: bool = False
    opened: list[OpenAttempt] = field(default_factory=list)

    def may_tell(self, message: Message, session: str) -> bool:
        return self.tells and message.waha_id is not None

    def open(self, attempt: OpenAttempt) -> None:
        self.opened.append(attempt)


class FailingStore:
    """A store whose methods named in `failures` find the disk full, so many times each.

    A call can be cut before its transaction begins, but for `settle`, which stays. `settle_soon`
    succeeds at once.
    """

    def __init__(self, store: Any, **failures: int) -> None:
        self._store = store
        self.failures = failures

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name == "settle_soon":
            return method

        async def call(*arguments: Any) -> Any:
            if name != "settle":
                await trio.lowlevel.checkpoint()
            if self.failures.get(name, 0) > 0:
                self.failures[name] -= 1
                raise StoreUnavailable("the disk is full")
            return await method(*arguments)

        return call


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

    async def new_message_id(self, session: Session) -> MessageId:
        return NoMessageIds()

    async def check_exists(self, session: Session, chat_id: str) -> Check:
        return Contact(chat_id)

    def cut(self) -> Outcome:
        if self._written:
            return Unknown("interrupted", "written")
        return Unavailable("interrupted", "not written", "message")


@dataclass
class FakeRules:
    """What the dispatcher was told last of each session."""

    status: dict[str, str | None] = field(default_factory=dict)
    paused: dict[str, bool] = field(default_factory=dict)
    ghost: dict[str, Ghost | None] = field(default_factory=dict)
    locked: dict[str, float] = field(default_factory=dict)

    def set_status(self, session: str, status: str | None) -> None:
        self.status[session] = status

    def set_paused(self, session: str, *, paused: bool) -> None:
        self.paused[session] = paused

    def set_ghost(self, session: str, ghost: Ghost | None) -> None:
        self.ghost[session] = ghost

    def set_locked(self, session: str, until: float) -> None:
        self.locked[session] = until


@dataclass
class FakeDispatcher:
    """Notes what workers tell it; the end of any attempt changes `notices` about its session.

    `done` has what has ended and is settled, `outcomes` what has ended and is not. `obstacle` is
    what stops every session.
    """

    obstacle: str | None = None
    outcomes: dict[str, Outcome | None] = field(default_factory=dict)
    done: list[tuple[str, Outcome | None, Decision]] = field(default_factory=list)
    gone_: list[str] = field(default_factory=list)
    refusals: list[Claim | Expiry] = field(default_factory=list)
    expiries: list[bool] = field(default_factory=list)
    notices: tuple[Notice, ...] = ()

    def ended(self, claim: Claim, outcome: Outcome | None) -> tuple[Notice, ...]:
        self.outcomes[claim.message.id] = outcome
        return self.notices

    def settled(self, claim: Claim, decision: Decision) -> None:
        self.done.append((claim.message.id, self.outcomes.pop(claim.message.id), decision))

    def next(self, *, at_once: bool) -> None:
        """None: what there is to do comes through the channel."""

    def stopped(self, _claim: Claim) -> str | None:
        return self.obstacle

    def gone(self, claim: Claim) -> None:
        self.gone_.append(claim.message.id)

    def refused(self, job: Claim | Expiry) -> None:
        self.refusals.append(job)

    def expired(self, message: Message, *, final: bool) -> None:
        self.expiries.append(final)
