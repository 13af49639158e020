"""A request and a response as plain values, so that any front end can carry them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from trio_wa.intake.caller import NOBODY, Caller


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, read whole. Names in `headers` are in lower case; `peer` is an address.

    `repeated` are the names that the query has more than once: `query` has their first values.
    The router adds `caller`, who it is that asks, and `params`, what the path names.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    peer: str = ""
    body: bytes = b""
    caller: Caller = NOBODY
    params: Mapping[str, str] = field(default_factory=dict)
    repeated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response with its whole body."""

    status: int
    headers: dict[str, str]
    body: bytes


def answer(status: int, members: Mapping[str, Any], **headers: str) -> Response:
    """A JSON response; keyword names become header names, `_` read as `-`."""
    return _encode(status, members, "application/json", headers)


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    error: str | None = None,
    errors: list[dict[str, str]] | None = None,
    extra: Mapping[str, Any] | None = None,
    **headers: str,
) -> Response:
    """An RFC 9457 problem. `code` is stable; `error` is the member that the Go service had.

    `errors` names each field that is wrong, what is wrong with it and what would be right;
    `extra` are further members.
    """
    members: dict[str, Any] = {
        "type": f"urn:trio-wa:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "error": error or detail,
    }
    if errors is not None:
        members["errors"] = errors
    members |= extra or {}
    return _encode(status, members, "application/problem+json", headers)


def _encode(
    status: int, members: Mapping[str, Any], media_type: str, headers: Mapping[str, str]
) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    text = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
    body = text.encode(errors="replace")  # a detail may quote what is not valid Unicode
    return Response(status, {"Content-Type": media_type, **named}, body)
