"""What `Dispatch` makes of a pace and of quiet hours."""

from math import inf

import pytest

from tests.core.messages import message
from trio_wa.config.quiet_hours import parse_quiet_hours
from trio_wa.core.affinity import ranking
from trio_wa.core.dispatch import Dispatch
from trio_wa.core.limits import Limits
from trio_wa.core.outcome import Sent
from trio_wa.core.pace import HOUR, Pace
from trio_wa.core.quiet_hours import QuietHours
from trio_wa.core.session import Session
from trio_wa.core.turn import Claim, Wait, Waiting

NIGHT = parse_quiet_hours("21:00-07:00 UTC")
NOON = 12 * HOUR
EVENING, MORNING = 21 * HOUR, 31 * HOUR


def dispatch(
    names: str = "abc",
    *,
    pace: Pace | None = None,
    sticky: bool = False,
    quiet_hours: QuietHours | None = None,
) -> Dispatch:
    return Dispatch(
        [Session(name, "http://waha") for name in names],
        workers=50,
        retry_base=1.0,
        sticky=sticky,
        limits=Limits(pace or Pace()),
        quiet_hours=quiet_hours,
    )


def claims(under_test: Dispatch, now: float) -> list[Claim]:
    """All that may go now; every attempt succeeds at once."""
    claimed = []
    while isinstance(turn := under_test.claim(now, jitter=0.5), Claim):
        claimed.append(turn)
        under_test.finish(turn, Sent("3EB0"), None, now=now, jitter=0.5)
    return claimed


def test_in_quiet_hours_nothing_goes_and_nothing_is_woken_before_their_end() -> None:
    under_test = dispatch(quiet_hours=NIGHT)
    assert under_test.claim(EVENING, jitter=0.5) == Wait(inf)
    under_test.add(message(1, to="1@c.us", expires_at=1e9, priority="bulk"))
    under_test.add(message(2, to="2@c.us", due_at=EVENING + 5, expires_at=1e9, priority="bulk"))
    for now in (EVENING, EVENING + 5, EVENING + 6, MORNING - 1):
        assert under_test.claim(now, jitter=0.5) == Wait(MORNING)
    assert under_test.waiting("m1", EVENING) == Waiting("quiet_hours", MORNING)
    assert under_test.waiting("m2", EVENING) == Waiting("retry", EVENING + 5)
    assert [claim.message.seq for claim in claims(under_test, MORNING)] == [1, 2]


def test_messages_expire_in_quiet_hours() -> None:
    under_test = dispatch(quiet_hours=NIGHT)
    under_test.add(message(1, expires_at=EVENING + 60, priority="bulk"))
    assert under_test.claim(EVENING, jitter=0.5) == Wait(EVENING + 60)
    assert not isinstance(under_test.claim(EVENING + 60, jitter=0.5), Wait)


def test_three_hundred_messages_over_three_sessions_at_sixty_a_minute_take_99_seconds() -> None:
    under_test = dispatch(pace=Pace(rate=60))
    for seq in range(1, 301):
        under_test.add(message(seq, to=f"{seq}@c.us"))
    now, began = 0.0, []
    while under_test.held:
        began += [(now, claim.session.name) for claim in claims(under_test, now)]
        turn = under_test.claim(now, jitter=0.5)
        assert isinstance(turn, Wait)
        now = turn.until
    assert began == [(float(second), name) for second in range(100) for name in "abc"]


@pytest.mark.parametrize("sticky", [False, True])
def test_at_its_cap_a_session_lets_its_recipients_go_elsewhere(sticky: bool) -> None:
    under_test = dispatch("ab", pace=Pace(daily_cap=2, gap=(1.0, 1.0)), sticky=sticky)
    numbers = (number for number in range(999) if ranking(f"{number}@c.us", "ab")[0] == "a")
    for seq, number in zip(range(1, 6), numbers, strict=False):
        prefer = None if sticky else "a"
        under_test.add(message(seq, to=f"{number}@c.us", prefer=prefer, expires_at=1e9))
    sent_over = [claim.session.name for second in range(5) for claim in claims(under_test, second)]
    assert sent_over == ["a", "a", "b", "b"]
    assert under_test.waiting("m5", 5.0) == Waiting("pace", 24 * HOUR)
    assert under_test.claim(5.0, jitter=0.5) == Wait(24 * HOUR)
    assert [claim.session.name for claim in claims(under_test, 24 * HOUR)] == ["a"]


def test_the_spacing_of_a_first_choice_makes_its_recipients_wait_and_no_others() -> None:
    under_test = dispatch("ab", pace=Pace(rate=6))
    for seq in (1, 2):
        under_test.add(message(seq, to=f"{seq}@c.us", prefer="a"))
    under_test.add(message(3, to="3@c.us"))
    sent = [(claim.message.seq, claim.session.name) for claim in claims(under_test, NOON)]
    assert sent == [(1, "a"), (3, "b")]
    assert under_test.waiting("m2", NOON) == Waiting("pace", NOON + 10)
    assert under_test.claim(NOON, jitter=0.5) == Wait(NOON + 10)
    assert [claim.session.name for claim in claims(under_test, NOON + 10)] == ["a"]
