"""The simulated WAHA for tests that are not on Trio: each call blocks until it is done."""

from collections.abc import Iterator, Mapping
from typing import Any

from trio_wa.simulator import Attempt, Delivered, Pace
from trio_wa.simulator.ack_plan import Ack
from trio_wa.simulator.faults import Latency, Status
from trio_wa.simulator.trouble import Until
from trio_wa.testing.condition import Text
from trio_wa.testing.thread import TrioThread
from trio_wa.testing.waha import Waha


class SyncStatuses(Mapping[str, Status]):
    """The sessions and their statuses; `waha_sync.sessions["default"] = "FAILED"` changes one."""

    def __init__(self, thread: TrioThread, waha: Waha) -> None:
        self._thread = thread
        self._waha = waha

    def __getitem__(self, name: str) -> Status:
        return self._thread.call_now(self._waha.sessions.__getitem__, name)

    def __setitem__(self, name: str, status: Status) -> None:
        self._thread.call_now(self._waha.sessions.__setitem__, name, status)

    def __iter__(self) -> Iterator[str]:
        return iter(self._thread.call_now(list, self._waha.sessions))

    def __len__(self) -> int:
        return len(self._waha.sessions)


class SyncWaha:
    """What `Waha` is, for another thread. `waha` is the object itself, and belongs to its thread.

    In an asyncio test await a call through `asyncio.to_thread`, wherever the application has to go
    on meanwhile.
    """

    def __init__(self, thread: TrioThread, waha: Waha) -> None:
        self.waha = waha
        self.url = waha.url
        self.sessions = SyncStatuses(thread, waha)
        self._thread = thread

    @property
    def sent(self) -> list[Delivered]:
        """The messages that reached their recipient, in order."""
        return self._thread.call_now(lambda: list(self.waha.sent))

    @property
    def requests(self) -> list[Attempt]:
        """The sends that WAHA received, delivered or not, in order."""
        return self._thread.call_now(lambda: list(self.waha.requests))

    def wait_for(
        self,
        *,
        to: str | None = None,
        text: Text | None = None,
        session: str | None = None,
        within: float | None = None,
    ) -> Delivered:
        """The first message sent that meets all conditions; `NotSent` after `within` seconds."""
        __tracebackhide__ = True
        return self._thread.call(
            self.waha.wait_for, to=to, text=text, session=session, within=within
        )

    def wait_sent(
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
        return self._thread.call(
            self.waha.wait_sent, count, to=to, text=text, session=session, within=within
        )

    def faults(
        self,
        *,
        session: str | None = None,
        to: str | None = None,
        times: int | None = None,
        **faults: Any,
    ) -> None:
        """Let sends go wrong: `faults(proxy_503=0.1)`; see `trio_wa.simulator.Faults`."""
        self._thread.call_now(self.waha.faults, session=session, to=to, times=times, **faults)

    def clear_faults(self) -> None:
        """From now on everything goes well, with webhooks and sessions too."""
        self._thread.call_now(self.waha.clear_faults)

    def lose_webhooks(self, share: float = 1.0) -> None:
        """Lose this share (0 to 1) of the webhooks from now on, for good."""
        self._thread.call_now(self.waha.lose_webhooks, share)

    def flap(self, session: str, *, every: Latency, down: Latency, to: Status = "FAILED") -> None:
        """Let a session work for `every` seconds, be `to` for `down` seconds, and so on."""
        self._thread.call_now(self.waha.flap, session, every=every, down=down, to=to)

    def stop_flapping(self, session: str | None = None) -> None:
        """Let a session, or all, flap no more; one that is down because of it works again."""
        self._thread.call_now(self.waha.stop_flapping, session)

    def ghost(self, session: str, *, until: Until = "restart") -> None:
        """Let a session take every send and deliver none, until its next start or `heal`."""
        self._thread.call_now(self.waha.ghost, session, until=until)

    def break_engine(self, session: str, *, until: Until = "restart") -> None:
        """Let every send over a session fail with 500, until its next start or `heal`."""
        self._thread.call_now(self.waha.break_engine, session, until=until)

    def timelock(self, session: str, seconds: float) -> None:
        """Let WhatsApp refuse, for so long, what a session sends to new contacts: error 463."""
        self._thread.call_now(self.waha.timelock, session, seconds)

    def heal(self, session: str | None = None) -> None:
        """End what `ghost`, `break_engine` and `timelock` began, for a session or for all."""
        self._thread.call_now(self.waha.heal, session)

    def sends_while_not_working(self, grace: float) -> list[Attempt]:
        """The sends into a session that had not been WORKING for more than `grace` seconds."""
        return self._thread.call_now(self.waha.sends_while_not_working, grace)

    def pace(self, session: str) -> Pace:
        """How fast a session sent, as a strict observer counts."""
        return self._thread.call_now(self.waha.pace, session)

    def ack(self, message: Delivered | str, level: Ack | str) -> None:
        """Acknowledge a sent message, or the one with this raw id: `ack(message, "READ")`."""
        self._thread.call_now(self.waha.ack, message, level)

    def receive(
        self, sender: str, text: str, *, session: str | None = None, lid: str | None = None
    ) -> str:
        """Let a message come in from a number or chat id, or a `lid` in its place; its raw id."""
        return self._thread.call_now(self.waha.receive, sender, text, session=session, lid=lid)

    def down(self) -> None:
        """Go down as a program that is killed: open requests are cut, new ones refused."""
        self._thread.call(self.waha.down)

    def up(self) -> None:
        """Come back at the same address."""
        self._thread.call(self.waha.up)
