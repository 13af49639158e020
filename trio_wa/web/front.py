"""The HTTP front of the service: Quart on Hypercorn, from the bind to the last open request."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import trio
from hypercorn.config import Config, Sockets

from trio_wa.web.app import Intake, create_app
from trio_wa.web.server import serve


@dataclass(frozen=True, slots=True)
class HttpFront:
    """Serves the intake over HTTP until `stop` is set; `listening` is told the address."""

    config: Config
    sockets: Sockets
    stop: trio.Event
    max_body_bytes: int
    listening: Callable[[str], None]

    async def __call__(self, intake: Intake) -> None:
        """Serve, and return once no request is open."""
        app = create_app(intake, max_body_bytes=self.max_body_bytes)
        async with trio.open_nursery() as nursery:
            addresses = await nursery.start(
                partial(serve, app, self.config, stop=self.stop, sockets=self.sockets), name="http"
            )
            self.listening(addresses[0])
