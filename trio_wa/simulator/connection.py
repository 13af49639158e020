"""A request whose handler goes on when its client hangs up."""

from typing import Any

import trio
from hypercorn.typing import ASGIReceiveCallable
from quart import Request
from quart.asgi import ASGIHTTPConnection
from quart_trio.asgi import TrioASGIHTTPConnection

GONE = "trio_wa.simulator.gone"


class UnheedingConnection(TrioASGIHTTPConnection):
    """Lets the handler of a complete request run to its end, whether or not anyone still listens.

    So do Express and WAHA: a client that gave up while a session was not WORKING had its message
    delivered all the same (proven on a running WAHA). Quart-Trio cancels the handler instead.
    The scope's `GONE` is set when the client hangs up.
    """

    async def handle_messages(  # type: ignore[override]  # as Quart-Trio does itself
        self, nursery: trio.Nursery, request: Request, receive: ASGIReceiveCallable
    ) -> None:
        """Feed the request's body; cancel the handler only if the body never comes to its end."""
        complete = False
        gone = trio.Event()
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]  # open to extensions
        scope[GONE] = gone

        async def watched() -> Any:
            nonlocal complete
            message = await receive()
            complete = complete or (
                message["type"] == "http.request" and not message.get("more_body", False)
            )
            return message

        await ASGIHTTPConnection.handle_messages(self, request, watched)
        gone.set()
        if not complete:
            nursery.cancel_scope.cancel()
