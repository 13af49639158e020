"""Recipients whose number decides what befalls a send: +44 7700 900000 to 900999.

Ofcom keeps these numbers for fiction, so that a test that escapes reaches nobody.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from trio_wa.simulator.faults import Faults

_PREFIX = "447700900"
_SUFFIX = "@c.us"


@dataclass(frozen=True, slots=True)
class MagicNumber:
    """A block of a hundred numbers, which end in `digit` and the two digits of a number NN.

    `what` WAHA does, and how the message `ends` in trio-wa by default. `faults` gives the faults
    for NN and for how many sends to the recipient failed in a row; None where nothing goes wrong.
    """

    digit: int
    what: str
    ends: str
    faults: Callable[[int, int], Faults | None]

    @property
    def shown(self) -> str:
        """The numbers, as documentation writes them."""
        return f"+44 7700 900{self.digit}NN"


def _always(faults: Faults) -> Callable[[int, int], Faults | None]:
    return lambda _nn, _failures: faults


def _at_first(faults: Faults) -> Callable[[int, int], Faults | None]:
    return lambda nn, failures: faults if failures < max(nn, 1) else None


MAGIC_NUMBERS = (
    MagicNumber(0, "delivers, as to any other number", "`sent`", lambda _nn, _failures: None),
    MagicNumber(
        1,
        "answers 422, session not WORKING, to the first NN attempts (at least one), then delivers",
        "`sent`, after retries",
        _at_first(Faults(not_working=1)),
    ),
    MagicNumber(
        2,
        "delivers after NN seconds",
        "`sent`; `unknown` if `SEND_TIMEOUT` is shorter",
        lambda nn, _failures: Faults(latency=float(nn)),
    ),
    MagicNumber(
        3,
        "hangs for NN seconds (00: until the client gives up), then cuts; not delivered",
        "`unknown`",
        lambda nn, _failures: Faults(hang=1, hang_seconds=float(nn) or None),
    ),
    MagicNumber(4, "delivers, then cuts the connection", "`unknown`", _always(Faults(cut_after=1))),
    MagicNumber(
        5, "cuts the connection; not delivered", "`unknown`", _always(Faults(cut_before=1))
    ),
    MagicNumber(
        6,
        "delivers after NN seconds, although the client gave up (00: as soon as it has)",
        "`unknown`, if `SEND_TIMEOUT` is shorter",
        lambda nn, _failures: Faults(deliver_after_hang=1, hang_seconds=float(nn) or math.inf),
    ),
    MagicNumber(
        7,
        "answers 500, an engine's error; not delivered",
        "`unknown`",
        _always(Faults(engine_error=1)),
    ),
    MagicNumber(
        8,
        "answers 503, as a proxy before it, to the first NN attempts (at least one), then delivers",
        "`sent`, after retries",
        _at_first(Faults(proxy_503=1)),
    ),
    MagicNumber(
        9,
        "answers 422, available only in Plus; not delivered",
        "`failed`, code `plan_required`",
        _always(Faults(plan_required=1)),
    ),
)


class MagicRecipients:
    """Remembers, for each magic number, how many sends failed in a row."""

    def __init__(self) -> None:
        self._failures: dict[str, int] = {}

    def draw(self, chat_id: str | None) -> Faults | None:
        """What befalls a send to `chat_id`; None if its number decides nothing."""
        if chat_id is None or not chat_id.startswith(_PREFIX):
            return None
        digits = chat_id.removeprefix(_PREFIX).removesuffix(_SUFFIX)
        if len(digits) != 3 or not digits.isdecimal():
            return None
        number = MAGIC_NUMBERS[int(digits[0])]
        failures = self._failures.pop(digits, 0)
        faults = number.faults(int(digits[1:]), failures)
        if faults is not None:
            self._failures[digits] = failures + 1
        return faults

    def clear(self) -> None:
        """Forget the failures."""
        self._failures.clear()
