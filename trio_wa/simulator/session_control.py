"""What the simulator's own API does with a session: `/_sim/sessions/<name>/…`."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from quart import Response, request
from quart_trio import QuartTrio

from trio_wa.simulator import answers
from trio_wa.simulator.faults import Status
from trio_wa.simulator.flap import Flap
from trio_wa.simulator.http import NotJson, read_json, respond
from trio_wa.simulator.observer import PaceLimit
from trio_wa.simulator.refused import refused
from trio_wa.simulator.simulator import Simulator
from trio_wa.simulator.trouble import BrokenEngine, Ghost, Timelock

_LIMIT = TypeAdapter(PaceLimit)


@dataclass(frozen=True, slots=True)
class _NewStatus:
    __pydantic_config__ = ConfigDict(extra="forbid")

    session: str
    status: Status


def add_session_control(app: QuartTrio, simulator: Simulator) -> None:
    """Add this part of the control API to `app`."""
    routes = _Routes(simulator)
    for verb, method, view in (
        ("status", "POST", routes.status),
        ("flap", "POST", routes.flap),
        ("flap", "DELETE", routes.stop_flapping),
        ("ghost", "POST", routes.ghost),
        ("broken-engine", "POST", routes.broken_engine),
        ("timelock", "POST", routes.timelock),
        ("heal", "POST", routes.heal),
        ("pace", "GET", routes.pace),
    ):
        rule = f"/_sim/sessions/<name>/{verb}"
        app.add_url_rule(rule, f"{method} {rule}", view, methods=[method])


@dataclass(frozen=True, slots=True)
class _Routes:
    simulator: Simulator

    async def status(self, name: str) -> Response:
        return await self._change(
            name, _NewStatus, lambda new: self.simulator.set_status(new.session, new.status)
        )

    async def flap(self, name: str) -> Response:
        return await self._change(name, Flap, self.simulator.flaps.begin)

    async def stop_flapping(self, name: str) -> Response:
        self.simulator.stop_flapping(name)
        return Response(b"", 204)

    async def ghost(self, name: str) -> Response:
        return await self._change(name, Ghost, self.simulator.befall)

    async def broken_engine(self, name: str) -> Response:
        return await self._change(name, BrokenEngine, self.simulator.befall)

    async def timelock(self, name: str) -> Response:
        return await self._change(name, Timelock, self.simulator.befall)

    async def heal(self, name: str) -> Response:
        if self.simulator.sessions.get(name) is None:
            return respond(answers.not_found("Session not found"))
        self.simulator.heal(name)
        return self._shown(name)

    async def pace(self, name: str) -> Response:
        try:
            limit = _LIMIT.validate_python(request.args.to_dict())
        except ValidationError as error:
            return refused(error, PaceLimit)
        if self.simulator.sessions.get(name) is None:
            return respond(answers.not_found("Session not found"))
        pace = self.simulator.pace(name)
        body = {**asdict(pace), "violations": pace.violations(limit)}
        return respond(answers.answer(200, body))

    async def _change(self, name: str, kind: type[Any], change: Callable[[Any], None]) -> Response:
        """Make a `kind` of the session and the request's body, and let it change the session."""
        try:
            wanted = TypeAdapter(kind).validate_python({**await read_json(), "session": name})
        except (NotJson, ValidationError) as error:
            return refused(error, kind)
        if self.simulator.sessions.get(name) is None:
            return respond(answers.not_found("Session not found"))
        change(wanted)
        return self._shown(name)

    def _shown(self, name: str) -> Response:
        return respond(answers.answer(200, self.simulator.sessions[name].info()))
