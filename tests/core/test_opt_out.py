"""What of a message counts as the wish for no more of them, and what does not."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_wa.core.opt_out import bare_text, keyword_of

KEYWORDS = ("STOP", "BERHENTI", "Stop all")


@pytest.mark.parametrize(
    "text",
    [
        "STOP",
        "stop",
        "Stop.",
        "STOP!!!",
        "stop …",
        "  stop\n",
        "\u00a0stop\u2003",
        '"STOP"',
        "'stop'.",
        "“Stop.”",
        "„stop“",
        "«stop»",
        "(stop)",
        "「stop」",
        "*STOP*",
        "_~stop~_",
        "```stop```",
        "\uff33\uff34\uff2f\uff30",  # full width
        "stop\uff01",
        "stop。",
        "\u200estop\u200f",
        "\ufeffSTOP",
        "s\u200bt\u00ado\u2060p",
        "st\u034fop\u3164",
        "stop\ufe0f",
        "\u2800stop",
        "stop?",
    ],
)
def test_a_keyword_by_itself_counts_however_it_is_written(text: str) -> None:
    assert keyword_of(text, KEYWORDS) == "STOP"


@pytest.mark.parametrize(
    "text",
    [
        "stop it please",
        "please stop",
        "don't stop",
        "stopen",
        "st op",
        "stop stop",
        "s t o p",
        "nonstop",
        "stop 🙏",
        "stop/berhenti",
        "#stop",
        "5top",
        "ST\u041eP",  # with an O of Cyrillic
        "",
        "   ",
        "\u200b",
        "...",
        '""',
        "stop" + "\u200b" * 1_000_000,
    ],
)
def test_what_says_more_or_something_else_does_not(text: str) -> None:
    assert keyword_of(text, KEYWORDS) is None


def test_the_keyword_is_named_as_it_was_set() -> None:
    assert keyword_of("berhenti", KEYWORDS) == "BERHENTI"
    assert keyword_of("STOP\n  ALL!", KEYWORDS) == "Stop all"


def test_keywords_of_other_scripts_are_read_by_the_same_rules() -> None:
    assert keyword_of("Հերիք\u0589", ("հերիք",)) == "հերիք"
    assert keyword_of("ΤΈΛΟΣ", ("τέλος",)) == "τέλος"
    assert keyword_of("STRASSE", ("Straße",)) == "Straße"
    assert keyword_of(unicodedata.normalize("NFD", "arrêt"), ("ARRÊT",)) == "ARRÊT"


def test_without_keywords_nothing_counts() -> None:
    assert keyword_of("stop", ()) is None


@given(st.text(max_size=40))
def test_what_counts_of_a_text_is_found_by_itself_and_in_any_case(text: str) -> None:
    bare = bare_text(text)
    assert bare_text(bare) == bare
    if bare:
        assert keyword_of(text, (text,)) == text
        assert keyword_of(f' "{text}" ', (text,)) == text
