"""Recipients whose number decides what befalls a send: +44 7700 900000 to 900999.

Ofcom keeps these numbers for fiction, so that a test that escapes reaches nobody.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from trio_wa.simulator.ack_plan import AckPlan
from trio_wa.simulator.faults import Faults

_PREFIX = "447700900"
_SUFFIX = "@c.us"
_HUNDRED = 100

_CONFIRMED = "`sent`"
_UNCONFIRMED = "`sent`, after `CONFIRM_TIMEOUT` flagged `unconfirmed`"
_NOT_SENT = "`unknown` and sent again after 120 s; at last `failed`, code `not_sent`"
_LATE = "`sent`; beyond `SEND_TIMEOUT` `unknown` until then"


@dataclass(frozen=True, slots=True)
class MagicNumber:
    """A block of a hundred numbers, which end in `digit` and the two digits of a number NN.

    With `only` it is the one of its block with this NN. `what` WAHA does, and how the message
    `ends` in trio-wa by default. `faults` gives the faults for NN and for how many sends to the
    recipient failed in a row; None where nothing goes wrong. An `absent` one is not on WhatsApp.
    """

    digit: int
    what: str
    ends: str
    faults: Callable[[int, int], Faults | None] = lambda _nn, _failures: None
    only: int | None = None
    absent: bool = False

    @property
    def shown(self) -> str:
        """The numbers, as documentation writes them."""
        return f"+44 7700 900{self.digit}{'NN' if self.only is None else f'{self.only:02}'}"


def _always(faults: Faults) -> Callable[[int, int], Faults | None]:
    return lambda _nn, _failures: faults


def _at_first(faults: Faults) -> Callable[[int, int], Faults | None]:
    return lambda nn, failures: faults if failures < max(nn, 1) else None


def _acks(plan: AckPlan) -> Callable[[int, int], Faults | None]:
    return _always(Faults(acks=plan))


MAGIC_NUMBERS = (
    MagicNumber(0, "delivers, as to any other number", _CONFIRMED),
    MagicNumber(0, "delivers, and never acks", _UNCONFIRMED, _acks(AckPlan(drop=1)), 91),
    MagicNumber(0, "answers 201, but never delivers", _UNCONFIRMED, _always(Faults(lose=1)), 92),
    MagicNumber(0, "answers 201, and then acks -1, ERROR", "`failed`", _acks(AckPlan(error=1)), 93),
    MagicNumber(0, "delivers, and acks 30 s late", _CONFIRMED, _acks(AckPlan(late=30)), 94),
    MagicNumber(
        0,
        "delivers, and acks each level twice, READ before the others",
        _CONFIRMED,
        _acks(AckPlan(twice=1, shuffle=1)),
        95,
    ),
    MagicNumber(
        0,
        "knows that the number is not on WhatsApp; GOWS refuses the send, others lose it",
        f"with GOWS or `CHECK_EXISTS` `failed`, code `not_on_whatsapp`; else {_UNCONFIRMED}",
        only=96,
        absent=True,
    ),
    MagicNumber(
        0,
        "answers 500, error 463: new contacts are locked for a time; not delivered",
        "`queued`, code `timelock`, and with it other new contacts of its session wait for "
        "`TIMELOCK_HOLD`; at last `expired`",
        _always(Faults(time_lock=1)),
        97,
    ),
    MagicNumber(
        0,
        "delivers, and the webhooks of its acks are lost",
        "`sent`; a look-up after `CONFIRM_TIMEOUT` finds its ack",
        _acks(AckPlan(lose=1)),
        98,
    ),
    MagicNumber(
        1,
        "answers 422, session not WORKING, to the first NN attempts (at least one), then delivers",
        "`sent`, after retries",
        _at_first(Faults(not_working=1)),
    ),
    MagicNumber(
        2, "delivers after NN seconds", _LATE, lambda nn, _failures: Faults(latency=float(nn))
    ),
    MagicNumber(
        3,
        "hangs for NN seconds (00: until the client gives up), then cuts; not delivered",
        _NOT_SENT,
        lambda nn, _failures: Faults(hang=1, hang_seconds=float(nn) or None),
    ),
    MagicNumber(
        4,
        "delivers, then cuts the connection",
        "`unknown` for an instant, then `sent`",
        _always(Faults(cut_after=1)),
    ),
    MagicNumber(5, "cuts the connection; not delivered", _NOT_SENT, _always(Faults(cut_before=1))),
    MagicNumber(
        6,
        "delivers after NN seconds, although the client gave up (00: as soon as it has)",
        _LATE,
        lambda nn, _failures: Faults(deliver_after_hang=1, hang_seconds=float(nn) or math.inf),
    ),
    MagicNumber(
        7,
        "answers 500, an engine's error; not delivered",
        _NOT_SENT,
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
_BLOCKS = {each.digit: each for each in MAGIC_NUMBERS if each.only is None}
_SINGLE = {
    each.digit * _HUNDRED + each.only: each for each in MAGIC_NUMBERS if each.only is not None
}


def _magic(digits: str) -> tuple[MagicNumber, int] | None:
    """The magic number that `digits` is, with its NN, if it is one."""
    last = digits.removeprefix(_PREFIX)
    if last == digits or len(last) != 3 or not last.isdecimal():
        return None
    digit, nn = divmod(int(last), _HUNDRED)
    return _SINGLE.get(int(last), _BLOCKS[digit]), nn


def is_absent(digits: str) -> bool:
    """Whether this is a magic number that is not on WhatsApp."""
    found = _magic(digits)
    return found is not None and found[0].absent


class MagicRecipients:
    """Remembers, for each magic number, how many sends failed in a row."""

    def __init__(self) -> None:
        self._failures: dict[str, int] = {}

    def draw(self, chat_id: str | None) -> Faults | None:
        """What befalls a send to `chat_id`; None if its number decides nothing."""
        digits = "" if chat_id is None else chat_id.removesuffix(_SUFFIX)
        found = _magic(digits)
        if found is None:
            return None
        number, nn = found
        failures = self._failures.pop(digits, 0)
        faults = number.faults(nn, failures)
        if faults is not None:
            self._failures[digits] = failures + 1
        return faults

    def clear(self) -> None:
        """Forget the failures."""
        self._failures.clear()
