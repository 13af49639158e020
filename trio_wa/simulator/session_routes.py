"""WAHA's endpoints beside the sends: server, sessions, contacts, look-ups, presence."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from quart import Response, request
from quart_trio import QuartTrio

from trio_wa.simulator import answers
from trio_wa.simulator.answers import Answer
from trio_wa.simulator.http import NotJson, read_json, respond
from trio_wa.simulator.png import qr_png
from trio_wa.simulator.sends import working
from trio_wa.simulator.session import targets_of
from trio_wa.simulator.simulator import Simulator


def add_session_routes(app: QuartTrio, simulator: Simulator) -> None:
    """Add the endpoints to `app`."""
    routes = _Routes(simulator)
    for rule, method, view in (
        ("/ping", "GET", routes.ping),
        ("/health", "GET", routes.health),
        ("/api/version", "GET", routes.version),
        ("/api/server/version", "GET", routes.version),
        ("/api/sessions", "GET", routes.sessions),
        ("/api/sessions", "POST", routes.create),
        ("/api/sessions/<name>", "GET", routes.session),
        ("/api/sessions/<name>", "PUT", routes.update),
        ("/api/sessions/<name>", "DELETE", routes.delete),
        ("/api/sessions/<name>/timelock", "GET", routes.timelock),
        ("/api/sessions/<name>/<verb>", "POST", routes.command),
        ("/api/<name>/auth/qr", "GET", routes.qr),
        ("/api/<name>/new-message-id", "GET", routes.new_message_id),
        ("/api/<name>/chats/<chat_id>/messages/<message_id>", "GET", routes.message),
        ("/api/<name>/lids/<lid>", "GET", routes.number_behind),
        ("/api/contacts/check-exists", "GET", routes.check_exists),
        ("/api/startTyping", "POST", routes.presence),
        ("/api/stopTyping", "POST", routes.presence),
        ("/api/sendSeen", "POST", routes.presence),
    ):
        app.add_url_rule(rule, f"{method} {rule}", view, methods=[method])


@dataclass(frozen=True, slots=True)
class _Routes:
    simulator: Simulator

    async def ping(self) -> Response:
        return _json(200, {"message": "pong"})

    async def health(self) -> Response:
        return _json(200, {"status": "ok", "info": {}, "error": {}, "details": {}})

    async def version(self) -> Response:
        return _json(200, self.simulator.environment)

    async def sessions(self) -> Response:
        everyone = request.args.get("all", "").lower() in ("true", "1")
        listed = [
            each.info()
            for each in self.simulator.sessions.all()
            if everyone or each.status != "STOPPED"
        ]
        return _json(200, listed)

    async def session(self, name: str) -> Response:
        session = self.simulator.sessions.get(name)
        return _session_not_found() if session is None else _json(200, session.info())

    async def create(self) -> Response:
        try:
            body = await read_json()
            name = str(body.get("name") or f"session_{self.simulator.network.new_id().lower()}")
            if self.simulator.sessions.get(name) is not None:
                message = f"Session '{name}' already exists. Use PUT to update it."
                return respond(answers.unprocessable(message))
            targets = targets_of(body.get("config"))
        except (NotJson, ValueError) as error:
            return respond(answers.bad_request(str(error)))
        session = self.simulator.sessions.add(name)
        session.config, session.webhooks = body.get("config"), targets
        if body.get("start", True):
            self.simulator.sessions.start(name)
        return _json(201, session.info())

    async def update(self, name: str) -> Response:
        session = self.simulator.sessions.get(name)
        if session is None:
            return _session_not_found()
        try:
            body = await read_json()
            session.webhooks = targets_of(body.get("config"))
        except (NotJson, ValueError) as error:
            return respond(answers.bad_request(str(error)))
        session.config = body.get("config")
        if session.status != "STOPPED":
            self.simulator.sessions.restart(name)
        return _json(200, session.info())

    async def delete(self, name: str) -> Response:
        self.simulator.sessions.remove(name)
        return Response(b"", 200)

    async def command(self, name: str, verb: str) -> Response:
        sessions = self.simulator.sessions
        verbs: dict[str, Callable[[str], None]] = {
            "start": sessions.start,
            "stop": sessions.stop,
            "restart": sessions.restart,
            "logout": sessions.log_out,
        }
        if verb not in verbs:
            return respond(answers.not_found(f"Cannot POST {request.path}"))
        session = sessions.get(name)
        if session is None:
            return _session_not_found()
        verbs[verb](name)
        return _json(201, session.info())

    async def timelock(self, name: str) -> Response:
        if not self.simulator.options.tells_timelocks:
            return respond(answers.not_found(f"Cannot GET {request.path}"))
        session = self.simulator.sessions.get(name)
        if session is None:
            return _session_not_found()
        if not session.health.is_locked(self.simulator.now()):
            return _json(200, {"isActive": False})
        until = answers.iso(session.health.locked_until)
        return _json(200, {"isActive": True, "timeEnforcementEnds": until})

    async def qr(self, name: str) -> Response:
        session = self.simulator.sessions.get(name)
        if session is None:
            return respond(answers.no_session(name))
        if session.status != "SCAN_QR_CODE":
            return respond(answers.not_working(name, session.status, "SCAN_QR_CODE"))
        image = qr_png(session.changes)
        if "application/json" in request.headers.get("Accept", ""):
            data = base64.b64encode(image).decode("ascii")
            return _json(200, {"mimetype": "image/png", "data": data})
        return Response(image, 200, content_type="image/png")

    async def new_message_id(self, name: str) -> Response:
        options = self.simulator.options
        if not options.message_ids or options.engine == "WEBJS":
            return respond(answers.not_found(f"Cannot GET {request.path}"))
        session = await working(self.simulator, name)
        if isinstance(session, Answer):
            return respond(session)
        return _json(200, {"id": self.simulator.network.new_id()})

    async def message(self, name: str, chat_id: str, message_id: str) -> Response:
        session = await working(self.simulator, name)
        if isinstance(session, Answer):
            return respond(session)
        if not self.simulator.options.lookups:
            message = 'Enable NOWEB store "config.noweb.store.enabled=True" when starting a session'
            return respond(answers.bad_request(message))
        found = self.simulator.network.look_up(session, chat_id, message_id)
        if found is None or self.simulator.options.blind_lookups:
            return respond(answers.not_found("Message not found"))
        return _json(200, found)

    async def check_exists(self) -> Response:
        session = await working(self.simulator, request.args.get("session", "default"))
        if isinstance(session, Answer):
            return respond(session)
        digits = "".join(filter(str.isdigit, request.args.get("phone", "").split("@")[0]))
        number = self.simulator.network.number_of(digits) if digits else None
        if number is None:
            return _json(200, {"numberExists": False})
        return _json(200, {"numberExists": True, "chatId": f"{number}@c.us"})

    async def number_behind(self, name: str, lid: str) -> Response:
        session = await working(self.simulator, name)
        if isinstance(session, Answer):
            return respond(session)
        lid = lid if "@" in lid else f"{lid}@lid"
        if not lid.endswith("@lid"):
            return respond(answers.unprocessable("Invalid LID - it must end with @lid"))
        return _json(200, {"lid": lid, "pn": self.simulator.network.behind(lid)})

    async def presence(self) -> Response:
        try:
            body = await read_json()
        except NotJson as error:
            return respond(answers.bad_request(str(error)))
        if not body.get("session"):
            return respond(answers.bad_request("Session name is required"))
        session = await working(self.simulator, str(body["session"]))
        if isinstance(session, Answer):
            return respond(session)
        return _json(201, {"result": True})


def _json(status: int, body: Any) -> Response:
    return respond(answers.answer(status, body))


def _session_not_found() -> Response:
    return respond(answers.not_found("Session not found"))
