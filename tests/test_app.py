"""The application between HTTP and the intake: what it carries there, what it refuses itself."""

import json
from typing import Any

import pytest

from trio_wa.intake.http import Request, Response, answer
from trio_wa.web.app import create_app


class Carried:
    """An application before an intake that notes what comes, and answers 200."""

    def __init__(self, max_body_bytes: int = 1_000) -> None:
        self.requests: list[Request] = []
        self.client = create_app(self._note, max_body_bytes=max_body_bytes).test_client()

    async def _note(self, request: Request) -> Response:
        self.requests.append(request)
        return answer(200, {})

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
        """The status of the answer, and its members."""
        response = await self.client.open(path, method=method, data=body)
        return response.status_code, json.loads(await response.get_data())


@pytest.mark.parametrize(
    ("query", "first", "repeated"),
    [
        ("", {}, ()),
        ("limit=1", {"limit": "1"}, ()),
        ("limit=1&limit=2&a=&limit=2", {"limit": "1", "a": ""}, ("limit",)),
        ("a=1&b=1&b=1&a=2", {"a": "1", "b": "1"}, ("a", "b")),
    ],
)
async def test_a_query_tells_what_it_has_twice(
    query: str, first: dict[str, str], repeated: tuple[str, ...]
) -> None:
    carried = Carried()
    assert (await carried.ask("GET", f"/messages?{query}"))[0] == 200
    [request] = carried.requests
    assert (request.query, request.repeated) == (first, repeated)


async def test_a_body_too_large_is_named() -> None:
    carried = Carried(max_body_bytes=10)
    status, members = await carried.ask("POST", "/send", b"x" * 11)
    detail = "the body is larger than MAX_BODY_BYTES, 10 bytes"
    assert (status, members["code"]) == (413, "request_entity_too_large")
    assert members["errors"] == [{"field": "body", "detail": detail}]
    assert carried.requests == []


@pytest.mark.parametrize("method", ["FOO", "TRACE", "GET", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/send", "/a%20b/c"])
async def test_the_intake_is_asked_whatever_the_method(method: str, path: str) -> None:
    carried = Carried()
    assert (await carried.ask(method, path, b"x"))[0] == 200
    [request] = carried.requests
    assert (request.method, request.path) == (method, path.replace("%20", " "))
