"""A worker's way to WAHA: one request at a time."""

from typing import assert_never

import trio

from trio_wa.adapters.waha.answer import Answer
from trio_wa.adapters.waha.contact import check_exists
from trio_wa.adapters.waha.exchange import Http, Stage
from trio_wa.adapters.waha.new_id import new_message_id
from trio_wa.adapters.waha.outcome import outcome_of
from trio_wa.adapters.waha.posting import Posting
from trio_wa.adapters.waha.send_request import body_of, send_request
from trio_wa.core.content import holds_data
from trio_wa.core.message import Message
from trio_wa.core.outcome import UNREACHABLE, Outcome, Rejected, Sent, Unavailable, Unknown
from trio_wa.core.session import Session
from trio_wa.ports import Check, MediaStore, MessageId, StoreUnavailable

READ_SECONDS = 60.0
"""How long the data of a file may take to be read: a disk that hangs holds no worker for ever."""


class WahaSender:
    """One worker's client: at most one request at a time, each within a deadline of its own."""

    def __init__(self, http: Http, posting: Posting, media: MediaStore, timeout: float) -> None:
        self._http = http
        self._posting = posting
        self._media = media
        self._timeout = timeout

    async def send(self, message: Message, session: Session) -> Outcome:
        """POST the message to the endpoint of its kind; success is any 2xx that is no web page.

        The data of its file are read before, and nothing is written before its body is whole.
        """
        self._posting.forget()
        try:
            body = await self._body(message, session)
        except StoreUnavailable as error:
            return Unavailable("media_unreadable", str(error), "message")
        if body is None:
            return Rejected("media_gone", "the data of its file are not kept any more")
        endpoint, pieces = body
        answer = await self._posting.post(session.url, endpoint, pieces, within=self._timeout)
        if isinstance(answer, Answer):
            return outcome_of(answer)
        unsent = Unavailable(UNREACHABLE, answer.detail, "origin")
        return _known(answer.stage, answer.code, answer.detail, unsent)

    async def _body(
        self, message: Message, session: Session
    ) -> tuple[str, tuple[bytes, ...]] | None:
        """The endpoint and the body of a send; None if the data of its file are gone."""
        endpoint, members = send_request(message, session)
        if not holds_data(message.content):
            return endpoint, body_of(members, None)
        with trio.move_on_after(READ_SECONDS):
            data = await self._media.read(message.id)
            return None if data is None else (endpoint, body_of(members, data))
        raise StoreUnavailable(f"the data of its file were not read within {READ_SECONDS:g} s")

    def cut(self) -> Outcome:
        """What is known of the attempt that was just cancelled."""
        unsent = Unavailable("interrupted", "the service stopped before the send", "message")
        detail = "the service stopped before WAHA answered"
        return _known(self._posting.stage, "interrupted", detail, unsent)

    async def new_message_id(self, session: Session) -> MessageId:
        """An id for the next message over `session`, within 5 seconds."""
        self._posting.forget()  # cut now, nothing of a send is out
        return await new_message_id(self._http, session)

    async def check_exists(self, session: Session, chat_id: str) -> Check:
        """Whether the number of `chat_id` is on WhatsApp, within 10 seconds."""
        self._posting.forget()  # cut now, nothing of a send is out
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
