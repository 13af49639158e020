"""Between Quart and the simulator's answers."""

import json
from typing import Any

from quart import Response, request

from trio_wa.simulator.answers import Answer


class NotJson(Exception):
    """The request's body is not JSON."""


async def read_json() -> dict[str, Any]:
    """The body of the current request; what is not an object counts as an empty one.

    Raises NotJson.
    """
    raw = await request.get_data()
    if not raw:
        return {}
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise NotJson(str(error)) from None
    return body if isinstance(body, dict) else {}


def respond(answer: Answer) -> Response:
    """`answer` as a response of Quart's."""
    response = Response(answer.body, answer.status, content_type=answer.content_type)
    for name, value in answer.headers:
        response.headers[name] = value
    return response
