"""No window of a minute, an hour or a day holds more than its cap, and no schedule starves."""

from dataclasses import replace
from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tests.core.pace_observer import START, Life
from trio_wa.core.pace import DAY, HOUR, MINUTE, History, Pace, Pacer

paces = st.builds(
    Pace,
    rate=st.sampled_from([None, 1, 3, 7, 11, 60, 6_000]),
    gap=st.sampled_from([None, None, None, (0.0, 3.0), (5.0, 5.0), (600.0, 3_600.0)]),
    daily_cap=st.sampled_from([None, None, 1, 3, 9, 40]),
    warmup=st.sampled_from([(), (), (1, 2), (2, 4, 8), (9, 2)]),
)
contact_rates = st.sampled_from([None, 1, 3, 9, 60])
jitters = st.floats(0, 1, exclude_max=True)


@settings(max_examples=600, deadline=None)
@given(paces, contact_rates, st.data())
def test_no_window_exceeds_its_cap_and_no_schedule_starves(
    pace: Pace, new_contacts: int | None, data: st.DataObject
) -> None:
    """Over sends that fail or not, restarts, steps of the clock, and changes of the settings."""
    life = Life(replace(pace, new_contacts=new_contacts))
    for step in data.draw(st.lists(st.sampled_from("sssbbirr"), min_size=3, max_size=20)):
        match step:
            case "s":
                begin = life.send(data.draw(jitters), 0.0, new=data.draw(st.booleans()))
                if data.draw(st.sampled_from([False, False, True])):
                    life.undo(begin)
            case "b":  # a burst
                late = data.draw(st.sampled_from([0.0, 0.0, 0.004, 1.0]))
                for _ in range(data.draw(st.integers(2, 15))):
                    life.send(data.draw(st.sampled_from([0.0, 0.5])), late, new=False)
            case "i":
                life.now += data.draw(st.sampled_from([0.5, 59.0, HOUR, DAY / 2, DAY]))
            case _:
                other_paces = st.one_of(paces, st.just(life.pace))
                life.restart(
                    data.draw(st.sampled_from([0.0, 0.5, 30.0, HOUR, DAY])),
                    data.draw(st.sampled_from([0.0, 0.0, 7.0, HOUR, 3 * DAY])),
                    replace(data.draw(other_paces), new_contacts=data.draw(contact_rates)),
                    data.draw(st.integers(0, min(3, len(life.counted)))),
                )
        life.check_waits()


def begins(pacer: Pacer, count: int, *, since: float = START, new: bool = False) -> list[float]:
    """When so many messages begin, each as early as it may."""
    began, now = [], since
    for _ in range(count):
        now = max(now, pacer.opens_for_new_at if new else pacer.opens_at)
        pacer.begin(now, jitter=0.5, new=new)
        began.append(now)
    return began


@pytest.mark.parametrize("rate", [1, 7, 11, 60, 120, 997, 6_000])
def test_begins_are_even_and_no_minute_holds_one_too_many_by_rounding(rate: int) -> None:
    began = begins(Pacer(Pace(rate=rate), History(), START), 2 * rate + 1)
    assert all(later - at >= MINUTE for at, later in zip(began, began[rate:], strict=False))
    assert began[rate] - START == pytest.approx(MINUTE, abs=rate * 2.5e-7)
    steps = {later - at for at, later in pairwise(began)}
    assert max(steps) - min(steps) < 3e-7


@pytest.mark.parametrize("number", [7, 60, 3_599])
def test_new_contacts_are_spread_over_the_hour_and_known_ones_go_on(number: int) -> None:
    pacer = Pacer(Pace(rate=6_000, new_contacts=number), History(), START)
    began = begins(pacer, number + 1, new=True)
    assert began[-1] - began[0] >= HOUR
    assert began[-1] - began[0] == pytest.approx(HOUR, abs=number * 2.5e-7)
    assert pacer.opens_at - began[-1] == pytest.approx(0.01, abs=1e-6)


def test_a_gap_is_drawn_between_its_ends_and_never_below_the_rate() -> None:
    pace = Pace(rate=20, gap=(2.0, 6.0))
    assert [pace.spacing(jitter) for jitter in (0.0, 0.25, 0.5, 1.0)] == [3.0, 3.0, 4.0, 6.0]


@given(paces, contact_rates, jitters)
def test_no_begins_are_closer_than_the_least_spacing(
    pace: Pace, new_contacts: int | None, jitter: float
) -> None:
    pace = replace(pace, daily_cap=None, warmup=(), new_contacts=new_contacts)
    for new in (False, True):
        pacer = Pacer(pace, History(), START)
        pacer.begin(START, jitter=jitter, new=new)
        opens_at = pacer.opens_for_new_at if new else pacer.opens_at
        assert opens_at - START >= pace.least_spacing(new=new)


