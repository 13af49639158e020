"""When a message is said to begin at the earliest, and when it begins where all goes well."""

import itertools
import random
from collections.abc import Iterable
from dataclasses import replace
from math import inf
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tests.core.messages import message
from tests.core.test_paced_dispatch import EVENING, MORNING, NIGHT, NOON, dispatch
from trio_wa.core.dispatch import Dispatch
from trio_wa.core.message import LANES, Message, Priority
from trio_wa.core.outcome import Sent, Unknown
from trio_wa.core.pace import HOUR, MINUTE, Pace
from trio_wa.core.turn import Claim, Wait
from trio_wa.core.turns import PASSES

START = 1_800_000_000.0
FAR = START + 365 * 24 * HOUR
ROUNDED = 1e-3
"""More than sums of such times are rounded by, in seconds."""

GENTLE = Pace(rate=20, gap=(2.0, 6.0), new_contacts=120)


class Service:
    """Sends as soon as the rules let it; each message is taken at once."""

    def __init__(self, names: str, pace: Pace, *, sticky: bool = False) -> None:
        self.dispatch = dispatch(names, pace=pace, sticky=sticky)
        self.now = START
        self.began: dict[str, float] = {}
        self.said: dict[str, list[float]] = {}
        self._chance = random.Random(1)

    def say(self, messages: Iterable[Message]) -> None:
        """Note of waiting messages when they begin at the earliest."""
        forecast = self.dispatch.forecast
        behind = {priority: forecast.behind(priority) for priority in LANES}
        for each in sorted(messages, key=lambda each: -each.seq):
            behind[each.priority].reach(each)
            at = forecast.begins_at(each, self.now, behind=behind[each.priority])
            assert at is not None
            self.said.setdefault(each.id, []).append(at)

    def send_until(self, until: float) -> None:
        """Let pass the time until then, or until nothing is left to do."""
        while True:
            turn = self.dispatch.claim(self.now, jitter=self._chance.random())
            if isinstance(turn, Claim):
                self.began[turn.message.id] = self.now
                self.dispatch.finish(turn, Sent("3EB0"), None, now=self.now, jitter=0.5)
                continue
            assert isinstance(turn, Wait)
            if turn.until > until or not self.dispatch.held:
                break
            self.now = turn.until
            for lane in self.dispatch.lanes.values():
                self.say(reversed(lane))
        if until < inf:
            self.now = until


paces = st.sampled_from([GENTLE, Pace(rate=60), Pace(gap=(1.0, 9.0)), Pace(new_contacts=60)])
recipients = st.integers(0, 31)
bursts = st.lists(
    st.tuples(st.lists(recipients, min_size=1, max_size=5), st.sampled_from([0.0, 0.5, 4.0, 40.0])),
    min_size=1,
    max_size=4,  # 20 messages: that they are not passed over too often is a rule of its own
)


def arrival(seq: int, recipient: int, names: str) -> Message:
    """A message whose recipient decides on its lane, who knows them, and what may write to them."""
    known_to = [name for place, name in enumerate(names) if recipient >> place & 1]
    allowed = {0: names[0], 9: names[-1], 18: names[-2:]}.get(recipient, "")
    return message(
        seq,
        to=f"{recipient}@{'c' if recipient < 28 else 'g'}.us",
        priority=LANES[recipient % 3],
        expires_at=FAR,
        known_to=tuple(known_to),
        sessions=tuple(allowed),
    )


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(["a", "ab", "abc"]), paces, st.booleans(), bursts)
def test_nothing_begins_sooner_than_was_said_at_any_time(
    names: str, pace: Pace, sticky: bool, bursts: list[tuple[list[int], float]]
) -> None:
    service = Service(names, pace, sticky=sticky)
    numbers = itertools.count(1)
    for burst, pause in bursts:
        arrived = [arrival(next(numbers), recipient, names) for recipient in burst]
        for each in arrived:
            service.dispatch.add(each)
        service.say(arrived)
        service.send_until(service.now + pause)
    service.send_until(inf)
    assert len(service.began) == next(numbers) - 1
    for name, said in service.said.items():
        assert all(at <= service.began[name] + ROUNDED for at in said)


