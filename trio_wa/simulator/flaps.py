"""The sessions that come and go, while they do."""

import random
from dataclasses import dataclass
from functools import partial

from trio_wa.simulator.agenda import Agenda
from trio_wa.simulator.faults import seconds_of
from trio_wa.simulator.flap import Flap
from trio_wa.simulator.sessions import Sessions


@dataclass(slots=True, eq=False)
class _Running:
    flap: Flap
    rng: random.Random
    fell: int | None = None  # the session's count of changes after its fall


class Flaps:
    """Lets sessions fall and rise at times that depend on the seed alone.

    What else changes a session's status comes first: a session that does not work does not fall,
    and one whose status changed while it was down does not rise.
    """

    def __init__(self, sessions: Sessions, agenda: Agenda, seed: int) -> None:
        self._sessions = sessions
        self._agenda = agenda
        self._seed = seed
        self._running: dict[str, _Running] = {}

    def begin(self, flap: Flap) -> None:
        """Begin, in the place of what the session did; raises KeyError for an unknown one."""
        name = self._sessions[flap.session].name
        self.end(name)
        rng = random.Random(f"{self._seed} {name}")  # noqa: S311  # repeatable, not secret
        running = self._running[name] = _Running(flap, rng)
        self._agenda.call_later(seconds_of(flap.every, rng), partial(self._fall, running))

    def end(self, session: str | None = None) -> None:
        """Let a session, or all of them, flap no more; one that is down because of it works."""
        for name in [session] if session is not None else list(self._running):
            running = self._running.pop(name, None)
            if running is not None:
                self._raise(running)

    def _fall(self, running: _Running) -> None:
        flap = running.flap
        if self._running.get(flap.session) is not running:
            return
        session = self._sessions.get(flap.session)
        if session is not None and session.status == "WORKING":
            self._sessions.set_status(flap.session, flap.to)
            running.fell = session.changes
        self._agenda.call_later(seconds_of(flap.down, running.rng), partial(self._rise, running))

    def _rise(self, running: _Running) -> None:
        flap = running.flap
        if self._running.get(flap.session) is not running:
            return
        self._raise(running)
        self._agenda.call_later(seconds_of(flap.every, running.rng), partial(self._fall, running))

    def _raise(self, running: _Running) -> None:
        name = running.flap.session
        session = self._sessions.get(name)
        if session is not None and session.changes == running.fell:
            self._sessions.set_status(name, "WORKING")
        running.fell = None
