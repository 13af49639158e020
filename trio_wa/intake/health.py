"""`GET /livez` and `GET /readyz`."""

from collections.abc import Callable
from dataclasses import dataclass

from trio_wa.intake.http import Request, Response, answer, problem
from trio_wa.ports import Store
from trio_wa.window import Window


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the process answers, and whether it can accept messages.

    `obstacles` gives, for each session through which nothing may go now, the code of the reason.
    """

    store: Store
    window: Window
    sessions: frozenset[str]
    obstacles: Callable[[], dict[str, str]]

    async def live(self, _request: Request) -> Response:
        """200: the process answers."""
        return answer(200, {"status": "alive"})

    async def ready(self, _request: Request) -> Response:
        """200 if messages are accepted; a WAHA that is away does not make it unready."""
        if not self.window.open:
            return problem(503, "stopping", "the service is stopping", Retry_After="1")
        if (reason := self.store.problem()) is not None:
            return problem(503, "store_unavailable", reason, Retry_After="1")
        obstacles = self.obstacles()
        return answer(
            200,
            {
                "status": "ready",
                "dispatch": "paused" if obstacles.keys() == self.sessions else "running",
                "obstacles": obstacles,
                "backlog": self.window.backlog,
                "lanes": {name: lane.places.taken for name, lane in self.window.lanes.items()},
                "max_backlog": self.window.places("normal").limit,
                "scheduled": self.window.places("scheduled").taken,
            },
        )
