"""Two sessions, and who watches whether they deliver."""

import itertools
from typing import Any

import trio
import trio.testing

from tests.fakes import FailingStore, FakeAlarm, FakeObserver, FakeRules
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.clock import Clock
from trio_wa.core.ghost import SENDS
from trio_wa.core.session import Session
from trio_wa.ghosts import HEARD_SECONDS, Ghosts
from trio_wa.ports import SessionMemory
from trio_wa.sessions import SessionPool
from trio_wa.silence import Silence

NAMES = ("a", "b")
LINK = {"unconfirmed": "/messages?session=a&unconfirmed=true"}
UNCONFIRMED = {"probe": "unconfirmed"}


class SlowStore(MemoryStore):
    """Takes so many seconds to record what is remembered of a session."""

    seconds = 0.0

    async def remember_session(self, session: str, memory: SessionMemory) -> None:
        await trio.sleep(self.seconds)
        await super().remember_session(session, memory)


class Bench:
    """The sessions a and b, which work, and who watches them."""

    def __init__(
        self,
        *,
        share: float = 0.2,
        store: MemoryStore | None = None,
        memories: dict[str, SessionMemory] | None = None,
        **failures: int,
    ) -> None:
        self.store = store or MemoryStore(lambda _message: None)
        self.rules = FakeRules()
        self.alarm = FakeAlarm()
        self.found: list[str] = []
        self.returned: list[str] = []
        self.failing: Any = FailingStore(self.store, **failures)
        self.clock = Clock()
        self._ids = itertools.count()
        known = {name: SessionMemory() for name in NAMES} | (memories or {})
        self.pool = SessionPool(
            [Session(name, "http://waha") for name in NAMES],
            known,
            self.failing,
            FakeObserver(),
            self.rules,
            FakeAlarm(),
            self.clock,
            poll=5.0,
            on_start=lambda _session, _again: None,
        )
        self.silence = Silence(dict.fromkeys(NAMES, False), FakeAlarm())
        self.ghosts = Ghosts(
            [(name, memory.ghost) for name, memory in known.items()],
            self.pool,
            self.rules,
            self.silence,
            self.alarm,
            self.clock,
            share=share,
            on_ghost=self.found.append,
            on_return=self.returned.append,
        )
        for name in NAMES:
            self.pool.told(name, "WORKING", self.clock.now())

    async def life(self) -> None:
        """Watch, while session b tells of itself every now and then."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.ghosts.run)
            while True:
                self.silence.heard("b")
                await trio.sleep(HEARD_SECONDS / 2)

    def send(self) -> str:
        """WAHA takes a message over session a; the id that it names."""
        waha_id = f"3EB0{next(self._ids)}"
        self.ghosts.sent("a", waha_id)
        return waha_id

    async def ack(self, waha_id: str) -> None:
        """WhatsApp acknowledges a message, as the receipts tell."""
        self.silence.heard("a")
        self.ghosts.acked("a", waha_id)
        await self.pool.acked("a", self.clock.now())

    async def send_and_ack(self, number: int, after: float = 2.0) -> None:
        """Send messages that are acknowledged one by one."""
        for _ in range(number):
            waha_id = self.send()
            await trio.sleep(after)
            await self.ack(waha_id)

    async def send_in_vain(self, number: int = SENDS, every: float = 3.0) -> None:
        """Send messages that are never acknowledged; on return the last has just gone out."""
        for sent in range(number):
            if sent:
                await trio.sleep(every)
            self.send()

    async def become_a_ghost(self) -> None:
        await self.send_and_ack(3)
        await self.send_in_vain()
        await trio.sleep(120)
        assert self.rules.ghost == {"a": "out"}

    async def remembered(self) -> SessionMemory:
        return (await self.store.session_memories()).get("a", SessionMemory())

    @property
    def alarms(self) -> list[Any]:
        assert {each[:2] for each in self.alarm.raised} <= {("session.ghost", "a")}
        return [facts for _, _, facts in self.alarm.raised]
