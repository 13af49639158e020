"""What the simulator received, and what it delivered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import trio

from trio_wa.simulator.faults import Status
from trio_wa.simulator.received_file import ReceivedFile, take_file
from trio_wa.simulator.session import SimulatedSession


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message that reached its recipient. `id` is the raw one, `at` in seconds since the epoch.

    `sequence` counts deliveries from 1; `attempt` is the sequence of the request that did it.
    `kind` is the endpoint's name; `body` is the JSON received, without the data of a file, whose
    size and hash `file` has; `headers` have lower-case names.
    """

    id: str
    session: str
    chat_id: str
    kind: str
    text: str | None
    body: Mapping[str, Any]
    at: float
    sequence: int
    attempt: int
    headers: Mapping[str, str]
    file: ReceivedFile | None = None


@dataclass(slots=True)
class Attempt:
    """A send that was received, delivered or not.

    `status` is its session's when it was received, None if there was no such session;
    `status_since` is when that session began to work, or ceased to. `outcome` is None while it
    lasts, then the status answered or the word for what happened: "cut", "hung" or "left" (the
    client was gone when the answer was ready). `taken` says that WAHA took it, whatever its client
    learned; `new_contact`, that nothing had gone between the session and this person before. `body`
    and `file` are as in `Delivered`.
    """

    sequence: int
    at: float
    kind: str
    session: str | None
    chat_id: str | None
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    status: Status | None = None
    status_since: float | None = None
    outcome: int | str | None = None
    taken: bool = False
    new_contact: bool = False
    file: ReceivedFile | None = None


@dataclass(slots=True, eq=False)
class _Waiter:
    matches: Callable[[Delivered], bool]
    found: Delivered | None = None
    event: trio.Event = field(default_factory=trio.Event)


class Journal:
    """Remembers the last `keep` attempts and deliveries, and wakes those that wait for one."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._waiters: list[_Waiter] = []
        self.attempts: list[Attempt] = []
        self.delivered: list[Delivered] = []
        self.attempt_count = 0
        self.delivered_count = 0
        self.listeners: list[Callable[[Delivered], None]] = []

    def receive(
        self,
        now: float,
        kind: str,
        body: Mapping[str, Any],
        headers: Mapping[str, str],
        over: SimulatedSession | None,
    ) -> Attempt:
        """Note an attempt; `over` is the session that it names, if there is one."""
        self.attempt_count += 1
        session, chat_id = body.get("session"), body.get("chatId")
        remembered, file = take_file(body)
        attempt = Attempt(
            sequence=self.attempt_count,
            at=now,
            kind=kind,
            session=session if isinstance(session, str) else None,
            chat_id=chat_id if isinstance(chat_id, str) else None,
            body=remembered,
            headers=headers,
            file=file,
            status=None if over is None else over.status,
            status_since=None if over is None else over.since,
        )
        self.attempts.append(attempt)
        if len(self.attempts) > self._keep * 1.1:
            del self.attempts[: -self._keep]
        return attempt

    def deliver(self, attempt: Attempt, now: float, message_id: str, text: str | None) -> Delivered:
        """Note that `attempt` delivered, and wake who waits for it."""
        self.delivered_count += 1
        message = Delivered(
            id=message_id,
            session=attempt.session or "",
            chat_id=attempt.chat_id or "",
            kind=attempt.kind,
            text=text,
            body=attempt.body,
            at=now,
            sequence=self.delivered_count,
            attempt=attempt.sequence,
            headers=attempt.headers,
            file=attempt.file,
        )
        self.delivered.append(message)
        if len(self.delivered) > self._keep * 1.1:
            del self.delivered[: -self._keep]
        for waiter in [each for each in self._waiters if each.matches(message)]:
            waiter.found = message
            waiter.event.set()
            self._waiters.remove(waiter)
        for listener in self.listeners:
            listener(message)
        return message

    async def wait_for(self, matches: Callable[[Delivered], bool]) -> Delivered:
        """The first delivery that `matches`, past or to come."""
        for message in self.delivered:
            if matches(message):
                return message
        waiter = _Waiter(matches)
        self._waiters.append(waiter)
        try:
            await waiter.event.wait()
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
        assert waiter.found is not None  # noqa: S101  # set with the event
        return waiter.found

    async def wait_count(self, count: int) -> None:
        """Return once `count` messages were delivered in all."""
        if self.delivered_count < count:
            await self.wait_for(lambda message: message.sequence >= count)

    def clear(self) -> None:
        """Forget attempts and deliveries; both count from 1 again."""
        self.attempts.clear()
        self.delivered.clear()
        self.attempt_count = self.delivered_count = 0
