"""An answer of WAHA, and what can be read of it."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

DETAIL_CHARACTERS = 200
ABSENT = frozenset({404, 405, 501})
"""What a WAHA answers that lacks an endpoint, or whose engine cannot do what it asks."""

BUSY = frozenset({408, 429, 502, 503, 504})
"""What a WAHA that is overloaded, or a proxy that does not reach it, answers."""

_DECODER = json.JSONDecoder()
_START, _COLON, _COMMA, _CLOSE = (re.compile(rf"\s*{mark}\s*") for mark in (r"\{", ":", ",", r"\}"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What WAHA, or a proxy before it, answered at the time `at` (seconds since the epoch).

    `headers` are looked up in lower case. `whole` says that the body was read to its end.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    at: float
    whole: bool = True

    @property
    def successful(self) -> bool:
        """Whether this is any 2xx."""
        return 200 <= self.status < 300

    @property
    def is_page(self) -> bool:
        """Whether the body is HTML or XML, as no answer of WAHA is: its are JSON, or empty.

        It is told by how it begins: Express, under WAHA, calls every text `text/html`.
        """
        return self.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")

    @property
    def detail(self) -> str:
        """What was answered, in short and for people.

        WAHA's 500 echoes the request, so only the exception's own message ever becomes part of it.
        """
        return f"WAHA answered {self.status}: {reason(self.members())}"

    def json(self) -> object:
        """The body as JSON; None where it is none."""
        with suppress(ValueError):  # it is quick, and knows no lone surrogates, which a cut leaves
            found: object = from_json(self.body)
            return found
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def members(self) -> dict[str, Any]:
        """The members of the JSON object that the body is; empty where it is none.

        Of one that was not read to its end, those that are whole: WAHA's 500 echoes the request,
        whose file may be large, behind its `exception`.
        """
        if not self.whole:
            return _first_members(self.body.decode(errors="replace"))
        found = self.json()
        return found if isinstance(found, dict) else {}

    def not_found(self) -> str | None:
        """The message of a 404 that WAHA itself gave for something that it knows not.

        None for what WAHA's router answers where it lacks the endpoint, and for a proxy's 404.
        """
        members = self.members()
        said = members.get("message")
        if self.status != 404 or members.get("statusCode") != 404 or not isinstance(said, str):
            return None
        return None if said.startswith("Cannot ") else said


def _first_members(text: str) -> dict[str, Any]:
    """The members of a JSON object, up to the first that is not whole."""
    found: dict[str, Any] = {}
    start = _START.match(text)
    while start is not None:
        try:
            name, end = _DECODER.raw_decode(text, start.end())
            if not isinstance(name, str) or (colon := _COLON.match(text, end)) is None:
                break
            value, end = _DECODER.raw_decode(text, colon.end())
        except (ValueError, RecursionError):
            break
        start = _COMMA.match(text, end)
        if start is None and _CLOSE.match(text, end) is None:
            break  # a number may go on
        found[name] = value
    return found


def reason(members: Mapping[str, Any]) -> str:
    """Why WAHA refused, in its own words."""
    exception = members.get("exception")
    for found in (
        exception.get("message") if isinstance(exception, dict) else None,
        members.get("error") if "session" in members else members.get("message"),
        members.get("message"),
        members.get("error"),
    ):
        if text := short("; ".join(texts(found))):
            return text
    return "no reason given"


def texts(found: object) -> list[str]:
    """The strings in a value that should be one, or a list of them."""
    if isinstance(found, str):
        return [found]
    return [item for item in found if isinstance(item, str)] if isinstance(found, list) else []


def short(text: str) -> str:
    """The beginning of a text, without lone surrogates: JSON may hold them, UTF-8 may not."""
    return text[:DETAIL_CHARACTERS].encode(errors="replace").decode()
