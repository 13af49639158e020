"""The intake over a store in memory, as a caller reaches it, without HTTP."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from trio_wa.adapters.media_memory import MemoryMedia
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.alerts import Alerts
from trio_wa.clock import Clock
from trio_wa.config import Settings, load_settings
from trio_wa.core.message import Message, Priority
from trio_wa.core.outcome import Outcome, Sent
from trio_wa.core.retry import Decision, Final
from trio_wa.core.status import Status
from trio_wa.core.turn import Waiting
from trio_wa.intake.http import Request, Response
from trio_wa.intake.routes import create_intake
from trio_wa.ports import (
    Activity,
    Attempt,
    Picture,
    Place,
    Publish,
    Receipt,
    Refusal,
    SessionView,
    Store,
)
from trio_wa.window import Window

SENT = Sent()


def entry(name: str, scopes: str, sessions: str = "") -> str:
    """The line of a key; the key itself is `key-of-` and its name."""
    digest = hashlib.sha256(f"key-of-{name}".encode()).hexdigest()
    return f"{name}:{digest}:{scopes}" + (f":{sessions}" if sessions else "")


def settings_of(**overrides: Any) -> Settings:
    return load_settings(None, **({"waha_url": "http://waha", "sessions": "a,b"} | overrides))


@dataclass
class FakeDispatch:
    """Says of messages what it was told, and notes what was discarded, and what was estimated.

    It tells when a message begins once there is an `estimated_at`: to a new contact `new_after`
    seconds later.
    """

    window: Window
    waits: dict[str, Waiting] = field(default_factory=dict)
    discarded: list[str] = field(default_factory=list)
    shut: dict[str, str] = field(default_factory=dict)
    estimated_at: float | None = None
    new_after: float = 0.0
    estimated: list[Message] = field(default_factory=list)

    @property
    def paced(self) -> bool:
        return self.estimated_at is not None

    def estimates(self, messages: Sequence[Message]) -> list[float | None]:
        self.estimated += messages
        return [self.estimated_at for _ in messages]

    def surely_before(self, at: float, priority: Priority) -> bool:
        del priority
        assert self.estimated_at is not None, "it is asked only where there is a pace"
        return self.estimated_at + self.new_after + 3600 < at

    def earliest(self, message: Message, *, new: bool) -> float | None:
        assert not message.known_to
        assert self.estimated_at is not None, "it is asked only where there is a pace"
        return self.estimated_at + (self.new_after if new else 0.0)

    def waiting(self, message_id: str) -> Waiting | None:
        return self.waits.get(message_id)

    def discard(self, message_id: str, place: Place) -> None:
        self.window.release(place)
        self.discarded.append(message_id)

    def obstacles(self) -> dict[str, str]:
        return self.shut


def session(name: str, **known: Any) -> SessionView:
    """A session of which little is known."""
    view = SessionView(
        name, "WORKING", None, False, 0, Activity(), False, "none", None, None, obstacle=None
    )
    return replace(view, **known)


@dataclass
class FakeSessions:
    """Shows what it was given, and notes what it is asked to do; `refusal` answers for WAHA."""

    views: dict[str, SessionView]
    refusal: Refusal | None = None
    picture: Picture = field(default_factory=lambda: Picture("image/png", b"\x89PNG"))
    problem: Exception | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def view(self) -> Sequence[SessionView]:
        return list(self.views.values())

    async def pause(self, name: str) -> None:
        self._act("pause", name, paused=True)

    async def resume(self, name: str) -> None:
        self._act("resume", name, paused=False)

    async def restart(self, name: str) -> Refusal | None:
        self.asked.append(("restart", name))
        return self.refusal

    async def qr_code(self, name: str) -> Picture | Refusal:
        self.asked.append(("qr", name))
        return self.refusal or self.picture

    def _act(self, action: str, name: str, *, paused: bool) -> None:
        if self.problem is not None:
            raise self.problem
        self.asked.append((action, name))
        self.views[name] = replace(self.views[name], paused=paused)


@dataclass
class FakeEvents:
    """Notes what WAHA tells; `problem` is raised in place of a record."""

    receipts: list[Receipt] = field(default_factory=list)
    statuses: list[tuple[str, str, float]] = field(default_factory=list)
    signs: list[tuple[str, str]] = field(default_factory=list)
    writers: list[tuple[str, tuple[str, ...], str, float]] = field(default_factory=list)
    numbers: dict[str, str] = field(default_factory=dict)
    problem: Exception | None = None

    async def acknowledge(self, receipt: Receipt) -> None:
        if self.problem is not None:
            raise self.problem
        self.receipts.append(receipt)

    async def names_of(self, _session: str, chat_ids: tuple[str, ...]) -> tuple[str, ...]:
        number = self.numbers.get(chat_ids[0])
        return chat_ids if number is None else (*chat_ids, number)

    async def written_by(
        self, session: str, chat_ids: tuple[str, ...], text: str, at: float
    ) -> None:
        if self.problem is not None:
            raise self.problem
        self.writers.append((session, chat_ids, text, at))

    def session_status(self, session: str, status: str, at: float) -> None:
        self.statuses.append((session, status, at))

    def heard(self, session: str, event: str) -> None:
        self.signs.append((session, event))


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def code(self) -> str:
        """The code of a problem."""
        assert self.headers["Content-Type"] == "application/problem+json"
        return str(self.body["code"])


class Desk:
    """Where callers ask. Make it inside a Trio run."""

    def __init__(
        self,
        *,
        backlog: int = 100,
        opening: Callable[[Publish], Store] = MemoryStore,
        clock: Clock | None = None,
        **overrides: Any,
    ) -> None:
        self.window = Window(capacity=10_000, max_backlog=backlog, max_scheduled=1_000)
        self.store = opening(self.window.publish)
        self.media = MemoryMedia()
        self.dispatch = FakeDispatch(self.window)
        self.clock = clock or Clock()
        settings = settings_of(**overrides)
        names = [each.name for each in settings.sessions]
        self.sessions = FakeSessions({name: session(name) for name in names})
        self.events = FakeEvents()
        self.alerts = Alerts((), self.clock)
        self.intake = create_intake(
            settings,
            self.store,
            self.media,
            self.window,
            self.dispatch,
            self.sessions,
            self.events,
            self.events,
            self.alerts,
            self.clock,
        )

    async def ask(self, method: str, path: str, **asking: Any) -> Answer:
        """Ask, as `fetch` does, for an answer in JSON."""
        response = await self.fetch(method, path, **asking)
        return Answer(response.status, response.headers, json.loads(response.body))

    async def fetch(
        self,
        method: str,
        path: str,
        *,
        by: str | None = None,
        given: Any = None,
        query: Mapping[str, str] | None = None,
        repeated: tuple[str, ...] = (),
        headers: Mapping[str, str] | None = None,
        peer: str = "127.0.0.1",
    ) -> Response:
        """Ask, with the key of `by`, a body `given` as JSON or bytes."""
        named = {} if by is None else {"x-api-key": f"key-of-{by}"}
        body = given if isinstance(given, bytes) else json.dumps(given).encode()
        return await self.intake(
            Request(
                method,
                path,
                query or {},
                {"host": "127.0.0.1:8080", **named, **(headers or {})},
                peer,
                b"" if given is None else body,
                repeated=repeated,
            )
        )

    async def send(
        self, to: str = "6281234567890", *, session: Sequence[str] = (), **asking: Any
    ) -> str:
        """Have a message accepted; its id."""
        given: dict[str, Any] = {"to": to, "message": "Hello"}
        if session:
            given["session"] = session
        answer = await self.ask("POST", "/send", given=given, **asking)
        assert answer.status == 202, answer.body
        return str(answer.body["id"])

    def published(self) -> list[Message]:
        """What went to the dispatcher since the last time."""
        arrived = []
        for lane in self.window.lanes.values():
            count = lane.receive.statistics().current_buffer_used
            arrived += [lane.receive.receive_nowait() for _ in range(count)]
        return arrived

    async def attempt(self, message: Message, decision: Decision, outcome: Outcome = SENT) -> None:
        """Begin an attempt over session a, settle it half a second later, and do what follows."""
        began_at = self.clock.now()
        assert await self.store.begin(message, "a", began_at)
        await self.store.settle(message, Attempt("a", began_at, began_at + 0.5, outcome), decision)
        self.window.lanes[message.priority].leave()
        if isinstance(decision, Final):
            self.window.release(message.priority)

    async def send_and_end(self, status: Status, **sending: Any) -> str:
        """Have a message accepted and brought to a settled state; its id."""
        message_id = await self.send(**sending)
        (message,) = self.published()
        if status is Status.EXPIRED:
            assert await self.store.expire(message, self.clock.now())
            self.window.release("normal")
        elif status is not Status.QUEUED:
            await self.attempt(message, Final(status, "why", "because", None))
        return message_id
