"""From what a caller writes to the chat id of a number that can exist."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    PhoneNumberFormat,
    PhoneNumberType,
    example_number,
    example_number_for_non_geo_entity,
    example_number_for_type,
    format_number,
)

from trio_wa.core.recipient import BadRecipient, chat_id
from trio_wa.intake.numbers import _possible, _stands, known_chat, recipient


@pytest.mark.parametrize(
    "to",
    [
        "0812-3456-7890",
        "+62 812 3456 7890",
        "6281234567890",
        "62 (812) 3456.7890",
        "+620812-3456-7890",
    ],
)
def test_the_ways_to_write_a_number_name_the_same_recipient(to: str) -> None:
    assert recipient(to, "ID") == "6281234567890@c.us"


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("6591234567", "6591234567@c.us"),  # of Singapore, although it could be one of Indonesia
        ("+49 (0) 171 1234567", "491711234567@c.us"),
        ("+39 06 1234567", "39061234567@c.us"),  # in Italy the 0 belongs to the number
        ("447700900091", "447700900091@c.us"),  # of fiction: unusual, but possible
        ("6281234567890@c.us", "6281234567890@c.us"),
        ("120363025246125486-12@g.us", "120363025246125486-12@g.us"),
        ("12@lid", "12@lid"),  # what stands before another host is no number
        ("12@newsletter", "12@newsletter"),
        ("120363025246125486@g.us", "120363025246125486@g.us"),
    ],
)
def test_other_numbers_are_international_and_chat_ids_pass(to: str, expected: str) -> None:
    assert recipient(to, "ID") == expected


@pytest.mark.parametrize(
    "digits",
    [
        *("5511987654321", "551187654321"),  # Brazil, with the ninth digit of today and without it
        *("5215512345678", "525512345678"),  # Mexico, with the 1 of former times and without it
        *("5491123456789", "541123456789"),  # Argentina, with the 9 of mobile phones and without
        *("22901020304", "2290101020304"),  # Benin, before 2024 and after
        *("39061234567", "393331234567", "447700900999", "12025550123", "5926001234"),
    ],
)
def test_the_ids_of_real_phones_pass_as_they_are_and_so_do_their_numbers(digits: str) -> None:
    assert recipient(f"{digits}@c.us", "ID") == recipient(digits, "ID") == f"{digits}@c.us"


@pytest.mark.parametrize("code", sorted(COUNTRY_CODE_TO_REGION_CODE))
def test_the_examples_of_each_country_are_ids_that_can_exist(code: int) -> None:
    for region in COUNTRY_CODE_TO_REGION_CODE[code]:
        kind = PhoneNumberType.MOBILE
        example = (
            example_number_for_non_geo_entity(code)
            if region == "001"
            else example_number_for_type(region, kind) or example_number(region)
        )
        if example is not None:  # Ascension and such have none
            digits = format_number(example, PhoneNumberFormat.E164).removeprefix("+")
            assert recipient(f"{digits}@c.us", None) == f"{digits}@c.us"


def test_what_was_recorded_under_any_chat_id_is_found_by_it() -> None:
    assert known_chat("12@c.us", "ID") == "12@c.us"
    assert known_chat("0812-3456-7890", "ID") == "6281234567890@c.us"
    with pytest.raises(BadRecipient, match="is too short"):
        known_chat("12", "ID")


def test_the_region_decides_whose_a_number_with_a_leading_zero_is() -> None:
    assert recipient("0171 1234567", "DE") == "491711234567@c.us"
    assert recipient("0812 3456 7890", "ID") == "6281234567890@c.us"
    with pytest.raises(BadRecipient, match="starts with 0"):
        recipient("0812 3456 7890", None)


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("62812", "is too short"),
        ("0812", "is too short"),
        ("12", "is too short for a phone number"),
        ("1", "is too short for a phone number"),
        ("01", "is too short"),
        ("628", "is too short for a phone number"),
        ("08123456789012345678", "is too long for a phone number"),
        ("+999123456789", "country code that does not exist"),
        ("123456789012", "is too long"),
        ("0062812345678", "starts with 0"),
        ("Budi", "is not a phone number"),
        ("0812x", "is not a phone number"),
        ("\u0660812", "is not a phone number"),
        ("0\u0668123456789", "is not a phone number"),
        ("", "is not a phone number"),
        ("628@x", "is not a chat id"),
        ("12@c.us", "is too short for a phone number"),
        ("62812@c.us", "is too short for a number of its country"),
        ("081234567890@c.us", "starts with 0: write the number with its country code"),
        ("62812345678901234@c.us", "has 17 digits"),
        ("6281234-567890@c.us", "only that of a group has a hyphen"),
    ],
)
def test_what_cannot_exist_is_refused_with_the_reason(to: str, why: str) -> None:
    with pytest.raises(BadRecipient, match=why):
        recipient(to, "ID")


@pytest.mark.parametrize("former", ["22507123456@c.us", "22997123456@c.us", "5215512345678@c.us"])
def test_a_chat_id_with_a_former_number_of_its_country_passes(former: str) -> None:
    assert recipient(former, "ID") == former


def test_what_is_kept_at_hand_is_the_number_however_it_was_written() -> None:
    _possible.cache_clear()
    for blanks in range(1_000):
        assert recipient(f"0812{' ' * blanks}34567890", "ID") == "6281234567890@c.us"
    assert _possible.cache_info().currsize == 1


@given(
    st.text(max_size=20) | st.from_regex(r"\+?[0-9 ()-]{1,18}", fullmatch=True),
    st.sampled_from(["ID", "IT", None]),
)
def test_whatever_is_written_names_a_recipient_or_is_refused(to: str, region: str | None) -> None:
    try:
        found = recipient(to, region)
    except BadRecipient:
        return
    assert recipient(found, None) == found == chat_id(found)
    assert recipient(f"+{found.removesuffix('@c.us')}" if found.endswith("@c.us") else found, None)


codes = st.sampled_from(sorted(COUNTRY_CODE_TO_REGION_CODE)).map(str)


@settings(max_examples=1_000)
@given(
    st.one_of(
        st.tuples(codes, st.text("0123456789", max_size=14)).map("".join),
        st.tuples(
            st.sampled_from(["62", "1", "39", "54", "52"]), st.text("01589", max_size=12)
        ).map("".join),
        st.text("123456789", min_size=1, max_size=15),
    ).filter(lambda digits: len(digits) <= 15)
)
def test_the_short_way_agrees_with_libphonenumber(digits: str) -> None:
    if _stands(digits):
        assert _possible.__wrapped__(f"+{digits}", None) == f"{digits}@c.us"


@pytest.mark.parametrize("code", sorted(COUNTRY_CODE_TO_REGION_CODE))
def test_the_numbers_of_each_country_agree_with_libphonenumber(code: int) -> None:
    numbers = [
        f"{code}{first}{'2345678901234'[:more]}" for first in range(100) for more in (5, 7, 8)
    ]
    for digits in (number for number in numbers if _stands(number)):
        assert _possible.__wrapped__(f"+{digits}", None) == f"{digits}@c.us"


def test_most_numbers_go_the_short_way() -> None:
    assert all(map(_stands, ["6281234567890", "6591234567", "447700900091", "12025550123"]))
    assert not any(map(_stands, ["62812", "39061234567", "999123456789", "6208123456789", "1", ""]))
