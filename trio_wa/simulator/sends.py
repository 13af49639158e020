"""One send, from the request that WAHA received to its answer."""

import math
from collections.abc import Mapping
from typing import Any

import trio

from trio_wa.core.contacts import is_person
from trio_wa.simulator import answers
from trio_wa.simulator.answers import Answer, Cut
from trio_wa.simulator.content import text_of, wrong_member
from trio_wa.simulator.faults import Strike
from trio_wa.simulator.journal import Attempt
from trio_wa.simulator.message import MEDIA, Message, answer_body
from trio_wa.simulator.session import SimulatedSession
from trio_wa.simulator.simulator import Simulator

SENDS = (
    "sendText",
    "sendImage",
    "sendFile",
    "sendVoice",
    "sendVideo",
    "sendPoll",
    "sendLocation",
    "sendContactVcard",
    "sendList",
    "forwardMessage",
)
_TAKES_ID = frozenset(
    {"sendText", "sendPoll", "sendLocation", "sendContactVcard", "forwardMessage"}
)

LISTS_TO_PEOPLE = "List message can only be sent to a direct message chat."
TIMELOCKED = "server returned error 463"


async def send(
    simulator: Simulator,
    kind: str,
    body: Mapping[str, Any],
    headers: Mapping[str, str],
    gone: trio.Event,
) -> Answer | Cut:
    """Treat one send as WAHA does; whether its client waits for the answer changes nothing.

    `kind` is the endpoint's name, `gone` is set when the client hangs up.
    """
    name = body.get("session")
    over = simulator.sessions.get(name) if isinstance(name, str) else None
    attempt = simulator.journal.receive(simulator.now(), kind, body, headers, over)
    with simulator.in_flight.one(attempt.session):
        answer = await _Send(simulator, attempt, body, gone).run()
    if isinstance(answer, Cut):
        attempt.outcome = "hung" if answer.hung else "cut"
    else:
        attempt.outcome = "left" if gone.is_set() else answer.status
    return answer


async def working(simulator: Simulator, name: str) -> SimulatedSession | Answer:
    """The session `name` once it works, or WAHA's refusal after its wait."""
    options = simulator.options
    session = simulator.sessions.get(name)
    if session is None:
        await trio.sleep(options.missing_wait)
        session = simulator.sessions.get(name)
        if session is None:
            return answers.no_session(name)
    if session.status == "WORKING":
        return session
    stopped = session.status == "STOPPED"
    with trio.move_on_after(options.stopped_wait if stopped else options.not_working_wait):
        await session.wait_until_working()
        return session
    return answers.not_working(name, session.status)