@pytest.mark.parametrize("sticky", [False, True])
@pytest.mark.parametrize("known_to", [(), ("a",), ("c",)])
@pytest.mark.parametrize("names", ["a", "abc"])
def test_over_an_idle_number_a_message_begins_at_once(
    names: str, known_to: tuple[str, ...], sticky: bool
) -> None:
    service = Service(names, GENTLE, sticky=sticky)
    for seq in range(1, 4):
        service.dispatch.add(message(seq, to=f"{seq}@c.us", expires_at=FAR, known_to=known_to))
        service.say(reversed(service.dispatch.lanes["normal"]))
        service.send_until(service.now + 40)
        assert service.said[f"m{seq}"] == [service.began[f"m{seq}"]]


def fill(
    under_test: Dispatch, seqs: Iterable[int], *, priority: Priority = "normal", **others: Any
) -> None:
    """Let messages wait, each to a recipient of its own."""
    for seq in seqs:
        waiting = message(seq, to=f"{seq}@c.us", expires_at=FAR, priority=priority)
        under_test.add(replace(waiting, **others))


def wait(
    under_test: Dispatch,
    sessions: tuple[str, ...] = (),
    *,
    now: float = NOON,
    priority: Priority = "normal",
    outside: int = 0,
    **others: Any,
) -> float | None:
    """How many seconds from `now` on a message waits that comes behind all others."""
    last = message(999, to="999@c.us", sessions=sessions, priority=priority)
    forecast = under_test.forecast
    at = forecast.begins_at(replace(last, **others), now, outside=outside)
    if at is None:
        return None
    before = LANES[: LANES.index(priority) + 1]
    number = outside + sum(under_test.held_in(lane) for lane in before)
    assert not forecast.surely_before(at, now, priority, number)
    assert forecast.surely_before(inf, now, priority, number) or priority == "bulk"
    return at - now


def test_a_message_waits_for_the_rounds_of_the_sessions_before_it() -> None:
    under_test = dispatch(pace=Pace(rate=60))
    assert under_test.paced
    fill(under_test, range(1, 301))
    assert [wait(under_test, outside=more) for more in (0, 2, 3)] == [100, 100, 101]
    ids = [f"m{seq}" for seq in (1, 3, 4, 151, 300)]
    behind, waits = under_test.forecast.behind("normal"), []
    for waiting in [under_test.get(message_id) for message_id in reversed(ids)]:
        assert waiting is not None
        behind.reach(waiting)
        waits.append(under_test.forecast.begins_at(waiting, NOON, behind=behind))
    assert waits[::-1] == [NOON, NOON, NOON + 1, NOON + 50, NOON + 99]


def test_sessions_that_are_free_at_different_times_take_their_turns_then() -> None:
    service = Service("abc", Pace(gap=(30.0, 30.0)))
    for seq, pause in ((1, 1.0), (2, 0.5), (3, 4.0)):
        fill(service.dispatch, [seq])
        service.send_until(service.now + pause)
    waits = []
    for seq in range(4, 8):
        waits.append(wait(service.dispatch, now=service.now))
        fill(service.dispatch, [seq])
    assert waits == pytest.approx([24.5, 25.5, 26.0, 54.5])


def test_one_session_that_is_capped_holds_up_no_estimate() -> None:
    under_test = dispatch("ab", pace=Pace(rate=60, daily_cap=1))
    fill(under_test, [1, 2], sessions=("a",))
    assert isinstance(under_test.claim(NOON, jitter=0.5), Claim)
    assert [wait(under_test, outside=more) for more in (0, 1, 2)] == [0, 1, 2]
    assert wait(under_test, ("a",)) == 24 * HOUR + 1


