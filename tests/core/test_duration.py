import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_wa.core.duration import format_duration, parse_duration

MILLISECONDS = st.integers(0, 10**12).map(lambda count: count / 1000)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90.0),
        ("0.5", 0.5),
        ("90s", 90.0),
        ("500ms", 0.5),
        ("1.5m", 90.0),
        ("15m", 900.0),
        ("24h", 86_400.0),
        ("30d", 2_592_000.0),
        ("0", 0.0),
        (" 7s\n", 7.0),
        ("0.1s", 0.1),
        ("3ms", 0.003),
    ],
)
def test_reads_every_documented_form(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "+1",
        "1 s",
        "1S",
        "24H",
        "1w",
        "s",
        ".5",
        "5.",
        "1e3",
        "nan",
        "inf",
        "1_000",
        "1h30m",
        "1,5",
        "٣",
        "²",
        "9" * 16,
        "9" * 5000,
        "1\x00",
    ],
)
def test_refuses_what_is_not_a_duration_and_says_the_forms(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be a duration such as 90, 0\.5, 90s.*30d$"):
        parse_duration(text)


@given(st.text())
def test_junk_raises_nothing_but_value_error(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert seconds >= 0


@given(MILLISECONDS)
def test_what_is_written_is_read_back(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.integers(0, 10**6), st.sampled_from([("s", 1), ("m", 60), ("h", 3600), ("d", 86400)]))
def test_a_unit_multiplies(count: int, unit: tuple[str, int]) -> None:
    assert parse_duration(f"{count}{unit[0]}") == count * unit[1]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.0, "0s"),
        (0.5, "500ms"),
        (1.5, "1.5s"),
        (60.0, "1m"),
        (90.0, "90s"),
        (130.0, "130s"),
        (3600.0, "1h"),
        (86_400.0, "1d"),
        (0.0005, "0.0005s"),
    ],
)
def test_is_written_short(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
