"""The simulator's sessions, and how they start and stop."""

from collections.abc import Callable

from trio_wa.simulator.agenda import Agenda
from trio_wa.simulator.faults import Status
from trio_wa.simulator.session import SimulatedSession
from trio_wa.simulator.webhooks import Webhooks


class Sessions:
    """The sessions by name; every change of a status is told to the webhooks."""

    def __init__(
        self,
        names: tuple[str, ...],
        *,
        start_seconds: float,
        agenda: Agenda,
        webhooks: Webhooks,
        now: Callable[[], float],
    ) -> None:
        self._start_seconds = start_seconds
        self._agenda = agenda
        self._webhooks = webhooks
        self._now = now
        self._by_name: dict[str, SimulatedSession] = {}
        for name in names:
            self.add(name, "WORKING")

    def __getitem__(self, name: str) -> SimulatedSession:
        return self._by_name[name]

    def get(self, name: str) -> SimulatedSession | None:
        """The session `name`, if there is one."""
        return self._by_name.get(name)

    def all(self) -> list[SimulatedSession]:
        """Every session, the stopped ones too."""
        return list(self._by_name.values())

    def add(self, name: str, status: Status = "STOPPED") -> SimulatedSession:
        """Add the session `name`."""
        session = SimulatedSession(name, len(self._by_name) + 1, status, self._now())
        self._by_name[name] = session
        return session

    def remove(self, name: str) -> None:
        """Stop the session `name` and forget it; nothing happens if there is none."""
        if name in self._by_name:
            self.set_status(name, "STOPPED")
            del self._by_name[name]

    def set_status(self, name: str, status: Status) -> None:
        """Give a session another status at once; raises KeyError for an unknown name."""
        session = self._by_name[name]
        if session.status == status:
            return
        session.change(status, self._now())
        history = [{"status": each, "timestamp": int(at * 1000)} for each, at in session.history]
        payload = {"name": name, "status": status, "statuses": history}
        self._webhooks.emit(("session.status",), session, payload)

    def start(self, name: str) -> None:
        """Start a session unless it runs: STARTING, then WORKING, or SCAN_QR_CODE with no phone."""
        session = self._by_name[name]
        if session.status not in ("STOPPED", "FAILED"):
            return
        self.set_status(name, "STARTING")
        begun = session.changes

        def opened() -> None:
            if session.changes == begun:
                self.set_status(name, "WORKING" if session.linked else "SCAN_QR_CODE")

        self._agenda.call_later(self._start_seconds, opened)

    def stop(self, name: str) -> None:
        """Stop a session."""
        self.set_status(name, "STOPPED")

    def restart(self, name: str) -> None:
        """Stop a session and start it."""
        self.stop(name)
        self.start(name)

    def log_out(self, name: str) -> None:
        """Unlink a session's phone; if it ran, it starts again and asks for the scan of a code."""
        session = self._by_name[name]
        ran = session.status != "STOPPED"
        self.stop(name)
        session.linked = False
        if ran:
            self.start(name)
