"""From method and path to a handler: the one function behind every front end."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import structlog

from trio_wa.intake.authorize import Access
from trio_wa.intake.caller import Caller
from trio_wa.intake.http import Request, Response, problem
from trio_wa.ports import StoreUnavailable

log = structlog.get_logger(__name__)

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]
Authorizing: TypeAlias = Callable[[Request, Access], Caller | Response]


@dataclass(frozen=True, slots=True)
class Route:
    """A handler, and what a caller needs to reach it.

    `query` says of the parameters of a query that there are none here, that the handler takes or
    refuses each (`read`), or that they mean nothing (`ignored`).
    """

    handler: Handler
    access: Access
    query: Literal["none", "read", "ignored"] = "none"


Methods: TypeAlias = Mapping[str, Route]


class Router:
    """Calls the handler of a route; what has none is a problem, and so is a handler's error.

    A path may name parts: `/messages/{id}`; a path without such parts goes first. Who may not
    pass is refused before anything else is said, also of what does not exist.
    """

    def __init__(self, routes: Mapping[str, Methods], authorize: Authorizing) -> None:
        self._plain = {path: methods for path, methods in routes.items() if "{" not in path}
        self._patterns = [
            (_pattern(path), methods) for path, methods in routes.items() if "{" in path
        ]
        self._authorize = authorize

    async def __call__(self, request: Request) -> Response:
        """Answer any request. Raises nothing but `trio.Cancelled`."""
        methods, params = self._match(request.path)
        route = methods.get("GET" if request.method == "HEAD" else request.method)
        caller = self._authorize(request, _access(route, methods))
        if not isinstance(caller, Caller):
            return caller
        if not methods:
            return problem(404, "not_found", f"there is nothing at {request.path}")
        if route is None:
            allowed = ", ".join(methods)
            detail = f"{request.path} takes {allowed}, not {request.method}"
            return problem(405, "method_not_allowed", detail, Allow=allowed)
        if errors := _wrong_parameters(request, route):
            detail = "; ".join(error["detail"] for error in errors)
            return problem(400, "parameter_invalid", detail, errors=errors)
        try:
            return await route.handler(replace(request, caller=caller, params=params))
        except StoreUnavailable as error:
            return problem(503, "store_unavailable", str(error), Retry_After="1")
        except Exception:
            log.exception("request.failed", path=request.path)
            return problem(500, "internal_error", "an error of trio-wa; its log says more")

    def _match(self, path: str) -> tuple[Methods, Mapping[str, str]]:
        if (methods := self._plain.get(path)) is not None:
            return methods, {}
        for pattern, methods in self._patterns:
            if (match := pattern.fullmatch(path)) is not None:
                return methods, match.groupdict()
        return {}, {}


def _access(route: Route | None, methods: Methods) -> Access:
    """What a request needs; a wrong method needs what a right one does."""
    if route is None:
        route = next(iter(methods.values()), None)
    return "known" if route is None else route.access


def _wrong_parameters(request: Request, route: Route) -> list[dict[str, str]]:
    """What is wrong with a query as such, whatever the values."""
    match route.query:
        case "ignored":
            return []
        case "none":
            why = dict.fromkeys(request.query, "is no parameter here: there are none")
        case "read":
            why = dict.fromkeys(request.repeated, "is given more than once: give it once")
    return [{"field": name, "detail": f"{name} {reason}"} for name, reason in why.items()]


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))
