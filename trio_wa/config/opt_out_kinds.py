"""How the keywords are read with which people ask for no more messages."""

from typing import Annotated

from pydantic import BeforeValidator

from trio_wa.core.opt_out import LONGEST, bare_text

MOST = 100
"""Keywords, in as many languages as one likes."""


def _keywords(value: object) -> object:
    if isinstance(value, str):
        value = () if value.strip().lower() == "off" else tuple(value.split(","))
    if not isinstance(value, tuple | list) or not all(isinstance(each, str) for each in value):
        raise ValueError("must be words separated by commas, or off")
    keywords = {bare_text(each): each.strip() for each in reversed(value)}
    if "" in keywords:
        raise ValueError("must be words separated by commas, or off: one of these is empty")
    if "off" in keywords:
        raise ValueError("must be words, or off alone, which turns them all off")
    if any(len(each) > LONGEST for each in keywords.values()):
        raise ValueError(f"must be words, or a few, of {LONGEST} characters at most each")
    if len(keywords) > MOST:
        raise ValueError(f"must be {MOST} words at most")
    return tuple(reversed(keywords.values()))


Keywords = Annotated[tuple[str, ...], BeforeValidator(_keywords)]
