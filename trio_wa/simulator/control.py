"""The simulator's own API under `/_sim`: faults, what was received, and what was delivered."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from quart import Response, request
from quart_trio import QuartTrio

from trio_wa.simulator import answers
from trio_wa.simulator.ack_plan import Ack
from trio_wa.simulator.fault_board import FaultRule
from trio_wa.simulator.faults import Faults
from trio_wa.simulator.http import NotJson, read_json, respond
from trio_wa.simulator.refused import refused
from trio_wa.simulator.session_control import add_session_control
from trio_wa.simulator.simulator import Simulator
from trio_wa.simulator.webhook_faults import WebhookFaults

_FAULTS = TypeAdapter(Faults)
_WEBHOOK_FAULTS = TypeAdapter(WebhookFaults)
_PAGE = 10_000


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Where(_Strict):
    session: str | None = None
    chat_id: str | None = None
    times: Annotated[int, Field(ge=1)] | None = None


class _Incoming(_Strict):
    chat_id: str
    text: str
    session: str | None = None
    lid: str | None = None


class _NewAck(_Strict):
    ack: Ack


def add_control(app: QuartTrio, simulator: Simulator) -> None:
    """Add the control API to `app`."""
    routes = _Routes(simulator)
    for rule, method, view in (
        ("/_sim/faults", "GET", routes.get_faults),
        ("/_sim/faults", "PUT", routes.put_faults),
        ("/_sim/faults", "PATCH", routes.patch_faults),
        ("/_sim/faults", "DELETE", routes.delete_faults),
        ("/_sim/webhooks", "GET", routes.get_webhook_faults),
        ("/_sim/webhooks", "PUT", routes.put_webhook_faults),
        ("/_sim/messages", "GET", routes.messages),
        ("/_sim/requests", "GET", routes.requests),
        ("/_sim/stats", "GET", routes.stats),
        ("/_sim", "DELETE", routes.reset),
        ("/_sim/messages", "DELETE", routes.reset),
        ("/_sim/messages/<message_id>/ack", "POST", routes.ack),
        ("/_sim/incoming", "POST", routes.incoming),
    ):
        app.add_url_rule(rule, f"{method} {rule}", view, methods=[method])
    add_session_control(app, simulator)


@dataclass(frozen=True, slots=True)
class _Routes:
    simulator: Simulator

    async def get_faults(self) -> Response:
        return _json(200, [asdict(rule) for rule in self.simulator.faults.rules])

    async def put_faults(self) -> Response:
        return await self._set_faults(keep=False)

    async def patch_faults(self) -> Response:
        return await self._set_faults(keep=True)

    async def _set_faults(self, *, keep: bool) -> Response:
        board = self.simulator.faults
        try:
            body = await read_json()
            names = [name for name in _Where.model_fields if name in body]
            where = _Where.model_validate({name: body.pop(name) for name in names})
            old = board.find(where.session, where.chat_id) if keep else Faults()
            changes = _FAULTS.validate_python({**asdict(old), **body})
        except (NotJson, ValidationError, ValueError) as error:
            return refused(error, Faults, _Where)
        board.put(FaultRule(changes, where.session, where.chat_id, where.times))
        return await self.get_faults()

    async def delete_faults(self) -> Response:
        self.simulator.clear_faults()
        return await self.get_faults()

    async def get_webhook_faults(self) -> Response:
        return _json(200, asdict(self.simulator.webhooks.faults))

    async def put_webhook_faults(self) -> Response:
        try:
            faults = _WEBHOOK_FAULTS.validate_python(await read_json())
        except (NotJson, ValidationError) as error:
            return refused(error, WebhookFaults)
        self.simulator.set_webhook_faults(faults)
        return await self.get_webhook_faults()

    async def messages(self) -> Response:
        return _json(200, [asdict(each) for each in _page(self.simulator.delivered)])

    async def requests(self) -> Response:
        grace = request.args.get("not_working_for", None, type=float)
        entries = (
            self.simulator.requests
            if grace is None
            else self.simulator.sends_while_not_working(grace)
        )
        return _json(200, [asdict(each) for each in _page(entries)])

    async def stats(self) -> Response:
        simulator = self.simulator
        return _json(
            200,
            {
                "requests": simulator.journal.attempt_count,
                "delivered": simulator.journal.delivered_count,
                "max_concurrency": simulator.max_concurrency,
                "max_concurrency_by_session": simulator.max_concurrency_by_session,
                "webhooks": {
                    "sent": simulator.webhooks.sent,
                    "lost": simulator.webhooks.lost,
                    "dropped": simulator.webhooks.dropped,
                },
            },
        )

    async def reset(self) -> Response:
        self.simulator.reset()
        return Response(b"", 204)

    async def ack(self, message_id: str) -> Response:
        try:
            wanted = _NewAck.model_validate(await read_json())
        except (NotJson, ValidationError) as error:
            return refused(error, _NewAck)
        try:
            self.simulator.ack(message_id, wanted.ack)
        except KeyError:
            return respond(answers.not_found("Message not found"))
        return _json(200, {"id": message_id, "ack": wanted.ack})

    async def incoming(self) -> Response:
        try:
            wanted = _Incoming.model_validate(await read_json())
        except (NotJson, ValidationError) as error:
            return refused(error, _Incoming)
        try:
            message_id = self.simulator.receive(
                wanted.chat_id, wanted.text, session=wanted.session, lid=wanted.lid
            )
        except KeyError:
            return respond(answers.not_found("Session not found"))
        return _json(201, {"id": message_id})


def _page(entries: list[Any]) -> list[Any]:
    """The entries after `since` that match the query's filters, `limit` at most."""
    since = request.args.get("since", 0, type=int)
    limit = request.args.get("limit", _PAGE, type=int)
    session, chat_id = request.args.get("session"), request.args.get("chat_id")
    found = (
        each
        for each in entries
        if each.sequence > since
        and session in (None, each.session)
        and chat_id in (None, each.chat_id)
    )
    return [each for each, _ in zip(found, range(limit), strict=False)]


def _json(status: int, body: object) -> Response:
    return respond(answers.answer(status, body))
