"""The number behind the id that WhatsApp shows in its place."""

from trio_wa.adapters.waha.answer import Answer
from trio_wa.core.contacts import person


def number_of(answer: Answer) -> str | None:
    """The chat id in an answer to `GET /api/{session}/lids/{lid}`; None where there is none.

    That is `{"lid": "1111111@lid", "pn": "3333333@c.us"}`, with a `pn` of null for an id whose
    number WAHA does not know.
    """
    number = person(answer.members().get("pn")) if answer.successful else None
    return number if number is not None and number.endswith("@c.us") else None
