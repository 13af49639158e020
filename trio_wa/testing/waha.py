"""The simulated WAHA of a test."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import trio

from trio_wa.clock import Clock
from trio_wa.core.recipient import chat_id
from trio_wa.simulator import Attempt, Delivered, Faults, Pace, Simulator, serve_simulator
from trio_wa.simulator.ack_plan import Ack
from trio_wa.simulator.faults import Latency, Status
from trio_wa.simulator.message import ACK_NAMES
from trio_wa.simulator.options import SimulatorOptions
from trio_wa.simulator.trouble import Until
from trio_wa.testing import account
from trio_wa.testing.condition import Condition, Text
from trio_wa.testing.leaks import no_leaks
from trio_wa.testing.lives import Lives
from trio_wa.testing.port import Port
from trio_wa.testing.virtual_time import patience

_LEVELS: dict[str, Ack] = {name: level for level, name in ACK_NAMES.items()}  # type: ignore[misc]  # its keys are Acks


class NotSent(AssertionError):
    """A test waited in vain; the message says what was sent instead, and how messages stand."""


class Statuses(Mapping[str, Status]):
    """The sessions and their statuses; `waha.sessions["default"] = "FAILED"` changes one."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def __getitem__(self, name: str) -> Status:
        return self._simulator.sessions[name].status

    def __setitem__(self, name: str, status: Status) -> None:
        self._simulator.set_status(name, status)

    def __iter__(self) -> Iterator[str]:
        return (session.name for session in self._simulator.sessions.all())

    def __len__(self) -> int:
        return len(self._simulator.sessions.all())


