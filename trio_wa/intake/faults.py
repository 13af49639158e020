"""The faults that pydantic found in what callers send, as problems name them."""

from collections.abc import Collection
from typing import Any

from pydantic import ValidationError

from trio_wa.intake.schemas import Body

_REMEDIES = {
    "missing": "is required",
    "literal_error": "must be {expected}",
    "string_type": "must be a string",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length:,} characters",
    "bool_type": "must be true or false",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "list_type": "must be a list",
    "too_short": "must have at least {min_length}",
    "too_long": "must have at most {max_length}",
    "model_type": "must be a JSON object",
    "value_error": "{error}",
}


def faults(error: ValidationError, kinds: Collection[str]) -> list[dict[str, str]]:
    """What is wrong with a message: one entry a field, in the order of the fields.

    A field is named by its path, such as `message.sections.0.rows.1.title`.
    """
    found: dict[str, dict[str, str]] = {}
    items = error.errors(include_url=False, include_input=False)
    for item in sorted(items, key=_rank):
        kind, *path = item["loc"] or ("", "type")
        field = ".".join(map(str, path))
        common = path[0] in Body.model_fields or kind in ("", "text")
        detail = _detail(item, kinds) + ("" if common else _of_kind(item["type"], str(kind)))
        found.setdefault(field, {"field": field, "detail": f"{field} {detail}"})
    return list(found.values())


def _rank(item: Any) -> int:
    """Where a field stands: whom it is for, then what it says, then how it goes."""
    name = item["loc"][1] if item["loc"] else "type"
    return 0 if name == "to" else 2 if name in Body.model_fields else 1


def _detail(item: Any, kinds: Collection[str]) -> str:
    if not item["loc"]:
        return f"must be one of {', '.join(kinds)}"
    facts = dict(item.get("ctx", {}))
    if "expected" in facts:
        facts["expected"] = facts["expected"].replace("'", "")
    return _REMEDIES[item["type"]].format(**facts)


def _of_kind(fault: str, kind: str) -> str:
    return f" for type {kind}" if fault == "missing" else f" (type {kind})"
