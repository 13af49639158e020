"""From what a caller writes in `to` to the chat id of a number that can exist."""

from functools import lru_cache

from phonenumbers import (
    NumberParseException,
    PhoneNumberFormat,
    ValidationResult,
    format_number,
    is_possible_number_with_reason,
    parse,
)

from trio_wa.core.recipient import SEPARATORS, BadRecipient, chat_id

CACHED = 16_384
"""How many numbers are kept at hand: campaigns and codes go to the same again and again."""

_REASONS = {
    ValidationResult.INVALID_COUNTRY_CODE: "has a country code that does not exist",
    ValidationResult.TOO_SHORT: "is too short for a number of its country",
    ValidationResult.TOO_LONG: "is too long for a number of its country",
    ValidationResult.INVALID_LENGTH: "has a length that no number of its country has",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "is too short to be reached from abroad",
}


def recipient(to: str, region: str | None) -> str:
    """The chat id for a phone number, or for a chat id itself, which passes as it is.

    A number that starts with 0 is one of `region`, an ISO 3166 code such as `ID`; any other is
    international, with or without `+`: `6591234567` is of Singapore, wherever the caller is. An
    unusual number passes if its length is possible, by the metadata of Google's libphonenumber.

    Raises:
        BadRecipient: neither a number that can exist nor a chat id.
    """
    if "@" in to:
        return chat_id(to)
    digits = SEPARATORS.sub("", to)
    numeric = digits.isascii() and digits.isdigit()
    if region is not None and numeric and digits.startswith("0") and not digits.startswith("00"):
        return _possible(digits, region)
    chat_id(to)  # says what is wrong with what is no number at all
    return _possible(f"+{digits.removeprefix('+')}", None)


@lru_cache(CACHED)
def _possible(digits: str, region: str | None) -> str:
    """The chat id of a number that can exist; raises BadRecipient for any other."""
    try:
        number = parse(digits, region)
    except NumberParseException as error:
        if error.error_type == NumberParseException.INVALID_COUNTRY_CODE:
            raise BadRecipient(_REASONS[ValidationResult.INVALID_COUNTRY_CODE]) from None
        raise BadRecipient("is not a phone number") from None
    possible = is_possible_number_with_reason(number)
    if possible != ValidationResult.IS_POSSIBLE:
        raise BadRecipient(_REASONS.get(possible, "is not a possible phone number"))
    return f"{format_number(number, PhoneNumberFormat.E164).removeprefix('+')}@c.us"
