"""`GET /alerts`: the latest of what an operator may want to be woken for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from trio_wa.intake.http import Request, Response, answer
from trio_wa.ports import Alert
from trio_wa.telemetry import timestamp


class Latest(Protocol):
    """Whoever keeps the alerts."""

    def latest(self) -> Sequence[Alert]:
        """The latest alerts, the newest first."""


@dataclass(frozen=True, slots=True)
class AlertDesk:
    """Shows the alerts; to a key that is bound to sessions, those of these sessions alone."""

    alerts: Latest

    async def list(self, request: Request) -> Response:
        """200 with the alerts that the caller may see, the newest first."""
        bound = request.caller.sessions
        seen = [each for each in self.alerts.latest() if not bound or each.session in bound]
        return answer(200, {"data": [_alert_view(each) for each in seen]})


def _alert_view(alert: Alert) -> dict[str, Any]:
    """An alert as JSON."""
    return {
        "alert": alert.name,
        "at": timestamp(alert.at),
        "session": alert.session,
        "facts": dict(alert.facts),
    }
