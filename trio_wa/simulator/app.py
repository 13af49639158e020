"""The simulator as an ASGI app with WAHA's endpoints."""

from collections.abc import Callable
from functools import partial

from quart import Response, request
from quart_trio import QuartTrio

from trio_wa.simulator import answers
from trio_wa.simulator.control import add_control
from trio_wa.simulator.http import respond
from trio_wa.simulator.send_endpoint import SendEndpoint
from trio_wa.simulator.sends import at_the_door
from trio_wa.simulator.session_routes import add_session_routes
from trio_wa.simulator.simulator import Simulator


def make_app(simulator: Simulator, abort: Callable[[], None]) -> SendEndpoint:
    """An app that answers as WAHA does; `abort` cuts the connection of the current request."""
    app = QuartTrio(__name__)
    app.before_request(partial(_guard, simulator))
    add_session_routes(app, simulator)
    add_control(app, simulator)
    app.register_error_handler(404, _no_route)
    app.register_error_handler(405, _no_route)
    return SendEndpoint(simulator, app, abort)


async def _guard(simulator: Simulator) -> Response | None:
    if request.path.startswith("/_sim"):
        return None
    strike = at_the_door(simulator.faults.draw_elsewhere())
    if strike is not None:
        return respond(strike)
    key = simulator.options.api_key
    if key is None or request.path == "/ping" or request.headers.get("X-Api-Key") == key:
        return None
    return respond(answers.unauthorized())


async def _no_route(_error: Exception) -> Response:
    return respond(answers.not_found(f"Cannot {request.method} {request.path}"))
