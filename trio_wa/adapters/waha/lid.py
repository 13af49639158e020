"""The number behind the id that WhatsApp shows in its place."""

import re

from trio_wa.adapters.waha.answer import Answer

_NUMBER = re.compile(r"([0-9]{1,32})(?::[0-9]+)?@(?:c\.us|s\.whatsapp\.net)")
"""A number, as one engine or another writes it: a device may be named behind it."""


def number_of(answer: Answer) -> str | None:
    """The chat id in an answer to `GET /api/{session}/lids/{lid}`; None where there is none.

    That is `{"lid": "1111111@lid", "pn": "3333333@c.us"}`, with a `pn` of null for an id whose
    number WAHA does not know.
    """
    known = answer.members().get("pn") if answer.successful else None
    found = _NUMBER.fullmatch(known) if isinstance(known, str) else None
    return None if found is None else f"{found[1]}@c.us"
