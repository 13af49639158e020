"""A claim costs no more in a long queue, whoever is known to whom, with a pace and time-locks."""

from collections import Counter
from dataclasses import replace
from math import inf

import pytest

from tests.core.messages import message
from tests.core.test_ready import calls
from trio_wa.core.dispatch import Dispatch
from trio_wa.core.limits import Limits
from trio_wa.core.outcome import Sent
from trio_wa.core.pace import Pace
from trio_wa.core.session import Session
from trio_wa.core.turn import Claim, Wait

NOW = 1_000.0
NEVER = 1e9
SESSIONS = "abcdefghijkl"
ALLOWED: list[tuple[str, ...]] = [(), ("a", "b", "c"), tuple("ghijkl")]


def twelve(queued: int, *, pace: Pace) -> Dispatch:
    """Twelve sessions, two of them locked; each recipient is known to a set of its own of them."""
    under_test = Dispatch(
        [Session(name, "http://waha") for name in SESSIONS],
        workers=50,
        retry_base=1.0,
        sticky=True,
        limits=Limits(pace),
    )
    for name in "cd":
        under_test.rotation.set_locked(name, NEVER)
    for seq in range(1, queued + 1):
        known = tuple(name for index, name in enumerate(SESSIONS) if seq * 37 >> index & 1)
        to = f"{seq}@c.us"
        heard = message(seq, to=to, sessions=ALLOWED[seq % 3], expires_at=NEVER)
        under_test.add(replace(heard, known_to=known))
    return under_test


PACES = [Pace(), Pace(rate=60, gap=(2.0, 6.0), daily_cap=10_000, new_contacts=60)]


@pytest.mark.parametrize("pace", PACES)
def test_a_claim_costs_the_same_whatever_waits_also_with_a_pace_and_locks(pace: Pace) -> None:
    costs = []
    for queued in (500, 10_000):
        under_test = twelve(queued, pace=pace)
        now = NOW
        turns: Counter[type[object]] = Counter()

        def step(under_test: Dispatch = under_test, turns: Counter[type[object]] = turns) -> None:
            nonlocal now
            turn = under_test.claim(now, jitter=0.5)
            turns[type(turn)] += 1
            if isinstance(turn, Claim):
                under_test.finish(turn, Sent("3EB0"), None, now=now, jitter=0.5)
            elif isinstance(turn, Wait) and turn.until < inf:
                now = turn.until

        step()  # files the heads anew
        costs.append(max(calls(step) for _ in range(60)))
        assert turns[Claim] > 20
    assert costs[1] <= 1.5 * costs[0]


def test_the_number_of_routes_depends_on_the_sessions_and_not_on_who_knows_whom() -> None:
    under_test = twelve(10_000, pace=PACES[1])
    under_test.claim(NOW, jitter=0.5)
    routes = [route for route, _ in under_test.lanes["normal"].heads(NOW)]
    assert len(routes) == len(set(routes))
    assert sum(route.over is None for route in routes) <= 3 * (len(SESSIONS) + 1) + 12
    assert len(routes) <= 3 * (len(SESSIONS) ** 2 + 2 * len(SESSIONS))


def test_news_of_one_contact_file_only_their_own_message_anew() -> None:
    under_test = twelve(10_000, pace=PACES[1])
    under_test.claim(NOW, jitter=0.5)
    cost = calls(lambda: under_test.learn_contact("e", "4096@c.us"))
    assert cost < 500
