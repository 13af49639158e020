"""From `to` to a chat id."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from trio_wa.core.recipient import MAX_DIGITS, BadRecipient, chat_id

numbers = st.from_regex(r"[1-9][0-9]{0,14}", fullmatch=True)
separators = st.text(" .-/()\u00a0\u2010\u2011\u2013\t", max_size=3)


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("6281234567890", "6281234567890@c.us"),
        ("+6281234567890", "6281234567890@c.us"),
        ("+62 812-3456-7890", "6281234567890@c.us"),
        (" (62) 812.3456/7890 ", "6281234567890@c.us"),
        ("+62\u00a0812\u20113456\u20137890", "6281234567890@c.us"),
        ("6281234567890@c.us", "6281234567890@c.us"),
        (" 6281234567890@c.us\n", "6281234567890@c.us"),
        ("120363025246125486@g.us", "120363025246125486@g.us"),
        ("6281234567890-1609459200@g.us", "6281234567890-1609459200@g.us"),
        ("100000000000001@lid", "100000000000001@lid"),
        ("120363025246125486@newsletter", "120363025246125486@newsletter"),
    ],
)
def test_numbers_and_chat_ids(to: str, expected: str) -> None:
    assert chat_id(to) == expected


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("", "not a phone number"),
        ("+", "not a phone number"),
        ("  ", "not a phone number"),
        ("Budi", "not a phone number"),
        ("62x812", "not a phone number"),
        ("62+812", "not a phone number"),
        ("++62812", "not a phone number"),
        ("-62812,7", "not a phone number"),
        ("٦٢٨١٢٣٤٥٦٧٨٩٠", "not a phone number"),
        ("\uff16\uff12\uff18\uff11\uff12", "not a phone number"),
        ("62²", "not a phone number"),
        ("62\ud800812", "not a phone number"),
        ("62\x00812", "not a phone number"),
        ("081234567890", "starts with 0"),
        ("0062812345678", "starts with 0"),
        ("+0812", "starts with 0"),
        ("1" * (MAX_DIGITS + 1), "has 16 digits"),
        ("@c.us", "not a chat id"),
        ("628@", "not a chat id"),
        ("628@x.us", "not a chat id"),
        ("628@s.whatsapp.net", "not a chat id"),
        ("status@broadcast", "not a chat id"),
        ("628@c.us@c.us", "not a chat id"),
        ("+628@c.us", "not a chat id"),
        ("62 8@c.us", "not a chat id"),
        ("٦٢@c.us", "not a chat id"),
        ("62\ud800@c.us", "not a chat id"),
        ("628@c.us\x00", "not a chat id"),
        ("628@c.us/x", "not a chat id"),
        ("1-2-3@g.us", "not a chat id"),
    ],
)
def test_what_names_nobody(to: str, why: str) -> None:
    with pytest.raises(BadRecipient, match=why):
        chat_id(to)


@given(numbers)
def test_digits_come_back_as_they_went(number: str) -> None:
    assert chat_id(number) == f"{number}@c.us"
    assert chat_id(chat_id(number)) == f"{number}@c.us"


@given(numbers, st.lists(separators, min_size=16, max_size=16), st.booleans())
def test_separators_change_nothing(number: str, between: list[str], plus: bool) -> None:
    written = "+" * plus + "".join(
        digit + separator for digit, separator in zip(number, between, strict=False)
    )
    assert chat_id(between[15] + written) == f"{number}@c.us"


@given(st.text(st.characters(), max_size=40))
def test_any_text_is_a_chat_id_or_refused(to: str) -> None:
    try:
        found = chat_id(to)
    except BadRecipient:
        return
    name, _, server = found.partition("@")
    assert found.isascii()
    assert name.replace("-", "").isdigit()
    assert server in ("c.us", "g.us", "lid", "newsletter")
