"""`/sessions`: what is known of each, and what an operator may do to it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from trio_wa.intake.http import Request, Response, answer, problem
from trio_wa.intake.recording import fetched, recorded
from trio_wa.ports import Picture, Refusal, SessionView
from trio_wa.telemetry import timestamp

log = structlog.get_logger(__name__)

_REFUSED = {"session_missing": 404, "session_not_scanning": 409, "waha_unavailable": 503}


class Sessions(Protocol):
    """Whoever knows the sessions."""

    async def view(self) -> Sequence[SessionView]:
        """Each session of WAHA_SESSIONS as it is now, in their order."""

    async def pause(self, name: str) -> None:
        """Let nothing more begin over a session; it is durable on return."""

    async def resume(self, name: str) -> None:
        """Use a session again, whatever was held against it; it is durable on return."""

    async def restart(self, name: str) -> Refusal | None:
        """Have WAHA restart a session; None once it has begun to."""

    async def qr_code(self, name: str) -> Picture | Refusal:
        """The QR code that links a phone to a session."""


@dataclass(frozen=True, slots=True)
class SessionDesk:
    """Shows the sessions `names` to whoever may send over them, and lets an admin act on them."""

    sessions: Sessions
    names: frozenset[str]

    async def list(self, request: Request) -> Response:
        """200 with the sessions that the caller may use."""
        views = await fetched(self.sessions.view())
        seen = [session_view(each) for each in views if self._sees(request, each.name)]
        return answer(200, {"data": seen})

    async def pause(self, request: Request) -> Response:
        """200 with the session, over which nothing more begins, or 404."""
        return await self._act(request, self.sessions.pause, "session.paused")

    async def resume(self, request: Request) -> Response:
        """200 with the session, which is used again whatever was held against it, or 404."""
        return await self._act(request, self.sessions.resume, "session.resumed")

    async def restart(self, request: Request) -> Response:
        """202 with the session once WAHA restarts it; 404, 502, or 503."""
        name = request.params["name"]
        if not self._sees(request, name):
            return _missing(request)
        if (refusal := await self.sessions.restart(name)) is not None:
            return _refused(refusal)
        log.info("session.restarted", session=name, by=request.caller.name)
        return await self._shown(name, 202)

    async def qr_code(self, request: Request) -> Response:
        """200 with the picture that links a phone; 404, 409 if none is to be linked, 502 or 503."""
        name = request.params["name"]
        if not self._sees(request, name):
            return _missing(request)
        found = await self.sessions.qr_code(name)
        if isinstance(found, Refusal):
            return _refused(found)
        # Whoever scans it takes the number over: it must lie in no cache.
        headers = {"Content-Type": found.content_type, "Cache-Control": "no-store"}
        return Response(200, headers, found.data)

    async def _act(
        self, request: Request, act: Callable[[str], Awaitable[None]], event: str
    ) -> Response:
        name = request.params["name"]
        if not self._sees(request, name):
            return _missing(request)
        await recorded(act(name))
        log.info(event, session=name, by=request.caller.name)
        return await self._shown(name, 200)

    async def _shown(self, name: str, status: int) -> Response:
        views = await fetched(self.sessions.view())
        return answer(status, session_view(next(each for each in views if each.name == name)))

    def _sees(self, request: Request, name: str) -> bool:
        bound = request.caller.sessions
        return name in self.names and (not bound or name in bound)


def session_view(view: SessionView) -> dict[str, Any]:
    """A session as JSON."""
    sent = view.activity
    known = view.acks_seen and sent.hour > 0
    return {
        "name": view.name,
        "status": "UNREADABLE" if view.status is None else view.status,
        "since": _timestamp(view.since),
        "paused": view.paused,
        "in_flight": view.in_flight,
        "sent": {"minute": sent.minute, "hour": sent.hour, "day": sent.day},
        "confirmed_share": round(sent.confirmed / sent.hour, 3) if known else None,
        "webhooks": view.webhooks,
        "message_ids": view.message_ids,
        "look_ups": view.look_ups,
        "obstacle": view.obstacle,
        "ghost": view.ghost,
        "breaker": view.breaker,
        "timelock_until": _timestamp(view.locked_until),
        "next_send_at": _timestamp(view.next_send_at),
        "next_new_contact_at": _timestamp(view.next_new_contact_at),
        "daily_cap": view.daily_cap,
    }


def _timestamp(at: float | None) -> str | None:
    return None if at is None else timestamp(at)


def _missing(request: Request) -> Response:
    """404, for what does not exist and for what the caller is not bound to."""
    detail = f"there is no session {request.params['name']!r} here"
    return problem(404, "session_not_found", detail)


def _refused(refusal: Refusal) -> Response:
    status = _REFUSED.get(refusal.code, 502)
    if status == 503:
        return problem(status, refusal.code, refusal.detail, Retry_After="1")
    return problem(status, refusal.code, refusal.detail)
