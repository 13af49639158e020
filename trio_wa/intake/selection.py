"""Which messages a caller asks for: the parameters of a list, and of a retry in bulk."""

import difflib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from trio_wa.core.status import Status
from trio_wa.intake.cursor import read_cursor
from trio_wa.intake.numbers import known_chat
from trio_wa.intake.times import read_time
from trio_wa.ports import Filter

DEFAULT_LIMIT = 50
MAX_LIMIT = 1_000


@dataclass(frozen=True, slots=True)
class Selection:
    """The messages that match `wanted`, and how many of them."""

    wanted: Filter
    limit: int


class BadSelection(Exception):
    """Parameters that cannot be read; `errors` has an entry for each."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__("; ".join(error["detail"] for error in errors))
        self.errors = errors


def read_selection(
    params: Mapping[str, object],
    *,
    owner: str | None,
    region: str | None,
    limit: int = DEFAULT_LIMIT,
    names: Collection[str] | None = None,
    statuses: Collection[Status] = tuple(Status),
) -> Selection:
    """Read parameters, from a query or from JSON; `limit` is taken where they name none.

    A `to` that starts with 0 is a number of `region`.
    `names` are those that are known, all by default, and `statuses` those that may be asked for.
    Raises BadSelection for the others, and for each that cannot be read.
    """
    readers = _readers(region, statuses)
    known = names or readers
    read: dict[str, Any] = {"limit": limit}
    errors: list[dict[str, str]] = []
    for name, value in params.items():
        try:
            text = _read(name, value, known)
            read[name] = readers[name](text)
        except ValueError as error:
            errors.append({"field": name, "detail": f"{name} {error}"})
    if errors:
        raise BadSelection(errors)
    chosen = read.pop("limit")
    return Selection(Filter(chat_id=read.pop("to", None), owner=owner, **read), chosen)


def _read(name: str, value: object, known: Collection[str]) -> str:
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        raise ValueError(f"is no parameter here: {remedy}")
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise ValueError("must be a string or a number")  # noqa: TRY004 - a fault of the caller
    return value


def _status(text: str, allowed: Collection[Status]) -> Status:
    if text in allowed:
        return Status(text)
    raise ValueError(f"must be one of {', '.join(allowed)}")


def _session(text: str) -> str:
    if not text or not text.isprintable():
        raise ValueError("must be a session's name")
    return text


def _batch(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f-]{36}", text):
        raise ValueError("must be the id of a batch")
    return text


def _only(text: str) -> bool:
    if text == "true":
        return True
    raise ValueError("must be true: without it, all are listed")


def _limit(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,6}", text) and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    raise ValueError(f"must be a whole number from 1 to {MAX_LIMIT}")


def _readers(
    region: str | None, statuses: Collection[Status]
) -> Mapping[str, Callable[[str], Any]]:
    """What reads each parameter."""
    return {
        "status": partial(_status, allowed=statuses),
        "to": partial(known_chat, region=region),
        "session": _session,
        "after": read_time,
        "before": read_time,
        "unconfirmed": _only,
        "batch": _batch,
        "limit": _limit,
        "cursor": read_cursor,
    }