class _Send:
    """One attempt on its way through WAHA and its engine."""

    def __init__(
        self,
        simulator: Simulator,
        attempt: Attempt,
        body: Mapping[str, Any],
        gone: trio.Event,
    ) -> None:
        self._simulator = simulator
        self._attempt = attempt
        self._body = body
        self._gone = gone
        self._strike: Strike = simulator.faults.draw(attempt.session, attempt.chat_id)

    async def run(self) -> Answer | Cut:
        before = at_the_door(self._strike)
        if before is not None:
            return before
        if not self._attempt.session:
            return answers.bad_request("Session name is required")
        session = await working(self._simulator, self._attempt.session)
        if isinstance(session, Answer):
            return session
        refusal = await self._struck_refusal(session.name) or self._refusal()
        if refusal is not None:
            return refusal
        if self._strike.latency > 0:
            await trio.sleep(self._strike.latency)
        return await self._through_engine(session)

    async def _struck_refusal(self, session: str) -> Answer | None:
        options = self._simulator.options
        match self._strike.kind:
            case "not_working":
                await trio.sleep(options.not_working_wait)
                return answers.not_working(session, "SCAN_QR_CODE")
            case "plan_required":
                return answers.only_in_plus(options.engine)
            case _:
                return None

    def _refusal(self) -> Answer | None:
        options, kind = self._simulator.options, self._attempt.kind
        if self._attempt.chat_id is None:
            return self._failure(answers.type_error("endsWith"))
        if kind in MEDIA and options.media_needs_plus and options.tier == "CORE":
            return answers.only_in_plus(options.engine)
        if kind == "sendList" and options.engine == "WEBJS":
            return answers.not_implemented(options.engine)
        if (wrong := wrong_member(kind, self._body)) is not None:
            return self._failure(answers.type_error(wrong))
        if kind == "sendList" and not is_person(self._attempt.chat_id):
            return answers.unprocessable(LISTS_TO_PEOPLE)
        if options.engine == "GOWS" and not self._has_recipient():
            return self._engine_error(f"no LID found for {self._attempt.chat_id}")
        return None

    async def _through_engine(self, session: SimulatedSession) -> Answer | Cut:
        faults = self._strike.faults
        match self._strike.kind:
            case "engine_error":
                return self._engine_error(faults.error_message)
            case "time_lock":
                return self._engine_error(TIMELOCKED)
            case "flip_session":
                self._simulator.set_status(session.name, faults.flip_to)
                return self._engine_error("Connection Closed")
            case "cut_before":
                return Cut()
            case "hang":
                with trio.move_on_after(_seconds(faults.hang_seconds)):
                    await self._gone.wait()
                return Cut(hung=True)
            case "deliver_after_hang" if faults.hang_seconds == math.inf:
                await self._gone.wait()
            case "deliver_after_hang":
                await trio.sleep(_seconds(faults.hang_seconds))
            case _:
                pass
        if session.status != "WORKING" or session.health.is_broken:
            return self._engine_error("Connection Closed")
        network, ghost = self._simulator.network, session.health.is_ghost
        if not ghost and network.locks(session, self._attempt.chat_id or ""):
            return self._engine_error(TIMELOCKED)
        network.take(self._attempt, session)
        message = self._message(session)
        if ghost:
            network.swallow(session, message)
        elif self._strike.kind == "lose" or not self._has_recipient():
            network.lose(session, message)
        else:
            network.deliver(self._attempt, session, message, self._strike.acks)
        match self._strike.kind:
            case "cut_after":
                return Cut()
            case "error_after":
                return self._engine_error(faults.error_message)
            case "gateway_timeout_after":
                return answers.proxy(504, "Gateway Time-out")
            case _:
                return answers.answer(201, answer_body(self._simulator.options.engine, message))

    def _has_recipient(self) -> bool:
        return self._simulator.network.number_of(self._attempt.chat_id or "") is not None

    def _message(self, session: SimulatedSession) -> Message:
        kind = self._attempt.kind
        return Message(
            id=self._chosen_id() or self._simulator.network.new_id(),
            chat_id=self._attempt.chat_id or "",
            kind=kind,
            text=self._text(),
            at=self._simulator.now(),
            me=session.account,
        )

    def _chosen_id(self) -> str | None:
        options, chosen = self._simulator.options, self._body.get("id")
        takes_none = not options.message_ids or options.ignore_ids or options.engine == "WEBJS"
        if takes_none or not isinstance(chosen, str):
            return None
        takes = _TAKES_ID | MEDIA if options.engine == "GOWS" else _TAKES_ID
        return chosen if self._attempt.kind in takes else None

    def _text(self) -> str | None:
        if self._attempt.kind != "forwardMessage":
            return text_of(self._attempt.kind, self._body)
        original = self._simulator.network.last(self._body["messageId"])
        return None if original is None else original.message.text

    def _engine_error(self, message: str) -> Answer:
        return self._failure(answers.engine_exception(self._simulator.options.engine, message))

    def _failure(self, exception: Mapping[str, Any]) -> Answer:
        return answers.failure(
            f"/api/{self._attempt.kind}",
            self._body,
            self._simulator.environment,
            self._simulator.now(),
            exception,
        )


def at_the_door(strike: Strike) -> Answer | None:
    """What a proxy before WAHA or its key check answers, if that is what befalls a request."""
    match strike.kind:
        case "proxy_503":
            return answers.proxy(503, "Service Temporarily Unavailable")
        case "proxy_502":
            return answers.proxy(502, "Bad Gateway")
        case "throttle_429":
            return answers.throttled(strike.faults.retry_after)
        case "unauthorized":
            return answers.unauthorized()
        case "reject_400":
            return answers.bad_request("Rejected by the simulator")
        case _:
            return None


def _seconds(seconds: float | None) -> float:
    return float("inf") if seconds is None else seconds