def test_those_that_allow_other_sessions_too_count_where_they_must_go_before() -> None:
    under_test = dispatch(pace=Pace(rate=60))
    fill(under_test, range(1, 31))
    fill(under_test, range(31, 47), sessions=("a",))
    fill(under_test, range(47, 51), sessions=("b", "c"))
    assert wait(under_test, ("a",)) == 16
    assert wait(under_test, ("b",)) == 11
    assert wait(under_test, ("b", "c")) == 11
    under_test.set_paused("c", True)
    assert wait(under_test, ("b",)) == 17


def test_only_those_sessions_count_that_work() -> None:
    under_test = dispatch("ab", pace=Pace(rate=60))
    fill(under_test, range(1, 7))
    under_test.set_status("a", "STOPPED", NOON)
    assert wait(under_test) == 6
    assert wait(under_test, ("a",)) is None
    under_test.set_paused("b", True)
    assert wait(under_test) is None


def test_new_contacts_wait_for_those_before_them_and_known_ones_for_none_of_them() -> None:
    under_test = dispatch("a", pace=Pace(rate=60, new_contacts=60))
    fill(under_test, range(1, 31))
    fill(under_test, range(31, 121), known_to=("a",))
    fill(under_test, range(121, 131), chat_id="1@g.us")
    assert wait(under_test) == 30 * MINUTE
    assert wait(under_test, known_to=("a",)) == 100
    assert isinstance(under_test.claim(NOON, jitter=0.5), Claim)
    assert wait(under_test) == 30 * MINUTE
    assert wait(under_test, known_to=("a",)) == 101


def test_of_a_known_contact_it_counts_who_waits_for_the_same_session() -> None:
    under_test = dispatch("ab", pace=Pace(rate=60, new_contacts=60))
    fill(under_test, range(1, 11), known_to=("a",))
    assert wait(under_test, known_to=("a",)) == 10
    assert wait(under_test, known_to=("b",)) == 0
    last = message(999, to="999@c.us")
    assert under_test.forecast.of_known(last, NOON) == NOON
    assert under_test.forecast.of_known(last, NOON, outside=10) == NOON + 5
    assert under_test.forecast.of_known(replace(last, sessions=("a",)), NOON) == NOON + 10


@pytest.mark.parametrize("priority", LANES)
def test_a_second_message_to_a_new_contact_waits_for_no_other_new_one(priority: Priority) -> None:
    under_test = dispatch("a", pace=GENTLE)
    fill(under_test, [1], chat_id="999@c.us", priority=priority)
    assert wait(under_test) == 0
    assert isinstance(under_test.claim(NOON, jitter=0.0), Claim)
    assert wait(under_test) == 3
    assert wait(under_test, chat_id="998@c.us") == 30


def test_all_of_higher_lanes_go_before_a_message_and_none_of_lower_ones() -> None:
    under_test = dispatch("a", pace=Pace(rate=60))
    fill(under_test, range(1, 11), priority="urgent")
    fill(under_test, range(11, 31))
    fill(under_test, range(31, 61), priority="bulk")
    assert [wait(under_test, priority=lane) for lane in LANES] == [10, 30, 60]


def test_no_lane_is_passed_over_more_often_than_the_rules_let_it() -> None:
    service = Service("a", Pace(rate=60))
    fill(service.dispatch, range(1, 101), priority="urgent")
    assert wait(service.dispatch, now=service.now) == PASSES
    fill(service.dispatch, [101])
    assert wait(service.dispatch, now=service.now) == 1 + 2 * PASSES
    service.send_until(service.now + 4.5)
    service.say(reversed(service.dispatch.lanes["normal"]))
    service.send_until(inf)
    assert service.began["m101"] - START == PASSES
    assert set(service.said["m101"]) == {START + PASSES}


