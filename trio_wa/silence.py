"""Notices when WAHA's webhooks stop although sends go out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

import structlog
import trio

from trio_wa.ports import Alarm, Hearing

log = structlog.get_logger(__name__)

SILENT_SECONDS = 60.0
"""How long nothing came since the first send that went out afterwards."""

SENDS = 3
"""How many sends went out meanwhile at least: one that fails says nothing."""


@dataclass(slots=True, eq=False)
class _Ear:
    """One session: `heard` counts its events, `sends` what went out since the last of them.

    The last was `heard_at` by Trio's clock.
    """

    heard: int = 0
    heard_at: float = -inf
    sends: int = 0
    silent: bool = False
    sent: trio.Event = field(default_factory=trio.Event)


class Silence:
    """Counts, for each session, sends since the last webhook.

    Those of a session may never come, for want of a webhook in WAHA: then it is not silent. The
    `sessions` say whether any came before the start.
    """

    def __init__(self, sessions: Mapping[str, bool], alarm: Alarm) -> None:
        self._alarm = alarm
        self._ears = {session: _Ear(heard=int(before)) for session, before in sessions.items()}

    async def run(self) -> None:
        """Watch every session until cancelled."""
        async with trio.open_nursery() as nursery:
            for session, ear in self._ears.items():
                nursery.start_soon(self._watch, session, ear, name=f"silence-{session}")

    def hearing(self, session: str) -> Hearing:
        """Whether the webhooks of a session come."""
        ear = self._ears[session]
        if ear.silent:
            return "silent"
        return "heard" if ear.heard else "none"

    def heard_elsewhere(self, session: str, seconds: float) -> bool:
        """Whether an event of another session came in the last `seconds`."""
        since = trio.current_time() - seconds
        return any(ear.heard_at >= since for name, ear in self._ears.items() if name != session)

    def heard(self, session: str) -> None:
        """Note that an event of a session came."""
        ear = self._ears[session]
        ear.heard += 1
        ear.heard_at = trio.current_time()
        ear.sends = 0
        if ear.silent:
            ear.silent = False
            log.info("webhooks.back", session=session)

    def sent(self, session: str) -> None:
        """Note that WAHA took a message."""
        ear = self._ears[session]
        ear.sends += 1
        ear.sent.set()

    async def _watch(self, session: str, ear: _Ear) -> None:
        while True:
            await ear.sent.wait()
            before = ear.heard
            await trio.sleep(SILENT_SECONDS)
            if ear.heard == before:
                if before and ear.sends >= SENDS and not ear.silent:
                    ear.silent = True
                    effect = "acks are looked up instead, one a second"
                    self._alarm("webhooks.silent", session, sends=ear.sends, effect=effect)
            elif not ear.sends:
                ear.sent = trio.Event()