class Waha:
    """A WAHA that a test can watch and break. `patience` is how long it waits by default, in s.

    `simulator` is the whole of it; `url` is where it listens, also while it is down. The service
    before it has the same `clock`, so that the times which both tell can be compared.
    """

    def __init__(self, options: SimulatorOptions, port: Port) -> None:
        self.clock = Clock()
        self.simulator = Simulator(options, now=self.clock.now)
        self.url = port.url
        self.patience = patience()
        self.sessions = Statuses(self.simulator)
        self.witnesses: list[Callable[[], Awaitable[list[str]]]] = []
        self._port = port
        self.lives = Lives(self._live)

    @property
    def sent(self) -> list[Delivered]:
        """The messages that reached their recipient, in order."""
        return self.simulator.delivered

    @property
    def requests(self) -> list[Attempt]:
        """The sends that WAHA received, delivered or not, in order."""
        return self.simulator.requests

    async def wait_for(
        self,
        *,
        to: str | None = None,
        text: Text | None = None,
        session: str | None = None,
        within: float | None = None,
    ) -> Delivered:
        """The first message sent, before now or from now on, that meets all conditions.

        `to` is a number or a chat id, `text` a part of the text or a pattern found in it. Raises
        `NotSent` after `within` seconds (by default 5, or an hour of virtual time).
        """
        __tracebackhide__ = True
        (found,) = await self.wait_sent(1, to=to, text=text, session=session, within=within)
        return found

    async def wait_sent(
        self,
        count: int,
        *,
        to: str | None = None,
        text: Text | None = None,
        session: str | None = None,
        within: float | None = None,
    ) -> list[Delivered]:
        """The first `count` messages sent that meet all conditions, once there are so many."""
        __tracebackhide__ = True
        condition = Condition(None if to is None else chat_id(to), text, session)
        seconds = self.patience if within is None else within
        found: list[Delivered] = []

        def another(message: Delivered) -> bool:
            if condition.holds(message):
                found.append(message)
            return len(found) >= count

        with trio.move_on_after(seconds):
            await self.simulator.wait_for(another)
        if len(found) < count:
            reason = f"no {condition.wording(count)} within {seconds:g} s"
            raise NotSent(await self._account(reason, len(found)))
        return found

    def faults(
        self,
        *,
        session: str | None = None,
        to: str | None = None,
        times: int | None = None,
        **faults: Any,
    ) -> None:
        """Let sends go wrong: `faults(proxy_503=0.1)`, `faults(hang=1, session="b", times=2)`.

        The names are those of `trio_wa.simulator.Faults`, the values rates from 0 to 1. It replaces
        what was set for the same session and recipient; without names all goes well there.
        """
        recipient = None if to is None else chat_id(to)
        self.simulator.set_faults(Faults(**faults), session=session, chat_id=recipient, times=times)

    def clear_faults(self) -> None:
        """From now on everything goes well, with webhooks and sessions too."""
        self.simulator.clear_faults()

    def lose_webhooks(self, share: float = 1.0) -> None:
        """Lose this share (0 to 1) of the webhooks from now on, for good."""
        self.simulator.set_webhook_faults(replace(self.simulator.webhooks.faults, lose=share))

    def flap(self, session: str, *, every: Latency, down: Latency, to: Status = "FAILED") -> None:
        """Let a session work for `every` seconds, be `to` for `down` seconds, and so on."""
        self.simulator.flap(session, every=every, down=down, to=to)

    def stop_flapping(self, session: str | None = None) -> None:
        """Let a session, or all, flap no more; one that is down because of it works again."""
        self.simulator.stop_flapping(session)

    def ghost(self, session: str, *, until: Until = "restart") -> None:
        """Let a session take every send and deliver none, until its next start or `heal`.

        With `until="told"` only `heal` ends it. What it took meanwhile never arrives.
        """
        self.simulator.ghost(session, until=until)

    def break_engine(self, session: str, *, until: Until = "restart") -> None:
        """Let every send over a session fail with 500, until its next start or `heal`.

        With `until="told"` only `heal` ends it.
        """
        self.simulator.break_engine(session, until=until)

    def timelock(self, session: str, seconds: float) -> None:
        """Let WhatsApp refuse, for so long, what a session sends to new contacts: error 463."""
        self.simulator.timelock(session, seconds)

    def heal(self, session: str | None = None) -> None:
        """End what `ghost`, `break_engine` and `timelock` began, for a session or for all."""
        self.simulator.heal(session)

    def sends_while_not_working(self, grace: float) -> list[Attempt]:
        """The sends into a session that had not been WORKING for more than `grace` seconds."""
        return self.simulator.sends_while_not_working(grace)

    def pace(self, session: str) -> Pace:
        """How fast a session sent, as a strict observer counts: `pace("a").violations(limit)`."""
        return self.simulator.pace(session)

    def ack(self, message: Delivered | str, level: Ack | str) -> None:
        """Acknowledge a sent message, or the one with this raw id: `ack(message, "READ")`."""
        message_id = message if isinstance(message, str) else message.id
        self.simulator.ack(message_id, _LEVELS[level] if isinstance(level, str) else level)

    def receive(
        self, sender: str, text: str, *, session: str | None = None, lid: str | None = None
    ) -> str:
        """Let a message come in from a number or chat id; its raw id.

        With `lid`, the digits of an id that ends in @lid, WhatsApp hides the number behind that.
        """
        return self.simulator.receive(chat_id(sender), text, session=session, lid=lid)

    async def down(self) -> None:
        """Go down as a program that is killed: open requests are cut, new ones refused."""
        await self.lives.end()

    async def up(self) -> None:
        """Come back at the same address."""
        await self.lives.begin()

    async def _live(self, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            serving = partial(
                serve_simulator, self.simulator, port=self._port.number, stop=trio.Event()
            )
            await nursery.start(serving, name="waha")
            task_status.started()

    async def _account(self, reason: str, found: int) -> str:
        lines = [f"{reason}{f', only {found}' if found else ''}."]
        if not self.lives.alive:
            lines.append("WAHA is down.")
        lines += account.of_deliveries(self.sent)
        lines += account.of_attempts(self.requests, self.sent)
        for witness in self.witnesses:
            lines += await witness()
        return "\n".join(lines)


@asynccontextmanager
async def running_waha(options: SimulatorOptions) -> AsyncIterator[Waha]:
    """A simulated WAHA on a free port of 127.0.0.1; nothing of it is left at the end."""
    with Port() as port, no_leaks("waha", served=port.number, reached=port.number):
        waha = Waha(options, port)
        async with trio.open_nursery() as nursery:
            await nursery.start(waha.lives.run, name="waha")
            try:
                yield waha
            finally:
                nursery.cancel_scope.cancel()
