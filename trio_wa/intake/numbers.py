"""From what a caller writes in `to` to the chat id of a number that can exist."""

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    NumberParseException,
    PhoneMetadata,
    PhoneNumberFormat,
    ValidationResult,
    format_number,
    is_possible_number_with_reason,
    parse,
)

from trio_wa.core.recipient import MAX_DIGITS, SEPARATORS, BadRecipient, chat_id

CACHED = 16_384
"""How many numbers are kept at hand: campaigns and codes go to the same again and again."""

_REASONS = {
    ValidationResult.INVALID_COUNTRY_CODE: "has a country code that does not exist",
    ValidationResult.TOO_SHORT: "is too short for a number of its country",
    ValidationResult.TOO_LONG: "is too long for a number of its country",
    ValidationResult.INVALID_LENGTH: "has a length that no number of its country has",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "is too short to be reached from abroad",
}
_UNREADABLE = {
    NumberParseException.INVALID_COUNTRY_CODE: _REASONS[ValidationResult.INVALID_COUNTRY_CODE],
    NumberParseException.TOO_LONG: "is too long for a phone number",
}
_TOO_SHORT = "is too short for a phone number"
"""What else keeps digits from being read; libphonenumber calls the shortest no number at all."""
SHORTEST = 7
"""Digits of the shortest international number, as of Niue."""

_MEXICAN = re.compile("521[0-9]{10}")
"""A mobile phone of Mexico with its former 1, dropped in 2019: WhatsApp's ids may still have it."""


def recipient(to: str, region: str | None) -> str:
    """The chat id to send to, for a phone number that can exist or for a chat id itself.

    A number that starts with 0 is one of `region`, an ISO 3166 code such as `ID`; any other is
    international, with or without `+`: `6591234567` is of Singapore, wherever the caller is. An
    unusual number passes if its length is possible, by the metadata of Google's libphonenumber.
    A chat id passes as it is, but where nothing international is before `@c.us`: WhatsApp's own
    keep a number's former length.

    Raises:
        BadRecipient: neither a number that can exist nor a chat id that can.
    """
    if "@" not in to:
        return _of_number(to, region)
    named = chat_id(to)
    number, _, host = named.partition("@")
    if host == "c.us":
        if not number.isdigit():
            raise BadRecipient("is not a chat id: only that of a group has a hyphen")
        if number.startswith("0") or not SHORTEST <= len(number) <= MAX_DIGITS:
            _international(number)
    return named


def known_chat(to: str, region: str | None) -> str:
    """The chat id by which something was recorded: as `recipient`, but any chat id passes.

    WhatsApp names some chats itself, and what is on record has to be found.

    Raises:
        BadRecipient: neither a number that can exist nor a chat id.
    """
    return chat_id(to) if "@" in to else _of_number(to, region)


def _of_number(to: str, region: str | None) -> str:
    bare = to.isascii() and to.isdigit() and not to.startswith("0") and len(to) <= MAX_DIGITS
    if bare and _stands(to):
        return f"{to}@c.us"  # as nearly all of a campaign are written
    digits = SEPARATORS.sub("", to)
    numeric = digits.isascii() and digits.isdigit()
    if region is not None and numeric and digits.startswith("0") and not digits.startswith("00"):
        return _possible(digits, region)
    return _international(to)


def _international(to: str) -> str:
    """The chat id of a number in international form that can exist; raises BadRecipient."""
    number = chat_id(to)  # says what is wrong with what is no number at all
    digits = number.removesuffix("@c.us")
    return (
        number if _stands(digits) or _MEXICAN.fullmatch(digits) else _possible(f"+{digits}", None)
    )


@dataclass(frozen=True, slots=True)
class _Plan:
    """How the numbers of a country are made: behind its code of `width` digits, of `lengths`.

    `prefix` is what its people dial first, and others must not; None: a 0 at most.
    """

    width: int
    lengths: frozenset[int]
    prefix: re.Pattern[str] | None


@cache
def _plan(start: str) -> _Plan | None:
    """The plan of the numbers that start with three digits; None if no country's do."""
    for width in range(1, len(start) + 1):
        regions = COUNTRY_CODE_TO_REGION_CODE.get(code := int(start[:width]))
        if regions is None:
            continue
        metadata = PhoneMetadata.metadata_for_region_or_calling_code(code, regions[0])
        if metadata is None or metadata.general_desc is None:
            return None
        prefix = metadata.national_prefix_for_parsing
        lengths = frozenset(metadata.general_desc.possible_length)
        dialled = re.compile(prefix) if prefix and prefix != "0" else None
        return _Plan(width, lengths, dialled)
    return None


def _stands(digits: str) -> bool:
    """Whether an international number, without a 0 before it, is possible as it stands.

    This is what `_possible` finds of most, at a tenth of its time; it is asked for all others.
    """
    if (plan := _plan(digits[:3])) is None:
        return False
    national = digits[plan.width :]
    return (
        len(national) in plan.lengths
        and not national.startswith("0")
        and (plan.prefix is None or not plan.prefix.match(national))
    )


@lru_cache(CACHED)
def _possible(digits: str, region: str | None) -> str:
    """The chat id of a number that can exist; raises BadRecipient for any other."""
    try:
        number = parse(digits, region)
    except NumberParseException as error:
        raise BadRecipient(_UNREADABLE.get(error.error_type, _TOO_SHORT)) from None
    possible = is_possible_number_with_reason(number)
    if possible != ValidationResult.IS_POSSIBLE:
        raise BadRecipient(_REASONS.get(possible, "is not a possible phone number"))
    return f"{format_number(number, PhoneNumberFormat.E164).removeprefix('+')}@c.us"