def test_without_a_pace_nothing_is_held_up() -> None:
    pacer = Pacer(Pace(), History(((START, 999),), START - DAY, ((START, 999),)), START)
    assert Pace().is_off
    assert begins(pacer, 1_000, new=True) == [START] * 1_000
    assert pacer.cap(START) is None
    assert Pace().least_spacing(new=True) == 0


def test_a_warm_up_goes_up_day_by_day_from_the_first_send() -> None:
    pacer = Pacer(Pace(daily_cap=9, warmup=(1, 2, 4)), History(), START)
    days = [int((at - START) // DAY) for at in begins(pacer, 16)]
    assert [days.count(day) for day in range(4)] == [1, 2, 4, 9]
    assert [pacer.cap(START + day * DAY) for day in range(5)] == [1, 2, 4, 9, 9]


def test_a_warm_up_that_goes_down_is_kept_to_in_the_day_before() -> None:
    pacer = Pacer(Pace(warmup=(5, 2), daily_cap=3), History(), START)
    assert begins(pacer, 5) == [START + day * DAY for day in (0, 0, 1, 1, 2)]
    assert [pacer.cap(START + day * DAY) for day in range(3)] == [2, 2, 3]


def test_a_warm_up_begins_with_what_was_sent_and_not_with_what_came_to_nothing() -> None:
    pacer = Pacer(Pace(warmup=(1, 2), daily_cap=9), History(), START)
    for day in range(5):
        pacer.begin(START + day * DAY, jitter=0.0, new=False)
        pacer.undo(START + day * DAY)
    assert pacer.cap(START + 5 * DAY) == 1
    assert begins(pacer, 3, since=START + 5 * DAY) == [START + day * DAY for day in (5, 6, 6)]


def test_what_came_to_nothing_gives_back_the_cap_and_not_the_spacing() -> None:
    pacer = Pacer(Pace(rate=6, daily_cap=1), History(), START)
    pacer.begin(START, jitter=0.0, new=False)
    assert (pacer.opens_at, pacer.capped_until) == (START + DAY, START + DAY)
    pacer.undo(START)
    assert (pacer.opens_at, pacer.capped_until) == (START + 10, 0.0)
    pacer.undo(START)
    assert pacer.opens_at == START + 10


def test_a_lower_cap_waits_for_what_went_before_and_a_higher_one_does_not() -> None:
    history = History(((START, 3), (START + HOUR, 2)), START - 99 * DAY)
    now = START + 2 * HOUR
    assert Pacer(Pace(daily_cap=1), history, now).opens_at == START + HOUR + DAY
    assert Pacer(Pace(daily_cap=3), history, now).opens_at == START + DAY
    assert Pacer(Pace(daily_cap=6), history, now).opens_at <= now


def test_a_lower_rate_waits_for_the_minute_before() -> None:
    history = History(((START, 60),), START)
    assert Pacer(Pace(rate=6), history, START + 5).opens_at == START + MINUTE
    assert Pacer(Pace(rate=61), history, START + 5).opens_at <= START + 5
    kept = replace(history, rate=6)
    assert Pacer(Pace(rate=6), kept, START + 5).opens_at == START + 10
    assert Pacer(Pace(rate=5), kept, START + 5).opens_at == START + MINUTE


def test_a_lower_rate_of_new_contacts_waits_for_the_hour_before() -> None:
    history = History(((START, 3),), START, ((START, 2), (START + 60, 1)))
    for number, opens_at in ((1, START + 60 + HOUR), (2, START + HOUR), (4, START + 960)):
        pacer = Pacer(Pace(new_contacts=number), history, START + 120)
        assert pacer.opens_for_new_at == opens_at


def test_after_a_restart_the_largest_gap_is_kept() -> None:
    history = History(((START, 1),), START)
    assert Pacer(Pace(gap=(2.0, 6.0)), history, START + 1).opens_at == START + 6


def test_what_a_clock_that_ran_ahead_has_left_counts_as_now() -> None:
    history = History(
        ((START + DAY, 2), (START + 2 * DAY, 1)), START + DAY, ((START + 2 * DAY, 1),)
    )
    pacer = Pacer(Pace(rate=6, daily_cap=3, new_contacts=1), history, START)
    assert pacer.opens_at == START + DAY
    assert pacer.opens_for_new_at == START + DAY
    pacer = Pacer(Pace(rate=6, new_contacts=1), history, START)
    assert (pacer.opens_at, pacer.opens_for_new_at) == (START + 10, START + HOUR)


def test_what_a_crash_left_begun_counts_as_the_rest_and_perhaps_as_new() -> None:
    history = History(((START, 2),), START, ((START - HOUR, 1),)).with_begins(
        [START + 9, START - 5]
    )
    more = ((START - 5, 1), (START + 9, 1))
    assert history == History(((START, 2), *more), START - 5, ((START - HOUR, 1), *more))
    assert History().with_begins([]) == History()
