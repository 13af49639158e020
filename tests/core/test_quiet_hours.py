"""Quiet hours, against a walk over the minutes that a clock on the wall shows."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings

from trio_wa.config.quiet_hours import parse_quiet_hours
from trio_wa.core.quiet_hours import QuietHours

DAY, MINUTE = 86_400.0, 60.0
NIGHT = parse_quiet_hours("21:00-07:00 Asia/Jakarta")

# Without changes of clocks, with usual ones, with one at midnight, and with one of half an hour.
ZONES = ("Asia/Jakarta", "Europe/Berlin", "America/New_York", "Africa/Cairo", "Australia/Lord_Howe")

CHANGES = {
    "Asia/Jakarta": [date(2026, 5, 1)],
    "Europe/Berlin": [date(2026, 3, 29), date(2026, 10, 25)],
    "America/New_York": [date(2026, 3, 8), date(2026, 11, 1)],
    "Africa/Cairo": [date(2026, 4, 24), date(2026, 10, 30)],
    "Australia/Lord_Howe": [date(2026, 4, 5), date(2026, 10, 4)],
}


def at(wall: str, zone: str = "Asia/Jakarta", fold: int = 0) -> float:
    return datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


@cache
def minutes(zone: str, day: date) -> list[tuple[float, datetime]]:
    """Each minute of the days around one, and what a clock on the wall shows in it."""
    start = int(datetime.combine(day - timedelta(days=6), time(), UTC).timestamp())
    return [
        (float(minute), datetime.fromtimestamp(minute, ZoneInfo(zone)).replace(tzinfo=None))
        for minute in range(start, start + 13 * int(DAY), int(MINUTE))
    ]


def shown(walk: list[tuple[float, datetime]], wall: datetime) -> list[float]:
    """The minutes in which the clock shows `wall`; or would, had it not been put forward."""
    minutes = [minute for minute, shows in walk if shows == wall]
    if minutes:
        return minutes
    before, last = next(pair for pair in reversed(walk) if pair[1] < wall)
    return [before + (wall - last).total_seconds()]


@cache
def nights(quiet: QuietHours, day: date) -> list[tuple[float, float]]:
    """The quiet hours of the days around one: from the first such minute to the last."""
    walk = minutes(str(quiet.zone), day)
    over = timedelta(days=quiet.end < quiet.start)
    days = [day + timedelta(days=number) for number in range(-4, 5)]
    return [
        (
            shown(walk, datetime.combine(each, quiet.start))[0],
            shown(walk, datetime.combine(each + over, quiet.end))[-1],
        )
        for each in days
    ]


def is_quiet(quiet: QuietHours, day: date, now: float) -> bool:
    return any(since <= now < until for since, until in nights(quiet, day))


times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 59]))
quiet_hours = st.builds(
    QuietHours, times, times, st.sampled_from([ZoneInfo(zone) for zone in ZONES])
).filter(lambda quiet: quiet.start != quiet.end)


@settings(deadline=None)  # the first walk over the minutes takes a while
@given(quiet_hours, st.data())
def test_it_is_quiet_when_the_clock_on_the_wall_says_so(
    quiet: QuietHours, data: st.DataObject
) -> None:
    day = data.draw(st.sampled_from(CHANGES[str(quiet.zone)]))
    walk = minutes(str(quiet.zone), day)
    index = data.draw(st.integers(5 * 1440, 8 * 1440))
    now = walk[index][0] + data.draw(st.sampled_from([0.0, 0.5, 59.0]))
    until = quiet.ends_at(now)
    assert (until is not None) == is_quiet(quiet, day, now)
    if until is not None:
        later = next(minute for minute, _ in walk[index + 1 :] if not is_quiet(quiet, day, minute))
        assert until == later


@settings(deadline=None)  # the first walk over the minutes takes a while
@given(quiet_hours, st.data(), st.one_of(st.integers(0, 2_880), st.just(0)))
def test_only_the_minutes_outside_quiet_hours_count(
    quiet: QuietHours, data: st.DataObject, wanted: int
) -> None:
    day = data.draw(st.sampled_from(CHANGES[str(quiet.zone)]))
    walk = [minute for minute, _ in minutes(str(quiet.zone), day)]
    start = data.draw(st.integers(4 * 1440, 6 * 1440))
    until = quiet.after(walk[start], wanted * MINUTE)
    assert quiet.ends_at(until) is None
    last = walk[-4 * 1440]
    left = [minute for minute in walk[start:] if not is_quiet(quiet, day, minute)]
    if until < last:
        assert until == left[wanted]


@given(quiet_hours, st.floats(1.7e9, 1.9e9), st.floats(0, 3 * DAY))
@example(NIGHT, at("2026-05-01T20:59"), 60.0)
def test_after_is_never_quiet_and_never_early(
    quiet: QuietHours, now: float, seconds: float
) -> None:
    until = quiet.after(now, seconds)
    assert quiet.ends_at(until) is None
    assert until >= now + seconds
    assert quiet.after(now, 0.0) == (quiet.ends_at(now) or now)


def test_quiet_hours_begin_with_their_first_second_and_end_before_their_last() -> None:
    assert NIGHT.ends_at(at("2026-05-01T20:59:59")) is None
    for quiet in ("2026-05-01T21:00:00", "2026-05-02T00:00:00", "2026-05-02T06:59:59"):
        assert NIGHT.ends_at(at(quiet)) == at("2026-05-02T07:00:00")
    assert NIGHT.ends_at(at("2026-05-02T07:00:00")) is None


def test_they_may_lie_within_one_day() -> None:
    siesta = parse_quiet_hours("12:30-14:00 Europe/Madrid")
    assert siesta.ends_at(at("2026-05-01T12:29", "Europe/Madrid")) is None
    noon = at("2026-05-01T13:00", "Europe/Madrid")
    assert siesta.ends_at(noon) == at("2026-05-01T14:00", "Europe/Madrid")


def test_a_night_in_which_clocks_change_ends_by_the_clock() -> None:
    night = parse_quiet_hours("21:00-07:00 Europe/Berlin")
    for day, hours in ((28, 9), (29, 10)):
        start, end = (
            at(f"2026-03-{day}T21:00", "Europe/Berlin"),
            at(f"2026-03-{day + 1}T07:00", "Europe/Berlin"),
        )
        assert night.ends_at(start) == end == start + hours * 3600


def test_an_end_that_the_clock_shows_twice_is_the_second() -> None:
    late = parse_quiet_hours("21:00-02:30 Europe/Berlin")
    assert late.ends_at(at("2026-10-25T01:00", "Europe/Berlin")) == at(
        "2026-10-25T02:30", "Europe/Berlin", fold=1
    )


def test_an_end_that_the_clock_leaves_out_is_when_it_would_have_been() -> None:
    late = parse_quiet_hours("21:00-02:30 Europe/Berlin")
    assert late.ends_at(at("2026-03-29T01:00", "Europe/Berlin")) == at(
        "2026-03-29T03:30", "Europe/Berlin"
    )


def test_days_of_work_are_spread_over_the_days() -> None:
    # Fourteen hours a day: twenty leave six for the second.
    assert NIGHT.after(at("2026-05-01T07:00"), 20 * 3600) == at("2026-05-02T13:00")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("21:00-07:00 Asia/Jakarta", NIGHT),
        ("  9:05 - 17:30   UTC ", QuietHours(time(9, 5), time(17, 30), ZoneInfo("UTC"))),
        ("00:00-23:59 Europe/Berlin", QuietHours(time(), time(23, 59), ZoneInfo("Europe/Berlin"))),
    ],
)
def test_quiet_hours_are_read(text: str, expected: QuietHours) -> None:
    assert parse_quiet_hours(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "must be two times and a time zone"),
        ("off", "must be two times and a time zone"),
        ("21:00-07:00", "must be two times and a time zone"),
        ("21-7 Asia/Jakarta", "must be two times and a time zone"),
        ("21:00-07:00 Asia/Jakarta daily", "must be two times and a time zone"),
        ("24:00-07:00 Asia/Jakarta", "must hold times from 00:00 to 23:59"),
        ("21:00-07:60 Asia/Jakarta", "must hold times from 00:00 to 23:59"),
        ("07:00-07:00 Asia/Jakarta", "must end at another time than it starts"),
        ("21:00-07:00 Jakarta", "must name a time zone.*and not 'Jakarta'"),
        ("21:00-07:00 ../etc/passwd", "must name a time zone"),
        ("21:00-07:00 /etc/passwd", "must name a time zone"),
        ("21:00-07:00 Asia", "must name a time zone"),
    ],
)
def test_what_cannot_be_quiet_hours_is_refused_and_told_why(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_quiet_hours(text)
