"""Durations as people write them."""

import re
from decimal import Decimal
from fractions import Fraction

FORMS = "such as 90, 0.5, 90s, 500ms, 15m, 24h or 30d"

_UNITS = {
    "d": Fraction(86_400),
    "h": Fraction(3_600),
    "m": Fraction(60),
    "s": Fraction(1),
    "ms": Fraction(1, 1000),
}
_FORM = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,30})?)(ms|s|m|h|d)?")


def parse_duration(text: str) -> float:
    """The seconds that `text` says: `90`, `0.5`, `90s`, `500ms`, `15m`, `24h` or `30d`.

    Raises ValueError for anything else: a sign, a blank inside, an exponent, another unit.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"must be a duration {FORMS}")
    number, unit = match.groups()
    return float(Fraction(number) * _UNITS[unit or "s"])


def format_duration(seconds: float) -> str:
    """The shortest way to write `seconds`, which are finite and not negative.

    `parse_duration` reads it back as the same number.
    """
    for unit in ("d", "h", "m"):
        count = Fraction(seconds) / _UNITS[unit]
        if count >= 1 and count.denominator == 1:
            return f"{count.numerator}{unit}"
    if 0 < seconds < 1:
        thousandths = Decimal(repr(seconds)) * 1000
        if thousandths == thousandths.to_integral_value():
            return f"{thousandths:.0f}ms"
    return f"{Decimal(repr(seconds)):f}".removesuffix(".0") + "s"
