"""Why a request to the simulator's own API is refused, in words that name the members."""

import difflib
from collections.abc import Collection
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from quart import Response

from trio_wa.simulator import answers
from trio_wa.simulator.http import respond

_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
_MISSING = ("missing", "missing_argument")
_BRANCHES = ("float", "Uniform", "Exponential")
"""What pydantic calls the kinds of a latency, in a path of members."""


def refused(error: Exception, *kinds: type[Any]) -> Response:
    """400 that says what is wrong; the members that there are, are those of `kinds`."""
    known = [name for kind in kinds for name in _members(kind)]
    text = _reasons(error, known) if isinstance(error, ValidationError) else str(error)
    return respond(answers.bad_request(text))


def _members(kind: type[Any]) -> Collection[str]:
    if issubclass(kind, BaseModel):
        return kind.model_fields
    return [field.name for field in fields(kind)] if is_dataclass(kind) else ()


def _reasons(error: ValidationError, known: Collection[str]) -> str:
    """One reason for each member, the first: what may be several things has one for each."""
    reasons: dict[str, str] = {}
    for item in error.errors(include_url=False, include_input=False):
        path = [str(part) for part in item["loc"] if part not in _BRANCHES]
        reason = _reason(item, known if len(path) == 1 else ())
        reasons.setdefault(
            path[0] if path else "", " ".join(filter(None, (".".join(path), reason)))
        )
    return "; ".join(reasons.values())


def _reason(item: Any, known: Collection[str]) -> str:
    if item["type"] in _UNKNOWN:
        near = difflib.get_close_matches(str(item["loc"][-1]), known, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        return "is no member here" + (f": {remedy}" if known else "")
    if item["type"] in _MISSING:
        return "is required"
    if item["type"] == "value_error":
        return str(item["ctx"]["error"])
    return str(item["msg"]).replace("Input should", "must").replace("must be a valid", "must be a")
