"""The Quart-Trio application: it carries requests to the intake, and its answers back."""

from collections.abc import Awaitable, Callable
from typing import Any

from quart import Response as QuartResponse
from quart import request as current
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from trio_wa.intake.http import Request, Response, problem

Intake = Callable[[Request], Awaitable[Response]]

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def create_app(intake: Intake, *, max_body_bytes: int) -> QuartTrio:
    """An application that hands every request to `intake`; no answer of it is HTML."""
    app = QuartTrio("trio_wa", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = max_body_bytes

    async def carry(path: str = "") -> QuartResponse:
        body: Any = await current.get_data(cache=False)
        return _carried(
            await intake(
                Request(
                    method=current.method,
                    path=f"/{path}",
                    query=current.args.to_dict(),
                    headers={name.lower(): value for name, value in current.headers.items()},
                    peer=current.remote_addr or "",
                    body=body,
                    repeated=tuple(name for name, given in current.args.lists() if len(given) > 1),
                )
            )
        )

    async def refuse(error: HTTPException) -> QuartResponse:
        status = error.code or 500
        code, detail = error.name.lower().replace(" ", "_"), error.description or error.name
        if status != 413:
            return _carried(problem(status, code, detail))
        detail = f"the body is larger than MAX_BODY_BYTES, {max_body_bytes} bytes"
        errors = [{"field": "body", "detail": detail}]
        return _carried(problem(status, code, detail, errors=errors))

    async def carry_other_method(_error: HTTPException) -> QuartResponse:
        """The intake says what a path takes, whatever the method: Quart knows those of METHODS."""
        return await carry(current.path.removeprefix("/"))

    for rule in ("/", "/<path:path>"):
        app.add_url_rule(rule, rule, carry, methods=METHODS, provide_automatic_options=False)
    app.register_error_handler(HTTPException, refuse)
    app.register_error_handler(MethodNotAllowed, carry_other_method)
    return app


def _carried(response: Response) -> QuartResponse:
    return QuartResponse(response.body, response.status, response.headers)
