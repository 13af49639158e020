"""What sees after WAHA's sessions, and after the messages sent over them."""

from dataclasses import replace

import trio

from trio_wa.adapters.waha.about import about, about_sessions
from trio_wa.adapters.waha.answer import Answer
from trio_wa.adapters.waha.exchange import Http, Silence, api
from trio_wa.adapters.waha.finding import look_up
from trio_wa.adapters.waha.lid import number_of
from trio_wa.adapters.waha.new_id import new_message_id
from trio_wa.adapters.waha.picture import picture_of
from trio_wa.adapters.waha.refusal import refusal_of
from trio_wa.adapters.waha.timelock import timelock_of
from trio_wa.adapters.waha.webhook import body_of, with_webhook
from trio_wa.core.session import Session
from trio_wa.ports import Finding, MessageId, Picture, Refusal, WahaInfo

ASK_SECONDS = 5.0

CHANGE_SECONDS = 10.0
"""How long WAHA may take to change a session: it stops it and starts it before it answers."""


class WahaObserver:
    """Asks WAHA for any number of tasks, each request within a deadline of its own."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def ask(self, url: str) -> WahaInfo:
        """Version, engine and the status of each session, within 5 seconds.

        A WAHA that answers, but not with its sessions, has no problem here.
        """
        with trio.move_on_after(ASK_SECONDS):
            info = about(url, await self._http.ask("GET", api(url, "version"), within=ASK_SECONDS))
            if info.problem is not None:
                return info
            sessions = await self._sessions(url)
            if isinstance(sessions, Silence):
                return about_sessions(url, sessions)
            return replace(info, statuses=about_sessions(url, sessions).statuses)
        return about(url, Silence("timeout", f"no answer within {ASK_SECONDS:g} s", "written"))

    async def statuses(self, url: str) -> WahaInfo:
        """The status of each session, within 5 seconds."""
        return about_sessions(url, await self._sessions(url))

    async def new_message_id(self, session: Session) -> MessageId:
        """An id for a message over `session`, within 5 seconds."""
        return await new_message_id(self._http, session)

    async def look_up(self, session: Session, waha_id: str) -> Finding:
        """What WAHA knows of the message with the raw id `waha_id`, within 5 seconds."""
        return await look_up(self._http, session, waha_id)

    async def restart(self, session: Session) -> Refusal | None:
        """Restart a session, within 10 seconds."""
        url = api(session.url, "sessions", session.name, "restart")
        answer = await self._http.ask("POST", url, within=CHANGE_SECONDS)
        if isinstance(answer, Answer) and answer.successful:
            return None
        return refusal_of(answer)

    async def timelock(self, session: Session) -> float | None:
        """When `session` may write to new contacts again, within 5 seconds (WAHA 2026.8)."""
        url = api(session.url, "sessions", session.name, "timelock")
        answer = await self._http.ask("GET", url, within=ASK_SECONDS)
        return timelock_of(answer) if isinstance(answer, Answer) else None

    async def number_of(self, session: Session, lid: str) -> str | None:
        """The chat id of the number behind `lid`, within 5 seconds (WAHA's page "Contacts")."""
        url = api(session.url, session.name, "lids", lid)
        answer = await self._http.ask("GET", url, within=ASK_SECONDS)
        return number_of(answer) if isinstance(answer, Answer) else None

    async def qr_code(self, session: Session) -> Picture | Refusal:
        """The QR code that links a phone to `session`, within 5 seconds."""
        url = api(session.url, session.name, "auth", "qr")
        answer = await self._http.ask(
            "GET",
            url,
            within=ASK_SECONDS,
            params={"format": "image"},
            headers={"Accept": "image/png"},
        )
        return picture_of(answer) if isinstance(answer, Answer) else refusal_of(answer)

    async def register_webhook(
        self, session: Session, url: str, secret: str | None
    ) -> bool | Refusal:
        """Let WAHA tell `url` of what happens over `session`, within 15 seconds in all.

        What it answers never shows the `secret`.
        """
        done = await self._register(session, url, secret)
        if secret and isinstance(done, Refusal):
            return replace(done, detail=done.detail.replace(secret, "•••"))
        return done

    async def _register(self, session: Session, url: str, secret: str | None) -> bool | Refusal:
        address = api(session.url, "sessions", session.name)
        shown = await self._http.ask("GET", address, within=ASK_SECONDS)
        if isinstance(shown, Silence) or not shown.successful:
            return refusal_of(shown)
        members = shown.members()
        if members.get("name") != session.name:
            return Refusal("waha_refused", f"WAHA answered {shown.status}, and not with a session")
        config = with_webhook(members.get("config"), url, secret)
        if config is None:
            return False
        if (body := body_of(config)) is None:
            return Refusal("waha_refused", "the session's configuration is nested too deeply")
        changed = await self._http.ask(
            "PUT",
            address,
            within=CHANGE_SECONDS,
            content=body,
            headers={"Content-Type": "application/json"},
        )
        if isinstance(changed, Answer) and changed.successful:
            return True
        return refusal_of(changed)

    async def _sessions(self, url: str) -> Answer | Silence:
        address = api(url, "sessions")
        return await self._http.ask("GET", address, within=ASK_SECONDS, params={"all": "true"})
