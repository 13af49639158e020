"""A worker's way to WAHA: one request at a time."""

from typing import assert_never

from trio_wa.adapters.waha.answer import Answer
from trio_wa.adapters.waha.contact import check_exists
from trio_wa.adapters.waha.exchange import Exchange, Http, Stage, api
from trio_wa.adapters.waha.new_id import new_message_id
from trio_wa.adapters.waha.outcome import outcome_of
from trio_wa.core.message import Message
from trio_wa.core.outcome import Outcome, Sent, Unavailable, Unknown
from trio_wa.core.session import Session
from trio_wa.ports import Check, MessageId


class WahaSender:
    """One worker's client: at most one request at a time, each within a deadline of its own."""

    def __init__(self, http: Http, timeout: float) -> None:
        self._http = http
        self._timeout = timeout
        self._exchange = Exchange(http)

    async def send(self, message: Message, session: Session) -> Outcome:
        """POST the message to `/api/sendText`; success is any 2xx."""
        body = {"chatId": message.chat_id, "text": message.text, "session": session.name}
        if message.waha_id is not None:
            body["id"] = message.waha_id
        self._exchange = Exchange(self._http)
        url = api(session.url, "sendText")
        answer = await self._exchange.run("POST", url, within=self._timeout, json=body)
        if isinstance(answer, Answer):
            return outcome_of(answer)
        unsent = Unavailable("unreachable", answer.detail, "origin")
        return _known(answer.stage, answer.code, answer.detail, unsent)

    def cut(self) -> Outcome:
        """What is known of the attempt that was just cancelled."""
        unsent = Unavailable("interrupted", "the service stopped before the send", "message")
        detail = "the service stopped before WAHA answered"
        return _known(self._exchange.stage, "interrupted", detail, unsent)

    async def new_message_id(self, session: Session) -> MessageId:
        """An id for the next message over `session`, within 5 seconds."""
        self._exchange = Exchange(self._http)  # cut now, nothing of a send is out
        return await new_message_id(self._http, session)

    async def check_exists(self, session: Session, chat_id: str) -> Check:
        """Whether the number of `chat_id` is on WhatsApp, within 10 seconds."""
        self._exchange = Exchange(self._http)  # cut now, nothing of a send is out
        return await check_exists(self._http, session, chat_id)


def _known(stage: Stage, code: str, detail: str, unsent: Unavailable) -> Outcome:
    """The outcome of an attempt that broke off; `unsent` if nothing of it was written."""
    match stage:
        case "idle":
            return unsent
        case "written":
            return Unknown(code, detail)
        case "taken":  # WAHA said so before the rest of its answer was lost
            return Sent()
        case _:
            assert_never(stage)
