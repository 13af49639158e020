"""What an operator is told: in the log, in `GET /alerts`, and by a command or a URL."""

import json
import logging
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from math import inf
from typing import TypeAlias

import structlog
import trio

from trio_wa.clock import Clock
from trio_wa.ports import Alert, AlertName, Fact, Notifier, NotNotified
from trio_wa.telemetry import timestamp

log = structlog.get_logger(__name__)

KEPT = 200
"""How many alerts `GET /alerts` shows at most."""

QUIET_SECONDS = 60.0
"""How long an alert that was passed on is followed by none of the same name and session."""

PAUSES = (1.0, 5.0)
"""The seconds between one try to pass an alert on and the next."""

_Subject: TypeAlias = tuple[AlertName, str | None]

_LEVELS: dict[AlertName, int] = {
    "session.up": logging.INFO,
    "session.down": logging.WARNING,
    "session.timelock": logging.WARNING,
}
"""The levels of those that are no errors."""

_OPPOSITES: dict[AlertName, AlertName] = {
    "session.down": "session.up",
    "session.up": "session.down",
}


class Alerts:
    """Logs what happens, keeps the latest, and passes it on to each of the `notifiers`.

    It is an `Alarm`. The same name and session is passed on at most once a minute: of what happens
    meanwhile the newest is told when the minute is over, and how many were left out. So nothing
    has to be dropped, and the last that is told is how things are.
    """

    def __init__(self, notifiers: Sequence[Notifier], clock: Clock) -> None:
        self._clock = clock
        self._latest: deque[Alert] = deque(maxlen=KEPT)
        self._ways = [_Way(notifier) for notifier in notifiers]

    def __call__(self, name: AlertName, session: str | None = None, **facts: Fact) -> None:
        """Log the event under its name, keep it for `GET /alerts`, and pass it on."""
        about = {} if session is None else {"session": session}
        log.log(_LEVELS.get(name, logging.ERROR), name, **about, **facts)
        alert = Alert(name, self._clock.now(), session, facts)
        self._latest.appendleft(alert)
        for way in self._ways:
            way.add(alert)

    def latest(self) -> Sequence[Alert]:
        """The latest alerts, the newest first."""
        return tuple(self._latest)

    async def run(self) -> None:
        """Pass on what happens until cancelled; what is under way then is lost."""
        async with trio.open_nursery() as nursery:
            for number, way in enumerate(self._ways):
                nursery.start_soon(way.run, name=f"alerts-{number}")


class _Way:
    """What waits to be passed on to one notifier: of each name and session at most one alert."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._waiting: dict[_Subject, Alert] = {}  # the oldest first
        self._left_out: Counter[_Subject] = Counter()
        self._due_at: defaultdict[_Subject, float] = defaultdict(lambda: -inf)
        self._more = trio.Event()

    def add(self, alert: Alert) -> None:
        """Take an alert, in place of one that it makes outdated."""
        self._leave_out((alert.name, alert.session))
        if (opposite := _OPPOSITES.get(alert.name)) is not None:
            subject = opposite, alert.session
            if self._due_at[subject] > trio.current_time():  # it would be told after this one
                self._leave_out(subject)
        self._waiting[alert.name, alert.session] = alert
        self._more.set()

    async def run(self) -> None:
        """Pass on one alert after another."""
        while True:
            subject = await self._next()
            alert, repeats = self._waiting.pop(subject), self._left_out.pop(subject, 0)
            self._due_at[subject] = trio.current_time() + QUIET_SECONDS
            await self._pass_on(alert, repeats)

    async def _next(self) -> _Subject:
        """Wait until one may be passed on; of several the oldest."""
        while True:
            now = trio.current_time()
            with trio.CancelScope() as scope:
                if self._waiting:
                    first = min(self._waiting, key=lambda each: max(self._due_at[each], now))
                    if self._due_at[first] <= now:
                        return first
                    scope.deadline = self._due_at[first]
                self._more = trio.Event()
                await self._more.wait()

    async def _pass_on(self, alert: Alert, repeats: int) -> None:
        body, reason = _body(alert, repeats), ""
        for pause in (0.0, *PAUSES):
            await trio.sleep(pause)
            try:
                await self._notifier.notify(body)
            except NotNotified as error:
                reason = str(error)
            else:
                return
        log.error("alert.not_notified", alert=alert.name, session=alert.session, reason=reason)

    def _leave_out(self, subject: _Subject) -> None:
        if self._waiting.pop(subject, None) is not None:
            self._left_out[subject] += 1


def _body(alert: Alert, repeats: int) -> bytes:
    members = {
        "alert": alert.name,
        "at": timestamp(alert.at),
        "session": alert.session,
        **({"repeats": repeats} if repeats else {}),
        "facts": dict(alert.facts),
    }
    # A fact may quote what is not valid Unicode.
    return json.dumps(members, ensure_ascii=False).encode(errors="replace")
