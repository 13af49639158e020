"""`/suppressions`: who wants no messages."""

import base64
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trio_wa.clock import Clock
from trio_wa.core.contacts import is_person
from trio_wa.core.recipient import CHAT_ID, BadRecipient
from trio_wa.intake.http import Request, Response, answer, problem
from trio_wa.intake.messages import refused
from trio_wa.intake.numbers import known_chat
from trio_wa.intake.recording import fetched, recorded
from trio_wa.intake.selection import BadSelection, read_selection
from trio_wa.opt_outs import OptOuts, Waiting
from trio_wa.ports import Suppression, SuppressionStore
from trio_wa.telemetry import mask, timestamp

log = structlog.get_logger(__name__)

LONGEST_REASON = 200


class Suppressions:
    """Shows, keeps and changes the list, which holds for all callers and sessions.

    A number in a path is read as `to` is; a chat id of a person stands for itself.
    """

    def __init__(
        self,
        store: SuppressionStore,
        waiting: Waiting,
        clock: Clock,
        region: str | None,
    ) -> None:
        self._store = store
        self._opt_outs = OptOuts(store, waiting)
        self._clock = clock
        self._region = region

    async def show(self, request: Request) -> Response:
        """200 with what the list has of somebody, 400, or 404."""
        try:
            chat_id = self._read_number(request)
        except BadSelection as error:
            return refused(error)
        found = await fetched(self._store.suppression(chat_id))
        return _missing() if found is None else answer(200, _view(found))

    async def list(self, request: Request) -> Response:
        """200 with those on the list, by chat id, or 400."""
        query = dict(request.query)
        try:
            after = _read_cursor(query.pop("cursor")) if "cursor" in query else ""
            names = ("limit", "cursor")
            limit = read_selection(query, owner=None, region=self._region, names=names).limit
        except BadSelection as error:
            return refused(error)
        found = await fetched(self._store.suppressions(after, limit + 1))
        shown, more = found[:limit], len(found) > limit
        return answer(
            200,
            {
                "data": [_view(each) for each in shown],
                "next_cursor": _write_cursor(shown[-1].chat_id) if more else None,
            },
        )

    async def add(self, request: Request) -> Response:
        """201 with the new entry and how many messages it cancelled; 200 if it was there; 400."""
        try:
            chat_id = self._read_number(request)
            reason = _read_reason(request.body)
        except BadSelection as error:
            return refused(error)
        wanted = Suppression(chat_id, self._clock.now(), reason)
        opt_out = await recorded(self._opt_outs.add(wanted))
        entry = await fetched(self._store.suppression(chat_id)) or wanted
        members = {**_view(entry), "cancelled": opt_out.cancelled}
        return answer(201 if opt_out.new else 200, members)

    async def remove(self, request: Request) -> Response:
        """204, 400, or 404."""
        try:
            chat_id = self._read_number(request)
        except BadSelection as error:
            return refused(error)
        if not await recorded(self._store.allow(chat_id)):
            return _missing()
        log.info("suppression.removed", number=mask(chat_id), by=request.caller.name)
        return Response(204, {}, b"")

    def _read_number(self, request: Request) -> str:
        """The chat id of the person whom the path names; raises BadSelection."""
        try:
            chat_id = known_chat(request.params["number"], self._region)
        except BadRecipient as error:
            raise _wrong("number", str(error)) from None
        if not is_person(chat_id):
            raise _wrong("number", "must be a person's: a group or channel is on no list")
        return chat_id


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    reason: str | None = Field(default=None, min_length=1, max_length=LONGEST_REASON)


def _read_reason(body: bytes) -> str | None:
    """The reason in a body, which may be empty; raises BadSelection."""
    if not body.strip():
        return None
    try:
        return _Body.model_validate_json(body).reason
    except ValidationError as error:
        (location, kind) = error.errors()[0]["loc"], error.errors()[0]["type"]
    if kind == "extra_forbidden":
        raise _wrong(str(location[0]), "is no member here: there is reason")
    if location:
        raise _wrong("reason", f"must be a string of 1 to {LONGEST_REASON} characters")
    raise _wrong("body", 'must be empty, or a JSON object such as {"reason": "asked by mail"}')


def _wrong(field: str, detail: str) -> BadSelection:
    return BadSelection([{"field": field, "detail": f"{field} {detail}"}])


def _write_cursor(chat_id: str) -> str:
    return base64.urlsafe_b64encode(chat_id.encode()).decode().rstrip("=")


def _read_cursor(text: str) -> str:
    """The chat id that `_write_cursor` wrote as `text`; raises BadSelection."""
    padded = text + "=" * (-len(text) % 4)
    try:
        chat_id = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except ValueError:
        chat_id = ""
    if CHAT_ID.fullmatch(chat_id):
        return chat_id
    raise _wrong("cursor", "must be a next_cursor of an earlier answer, unchanged")


def _view(entry: Suppression) -> dict[str, Any]:
    number, _, host = entry.chat_id.partition("@")
    return {
        "number": number if host == "c.us" else None,
        "chat_id": entry.chat_id,
        "since": timestamp(entry.at),
        "reason": entry.reason,
        "session": entry.session,
    }


def _missing() -> Response:
    return problem(404, "not_suppressed", "this number is not on the list")
