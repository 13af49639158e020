"""Whether a message says nothing but that its writer wants no more of them."""

import re
import unicodedata
from collections.abc import Iterable

LONGEST = 64
"""Of a keyword, in characters."""

_LONGEST_TEXT = 256
"""What is longer says more than a keyword, whatever of it cannot be seen."""

_INVISIBLE = re.compile(
    # What Unicode lets a font not show and has not among its formats (category Cf): joiners,
    # fillers, variation selectors and the blank of Braille.
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
_MARKS = "\"'`*_~"
"""Straight quotes, and what WhatsApp shows as bold, slanted, struck out or code."""


def keyword_of(text: str, keywords: Iterable[str]) -> str | None:
    """The keyword that is the whole of `text`; None if it says something else, or more.

    Case does not matter, nor do blanks, quotes and WhatsApp's marks around it, what stands at its
    end to close a sentence, characters that cannot be seen, and the width of letters (NFKC).
    """
    if len(text) > _LONGEST_TEXT:
        return None
    bare = bare_text(text)
    return next((each for each in keywords if bare and bare_text(each) == bare), None)


def bare_text(text: str) -> str:
    """What counts of a text: two with the same say the same. Empty if nothing of it counts."""
    seen = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    seen = "".join(each for each in seen if unicodedata.category(each) != "Cf")
    folded = unicodedata.normalize("NFKC", seen.casefold())
    start, end = 0, len(folded)
    while start < end and _quotes(folded[start]):
        start += 1
    while end > start and (_quotes(folded[end - 1]) or _closes(folded[end - 1])):
        end -= 1
    return " ".join(folded[start:end].split())


def _quotes(character: str) -> bool:
    """A blank, a mark, or a quote of any language: some of those are brackets to Unicode."""
    category = unicodedata.category(character)
    return character.isspace() or character in _MARKS or category in ("Pi", "Pf", "Ps", "Pe")


def _closes(character: str) -> bool:
    """Punctuation such as stands at the end of a sentence."""
    return unicodedata.category(character) == "Po"