@pytest.mark.parametrize("priority", LANES)
def test_quiet_hours_put_off_what_is_bulk(priority: Priority) -> None:
    under_test = dispatch("a", pace=Pace(rate=1), quiet_hours=NIGHT)
    at = EVENING - HOUR / 2
    assert wait(under_test, now=at, priority=priority, outside=29) == 29 * MINUTE
    off = MORNING - EVENING if priority == "bulk" else 0.0
    assert wait(under_test, now=at, priority=priority, outside=60) == off + HOUR
    assert wait(under_test, now=EVENING, priority=priority) == off


def test_it_counts_on_the_night_for_what_goes_before_bulk_and_is_not_held() -> None:
    under_test = dispatch("a", pace=Pace(rate=1), quiet_hours=NIGHT)
    fill(under_test, range(1, 21))
    fill(under_test, range(21, 31), priority="bulk")
    assert wait(under_test, now=EVENING, priority="bulk") == MORNING - EVENING + 10 * MINUTE
    dawn = MORNING - MINUTE  # too late for them all
    assert wait(under_test, now=dawn, priority="bulk") == 30 * MINUTE


def test_without_a_pace_all_begin_at_once_but_in_quiet_hours() -> None:
    under_test = dispatch()
    assert not under_test.paced
    assert wait(under_test, outside=1_000) == 0
    quiet = dispatch(quiet_hours=NIGHT)
    assert quiet.paced
    assert wait(quiet, now=EVENING, priority="bulk", outside=1_000) == MORNING - EVENING


@pytest.mark.parametrize("looked_up", [False, True])
def test_what_is_held_up_goes_before_nobody_else(looked_up: bool) -> None:
    """The first of a long line is in flight, or is being looked up: others go past the rest."""
    service = Service("a", Pace(rate=60))
    for seq in range(1, 102):
        service.dispatch.add(message(seq, to="x@c.us", expires_at=FAR))
    claim = service.dispatch.claim(service.now, jitter=0.5)
    assert isinstance(claim, Claim)
    if looked_up:
        unknown = Unknown("timeout", "no answer")
        service.dispatch.finish(claim, unknown, None, now=service.now, jitter=0.5, hold=True)
    other = message(500, to="y@c.us", expires_at=FAR)
    assert service.dispatch.forecast.begins_at(other, service.now) == START + 1
    service.dispatch.add(other)
    next_claim = service.dispatch.claim(START + 1, jitter=0.5)
    assert isinstance(next_claim, Claim)
    assert next_claim.message == other


def test_what_expires_before_its_turn_takes_no_time() -> None:
    service = Service("a", Pace(rate=60))
    for seq in range(1, 301):
        service.dispatch.add(message(seq, to=f"{seq}@c.us", expires_at=START + 60))
    last = message(500, to="y@c.us", expires_at=START + 120)
    assert service.dispatch.forecast.begins_at(last, service.now) == START + 60
    service.dispatch.add(message(301, to="301@c.us", expires_at=FAR))
    assert service.dispatch.forecast.begins_at(last, service.now) == START + 301


@pytest.mark.parametrize("sticky", [False, True])
@pytest.mark.parametrize("own", [0, 2])
@pytest.mark.parametrize("names", ["a", "abc", "abcde"])
def test_a_higher_lane_passes_a_message_over_whichever_session_it_takes(
    names: str, own: int, sticky: bool
) -> None:
    service = Service(names, Pace(rate=60), sticky=sticky)
    for seq in range(1, 181):
        service.dispatch.add(message(seq, to=f"{seq}@c.us", expires_at=FAR, priority="urgent"))
    for seq in range(181, 181 + own):
        service.dispatch.add(message(seq, to=f"{seq}@c.us", expires_at=FAR))
    last = message(900, to="y@c.us", expires_at=FAR)
    said = service.dispatch.forecast.begins_at(last, service.now)
    service.dispatch.add(last)
    service.send_until(service.now + 100)
    assert said is not None
    assert said <= service.began["m900"] + ROUNDED
