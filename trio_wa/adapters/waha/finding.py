"""What WAHA knows of a message that was sent."""

from collections.abc import Mapping
from typing import Any

from trio_wa.adapters.waha.answer import ABSENT, Answer
from trio_wa.adapters.waha.exchange import Http, api
from trio_wa.adapters.waha.outcome import message_id, outcome_of
from trio_wa.core.outcome import Rejected
from trio_wa.core.session import Session
from trio_wa.ports import Finding, Found, Missing, Unreadable

LOOK_UP_SECONDS = 5.0

_ACKS = {"ERROR": -1, "PENDING": 0, "SERVER_ACK": 1, "DELIVERY_ACK": 2, "READ": 3, "PLAYED": 4}
"""WhatsApp's own names of a message's status, as NOWEB passes them on, and their acks."""


async def look_up(http: Http, session: Session, waha_id: str) -> Finding:
    """What WAHA knows of the message with the raw id `waha_id`, within 5 seconds."""
    url = api(session.url, session.name, "chats", "all", "messages", waha_id)
    answer = await http.ask("GET", url, within=LOOK_UP_SECONDS, params={"downloadMedia": "false"})
    if isinstance(answer, Answer):
        return finding_of(answer, waha_id)
    return Unreadable(answer.detail)


def finding_of(answer: Answer, waha_id: str) -> Finding:
    """What an answer to a look-up of `waha_id` means.

    Only WAHA's own word that it knows no such message is `Missing`: a proxy's 404, a router's
    and one about the session say nothing of the message.
    """
    if answer.successful:
        return _found(answer, waha_id)
    if (said := answer.not_found()) is not None:
        return Unreadable(answer.detail) if "session" in said.lower() else Missing()
    if answer.status == 400 or answer.status in ABSENT:
        return Unreadable(answer.detail, refused=True)
    match outcome_of(answer):
        case Rejected("plan_required"):
            return Unreadable(answer.detail, refused=True)
        case _:
            return Unreadable(answer.detail)


def _found(answer: Answer, waha_id: str) -> Finding:
    if answer.body.strip() in (b"", b"null"):
        return Missing()
    if message_id(answer) == waha_id:
        return Found(_ack(answer.members()))
    return Unreadable(f"WAHA answered {answer.status}, and not with the message asked for")


def _ack(message: Mapping[str, Any]) -> int:
    """The message's ack; 0 where none is named."""
    data = message.get("_data")
    data = data if isinstance(data, dict) else {}
    for ack in (message.get("ack"), data.get("ack")):
        if isinstance(ack, int) and not isinstance(ack, bool):
            return max(-1, min(ack, 4))
    for status in (message.get("status"), data.get("status")):
        if isinstance(status, str) and status in _ACKS:
            return _ACKS[status]
        # Its numbers begin with ERROR, 0, which is also what an absent one may look like.
        if isinstance(status, int) and not isinstance(status, bool) and 1 <= status <= 5:
            return status - 1
    return 0
