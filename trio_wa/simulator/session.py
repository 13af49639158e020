"""One WhatsApp session of the simulator."""

from collections import deque
from typing import Any

import trio

from trio_wa.simulator.faults import Status
from trio_wa.simulator.options import WebhookTarget
from trio_wa.simulator.trouble import Health


class SimulatedSession:
    """A session with its status; whoever waits for a change of it is woken by each."""

    def __init__(self, name: str, number: int, status: Status, now: float) -> None:
        self.name = name
        self.status: Status = status
        self.linked = status == "WORKING"
        self.health = Health()
        self.config: dict[str, Any] | None = None
        self.webhooks: tuple[WebhookTarget, ...] = ()
        self.history: deque[tuple[Status, float]] = deque([(status, now)], maxlen=10)
        self.activity = now
        self.changes = 0
        self.since = now  # when it began to work, or ceased to
        self.account = f"7999{number:07}@c.us"
        self._me = {
            "id": self.account,
            "pushName": "Simulator",
            "lid": f"1{number:014}@lid",
        }
        self._changed = trio.Event()

    def change(self, status: Status, now: float) -> None:
        """Give the session another status, and wake those that wait for one."""
        if status == "STARTING":
            self.history.clear()
            self.health.started()
        if (status == "WORKING") != (self.status == "WORKING"):
            self.since = now
        self.status = status
        self.linked = self.linked or status == "WORKING"
        self.history.append((status, now))
        self.changes += 1
        changed, self._changed = self._changed, trio.Event()
        changed.set()

    async def wait_until_working(self) -> None:
        """Return as soon as the session works."""
        while self.status != "WORKING":
            await self._changed.wait()

    @property
    def me(self) -> dict[str, str] | None:
        """The linked account, known only while the session works."""
        return self._me if self.status == "WORKING" else None

    def info(self) -> dict[str, Any]:
        """The session as `GET /api/sessions` shows it."""
        return {
            "name": self.name,
            "status": self.status,
            "config": self.config,
            "me": self.me,
            "presence": "online" if self.status == "WORKING" else "offline",
            "timestamps": {"activity": int(self.activity * 1000)},
        }


def targets_of(config: object) -> tuple[WebhookTarget, ...]:
    """The webhooks that a session's own config asks for, in WAHA's notation.

    Raises ValueError with what is wrong.
    """
    hooks = config.get("webhooks") if isinstance(config, dict) else None
    if hooks is None:
        return ()
    if not isinstance(hooks, list):
        raise ValueError("webhooks must be an array")  # noqa: TRY004  # a wrong value, for a 400
    return tuple(_target(hook) for hook in hooks)


def _target(hook: Any) -> WebhookTarget:
    try:
        retries = hook.get("retries") or {}
        return WebhookTarget(
            url=str(hook["url"]),
            secret=(hook.get("hmac") or {}).get("key"),
            events=frozenset(hook.get("events") or ["*"]),
            attempts=int(retries.get("attempts", 15)),
            retry_seconds=float(retries.get("delaySeconds", 2.0)),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"a webhook is not valid: {error!r}") from error
