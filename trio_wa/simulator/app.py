"""The simulator as a Quart-Trio app with WAHA's endpoints."""

from collections.abc import Callable
from functools import partial
from typing import Any

from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import RequestEntityTooLarge

from trio_wa.simulator import answers
from trio_wa.simulator.answers import Answer, Cut
from trio_wa.simulator.connection import GONE, UnheedingConnection
from trio_wa.simulator.control import add_control
from trio_wa.simulator.http import NotJson, read_json, respond
from trio_wa.simulator.sends import SENDS, at_the_door, send
from trio_wa.simulator.session_routes import add_session_routes
from trio_wa.simulator.simulator import Simulator


def make_app(simulator: Simulator, abort: Callable[[], None]) -> QuartTrio:
    """An app that answers as WAHA does; `abort` cuts the connection of the current request."""
    app = QuartTrio(__name__)
    app.asgi_http_class = UnheedingConnection
    app.config["MAX_CONTENT_LENGTH"] = simulator.options.max_body_bytes
    app.config["BODY_TIMEOUT"] = None
    app.config["RESPONSE_TIMEOUT"] = None
    app.before_request(partial(_guard, simulator))
    for kind in SENDS:
        app.add_url_rule(
            f"/api/{kind}", kind, partial(_send, simulator, abort, kind), methods=["POST"]
        )
    add_session_routes(app, simulator)
    add_control(app, simulator)
    app.register_error_handler(404, _no_route)
    app.register_error_handler(405, _no_route)
    return app


async def _guard(simulator: Simulator) -> Response | None:
    path = request.path
    if path.startswith("/_sim"):
        return None
    if not path.startswith("/api/send"):  # sends draw for themselves
        strike = at_the_door(simulator.faults.draw_elsewhere())
        if strike is not None:
            return respond(strike)
    key = simulator.options.api_key
    if key is None or path == "/ping" or request.headers.get("X-Api-Key") == key:
        return None
    return respond(answers.unauthorized())


async def _send(simulator: Simulator, abort: Callable[[], None], kind: str) -> Response:
    try:
        body = await read_json()
    except NotJson as error:
        return respond(answers.bad_request(str(error)))
    except RequestEntityTooLarge:
        return respond(_too_large(simulator, kind))
    scope: Any = request.scope
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    result = await send(simulator, kind, body, headers, scope[GONE])
    if isinstance(result, Cut):
        abort()
        return Response(b"")  # nobody sees it
    return respond(result)


def _too_large(simulator: Simulator, kind: str) -> Answer:
    exception = answers.too_large(simulator.options.max_body_bytes, request.content_length)
    return answers.failure(f"/api/{kind}", {}, simulator.environment, simulator.now(), exception)


async def _no_route(_error: Exception) -> Response:
    return respond(answers.not_found(f"Cannot {request.method} {request.path}"))
