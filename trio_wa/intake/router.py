"""From method and path to a handler: the one function behind every front end."""

from collections.abc import Awaitable, Callable, Mapping

import structlog

from trio_wa.intake.http import Request, Response, problem

log = structlog.get_logger(__name__)

Handler = Callable[[Request], Awaitable[Response]]
Routes = Mapping[str, Mapping[str, Handler]]


class Router:
    """Calls the handler of a route; what has none is a problem, and so is a handler's error."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes

    async def __call__(self, request: Request) -> Response:
        """Answer any request. Raises nothing but `trio.Cancelled`."""
        methods = self._routes.get(request.path)
        if methods is None:
            return problem(404, "not_found", f"there is nothing at {request.path}")
        handler = methods.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            allowed = ", ".join(methods)
            detail = f"{request.path} takes {allowed}, not {request.method}"
            return problem(405, "method_not_allowed", detail, Allow=allowed)
        try:
            return await handler(request)
        except Exception:
            log.exception("request.failed", path=request.path)
            return problem(500, "internal_error", "an error of trio-wa; its log says more")
