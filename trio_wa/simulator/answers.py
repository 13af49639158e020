"""WAHA's answers, one pure function each (observed on WAHA 2026.2.1 where not said otherwise)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from trio_wa.simulator.options import Engine

JSON = "application/json; charset=utf-8"
_NGINX = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
_DOCS = "https://waha.devlike.pro/"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: status, body, its content type, and further headers."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Cut:
    """No response: the connection is cut. `hung`: after a silence."""

    hung: bool = False


def answer(status: int, body: object) -> Answer:
    """`body` as JSON."""
    return Answer(status, json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode())


def version(engine: Engine, number: str, tier: str) -> dict[str, Any]:
    """What `GET /api/version` says, and webhooks as their `environment`."""
    browser = "/usr/bin/google-chrome-stable" if engine == "WEBJS" else None
    return {
        "version": number,
        "engine": engine,
        "tier": tier,
        "browser": browser,
        "platform": "linux/x64",
        "worker": {"id": None},
    }


def iso(at: float) -> str:
    """A time in seconds since the epoch, as JavaScript writes it."""
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return moment.replace("+00:00", "Z")


def unauthorized() -> Answer:
    """No key, or a wrong one."""
    return answer(401, {"message": "Unauthorized", "statusCode": 401})


def bad_request(message: str) -> Answer:
    """400 in NestJS's shape."""
    return answer(400, {"message": message, "error": "Bad Request", "statusCode": 400})


def not_found(message: str) -> Answer:
    """404 in NestJS's shape."""
    return answer(404, {"message": message, "error": "Not Found", "statusCode": 404})


def unprocessable(message: str) -> Answer:
    """422 in NestJS's shape (from WAHA's source)."""
    error = "Unprocessable Entity"
    return answer(422, {"message": message, "error": error, "statusCode": 422})


def only_in_plus(engine: Engine) -> Answer:
    """A feature that this tier lacks (from WAHA's source)."""
    return unprocessable(
        f"The feature is available only in Plus version for '{engine}' engine. "
        f"Check this out: {_DOCS}"
    )


def not_implemented(engine: Engine) -> Answer:
    """A feature that this engine lacks (from WAHA's source)."""
    message = (
        f"The method is not implemented by '{engine}' engine. "
        f"Check the docs and try another engine: {_DOCS}"
    )
    return answer(501, {"message": message, "error": "Not Implemented", "statusCode": 501})


def not_working(session: str, status: str, expected: str = "WORKING") -> Answer:
    """The session has another status than the request needs."""
    error = "Session status is not as expected. Try again later or restart the session"
    body = {"error": error, "session": session, "status": status, "expected": [expected]}
    return answer(422, body)


def no_session(session: str) -> Answer:
    """A send over a session that does not exist."""
    return answer(422, {"error": f'Session "{session}" does not exist', "session": session})


def throttled(retry_after: float) -> Answer:
    """429, with Retry-After in whole seconds."""
    body = {"statusCode": 429, "message": "ThrottlerException: Too Many Requests"}
    plain = answer(429, body)
    return Answer(429, plain.body, headers=(("Retry-After", str(max(1, round(retry_after)))),))


def proxy(status: int, reason: str) -> Answer:
    """What nginx answers in WAHA's place: HTML, and no `exception`."""
    return Answer(status, _NGINX.format(f"{status} {reason}").encode(), "text/html")


def failure(
    path: str,
    body: Mapping[str, Any],
    environment: Mapping[str, Any],
    now: float,
    exception: Mapping[str, Any],
) -> Answer:
    """500 with WAHA's `exception`; it echoes the request's body."""
    return answer(
        500,
        {
            "statusCode": 500,
            "timestamp": iso(now),
            "exception": exception,
            "request": {"path": path, "method": "POST", "body": body, "query": {}},
            "version": environment,
        },
    )


def engine_exception(engine: Engine, message: str) -> dict[str, Any]:
    """The `exception` of an engine's error: a Boom (NOWEB), gRPC's status (GOWS) or a plain one."""
    stack = f"Error: {message}\n    at simulator"
    if engine == "GOWS":
        text = f"2 UNKNOWN: {message}"
        return {"message": text, "code": 2, "details": message, "name": "Error", "stack": stack}
    if engine == "NOWEB":
        return {
            "message": message,
            "isBoom": True,
            "output": {},
            "name": "Error",
            "stack": stack,
        }
    return {"message": message, "name": "Error", "stack": stack}


def type_error(member: str) -> dict[str, Any]:
    """The `exception` for a member that is absent, or of another type."""
    message = f"Cannot read properties of undefined (reading '{member}')"
    return {"message": message, "name": "TypeError", "stack": f"TypeError: {message}"}


def too_large(limit: int, length: int | None) -> dict[str, Any]:
    """The `exception` for a body over the limit."""
    return {
        "message": "request entity too large",
        "expected": length,
        "length": length,
        "limit": limit,
        "type": "entity.too.large",
        "name": "PayloadTooLargeError",
        "stack": "PayloadTooLargeError: request entity too large",
    }
