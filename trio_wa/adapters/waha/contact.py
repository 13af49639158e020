"""Whether a number is on WhatsApp."""

from trio_wa.adapters.waha.answer import ABSENT, Answer
from trio_wa.adapters.waha.exchange import Http, api
from trio_wa.adapters.waha.outcome import outcome_of
from trio_wa.core.outcome import UNREACHABLE, Unavailable
from trio_wa.core.recipient import CHAT_ID
from trio_wa.core.session import Session
from trio_wa.ports import Check, Contact, Uncheckable

CHECK_SECONDS = 10.0


async def check_exists(http: Http, session: Session, chat_id: str) -> Check:
    """Whether the number of `chat_id` is on WhatsApp, within 10 seconds.

    Only a number can be checked: a group, a channel or a hidden number cannot.
    """
    digits, _, kind = chat_id.partition("@")
    if kind != "c.us":
        return Uncheckable("this is no phone number")
    url = api(session.url, "contacts", "check-exists")
    asked = {"session": session.name, "phone": digits}
    answer = await http.ask("GET", url, within=CHECK_SECONDS, params=asked)
    if isinstance(answer, Answer):
        return check_of(answer, chat_id)
    if answer.stage == "idle":
        return Unavailable(UNREACHABLE, answer.detail, "origin")
    return Uncheckable(answer.detail)


def check_of(answer: Answer, chat_id: str) -> Check:
    """What an answer to the question for `chat_id` means."""
    if answer.successful:
        return _contact(answer, chat_id)
    if answer.status not in ABSENT:
        outcome = outcome_of(answer)
        if isinstance(outcome, Unavailable):
            return outcome
    return Uncheckable(answer.detail)


def _contact(answer: Answer, chat_id: str) -> Check:
    members = answer.members()
    match members.get("numberExists"):
        case True:
            known = members.get("chatId")
            plausible = isinstance(known, str) and CHAT_ID.fullmatch(known)
            return Contact(known if plausible else chat_id)
        case False:
            return Contact(None)
        case _:
            return Uncheckable(f"WAHA answered {answer.status}, and not whether the number exists")
