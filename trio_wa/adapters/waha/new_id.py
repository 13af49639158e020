"""Message ids that are chosen before the send (WAHA 2026.4.3 and later, NOWEB and GOWS)."""

from trio_wa.adapters.waha.answer import ABSENT, Answer
from trio_wa.adapters.waha.exchange import Http, api
from trio_wa.adapters.waha.outcome import message_id, outcome_of
from trio_wa.core.outcome import UNREACHABLE, Rejected, Unavailable
from trio_wa.core.session import Session
from trio_wa.ports import MessageId, NoMessageIds

NEW_ID_SECONDS = 5.0


async def new_message_id(http: Http, session: Session) -> MessageId:
    """A raw id for one message over `session`, within 5 seconds."""
    url = api(session.url, session.name, "new-message-id")
    answer = await http.ask("GET", url, within=NEW_ID_SECONDS)
    if isinstance(answer, Answer):
        return new_id_of(answer)
    if answer.stage == "idle":
        return Unavailable(UNREACHABLE, answer.detail, "origin")
    return Unavailable("no_message_id", answer.detail, "message")


def new_id_of(answer: Answer) -> MessageId:
    """What an answer to the request for a new id means.

    A WAHA before 2026.4.3 lacks the endpoint; another engine answers without an id.
    """
    if answer.status in ABSENT:
        return NoMessageIds()
    if answer.successful:
        return message_id(answer) or NoMessageIds()
    match outcome_of(answer):
        case Unavailable() as unavailable:
            return unavailable
        case Rejected("plan_required"):
            return NoMessageIds()
        case _:
            return Unavailable("no_message_id", answer.detail, "message")
