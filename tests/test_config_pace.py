"""What the settings make of a preset and of the parts of a pace that are set beside it."""

from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from trio_wa.config import Settings, SettingsError, load_settings
from trio_wa.core.pace import Pace
from trio_wa.core.quiet_hours import QuietHours

GENTLE = Pace(rate=20, gap=(2.0, 6.0), new_contacts=120)
CAREFUL = Pace(rate=6, gap=(8.0, 20.0), daily_cap=300, warmup=(20, 40, 80, 160), new_contacts=20)
PARTS = ("session_rate", "session_gap", "session_daily_cap", "warmup", "new_contact_rate")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without settings."""
    for name, info in Settings.model_fields.items():
        monkeypatch.delenv(str(info.validation_alias or name).upper(), raising=False)
    return monkeypatch


def settings(**given: Any) -> Settings:
    return load_settings(None, waha_url="http://waha", sessions="a", **given)


def problem(**given: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        settings(**given)
    return str(caught.value)


@pytest.mark.parametrize(
    ("preset", "pace"), [("off", Pace()), ("gentle", GENTLE), ("CAREFUL", CAREFUL)]
)
def test_a_preset_is_the_pace(preset: str, pace: Pace) -> None:
    assert settings(pace=preset).limits.pace == pace


def test_without_a_pace_nothing_is_bounded() -> None:
    limits = settings().limits
    assert limits.pace.is_off
    assert limits.timelock_hold == 6 * 3600


@pytest.mark.parametrize(
    ("given", "bounds"),
    [
        ({"session_rate": "120"}, Pace(rate=120)),
        ({"session_gap": "2-6"}, Pace(gap=(2.0, 6.0))),
        ({"session_daily_cap": "1_000"}, Pace(daily_cap=1000)),
        ({"warmup": "5, 10"}, Pace(warmup=(5, 10))),
        ({"new_contact_rate": "3600"}, Pace(new_contacts=3600)),
    ],
)
def test_each_part_bounds_by_itself(given: dict[str, str], bounds: Pace) -> None:
    assert settings(**given).limits.pace == bounds


def test_a_part_stands_in_place_of_the_preset_s_and_the_others_stay() -> None:
    assert settings(pace="gentle", session_rate="10").limits.pace == Pace(
        rate=10, gap=(2.0, 6.0), new_contacts=120
    )
    assert settings(pace="careful", session_gap="30").limits.pace == Pace(
        rate=6, gap=(30.0, 30.0), daily_cap=300, warmup=(20, 40, 80, 160), new_contacts=20
    )


@pytest.mark.parametrize("off", ["off", "OFF", " Off "])
@pytest.mark.parametrize(
    ("part", "rest"),
    [
        ("session_rate", {"rate": None}),
        ("session_gap", {"gap": None}),
        ("session_daily_cap", {"daily_cap": None}),
        ("warmup", {"warmup": ()}),
        ("new_contact_rate", {"new_contacts": None}),
    ],
)
def test_off_switches_that_part_of_the_preset_off(
    part: str, rest: dict[str, Any], off: str
) -> None:
    whole = {
        "rate": 6,
        "gap": (8.0, 20.0),
        "daily_cap": 300,
        "warmup": (20, 40, 80, 160),
        "new_contacts": 20,
    }
    assert settings(pace="careful", **{part: off}).limits.pace == Pace(**(whole | rest))


def test_a_preset_with_every_part_off_bounds_nothing() -> None:
    assert settings(pace="careful", **dict.fromkeys(PARTS, "off")).limits.pace.is_off


def test_a_gap_of_nothing_is_off() -> None:
    assert settings(session_gap="0").limits.pace.is_off


def test_no_day_of_a_warm_up_has_a_higher_cap_than_any_other_day() -> None:
    pace = settings(pace="careful", session_daily_cap="100").limits.pace
    assert (pace.daily_cap, pace.warmup) == (100, (20, 40, 80, 100))
    pace = settings(pace="careful", session_daily_cap="off").limits.pace
    assert (pace.daily_cap, pace.warmup) == (None, (20, 40, 80, 160))


@pytest.mark.parametrize(
    ("text", "gap"),
    [
        ("2-6", (2.0, 6.0)),
        ("2s-6s", (2.0, 6.0)),
        (" 1.5 - 2m ", (1.5, 120.0)),
        ("500ms-1h", (0.5, 3600.0)),
        ("0-1", (0.0, 1.0)),
        ("3", (3.0, 3.0)),
        ((1, 2), (1.0, 2.0)),
    ],
)
def test_a_gap_is_two_durations_or_one(text: object, gap: tuple[float, float]) -> None:
    assert settings(session_gap=text).limits.pace.gap == gap


def test_the_parts_are_read_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    for name in ("PACE", *map(str.upper, PARTS)):
        environment.setenv(name, {"PACE": "careful", "WARMUP": "1,2,3"}.get(name, "7"))
    environment.setenv("SESSION_GAP", "1-2")
    environment.setenv("QUIET_HOURS", "21:00-07:00 Asia/Jakarta")
    environment.setenv("ALERT_COMMAND", "notify me")
    given = settings()
    assert given.limits.pace == Pace(
        rate=7, gap=(1.0, 2.0), daily_cap=7, warmup=(1, 2, 3), new_contacts=7
    )
    assert given.quiet_hours == QuietHours(time(21), time(7), ZoneInfo("Asia/Jakarta"))
    assert given.alert_command == ("notify", "me")


@pytest.mark.parametrize(
    ("name", "most"),
    [("session_rate", 6_000), ("session_daily_cap", 1_000_000), ("new_contact_rate", 3_600)],
)
def test_a_number_is_read_up_to_its_bound(name: str, most: int) -> None:
    assert [getattr(settings(**{name: n}), name) for n in (1, str(most))] == [1, most]
    assert problem(**{name: most + 1}).startswith(
        f"{name.upper()}='{most + 1}' must be a whole number from 1 to {most}, or off, for example"
    )


def test_a_warm_up_takes_up_to_sixty_days() -> None:
    assert settings(warmup=",".join(["9"] * 60)).limits.pace.warmup == (9,) * 60
    assert "one for each of the first 1 to 60 days" in problem(warmup=",".join(["9"] * 61))
    assert "one for each of the first 1 to 60 days" in problem(warmup=())


def test_quiet_hours_hold_at_their_zone() -> None:
    assert settings().quiet_hours is None
    assert settings(quiet_hours=" Off ").quiet_hours is None
    quiet = settings(quiet_hours="21:00-07:00 Asia/Jakarta").quiet_hours
    assert quiet == QuietHours(time(21), time(7), ZoneInfo("Asia/Jakarta"))


@pytest.mark.parametrize(
    "zone", ["Nowhere", "../../etc/passwd", "Asia", "/etc/localtime", "a" * 500]
)
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    assert "must name a time zone, such as 21:00-07:00 Asia/Jakarta" in problem(
        quiet_hours=f"21:00-07:00 {zone}"
    )


def test_what_is_watched_has_bounds_and_an_end() -> None:
    given = settings()
    assert (given.ghost_share, given.session_auto_restart) == (0.2, 0)
    given = settings(ghost_share="0", timelock_hold="1m", session_auto_restart="10")
    assert (given.ghost_share, given.session_auto_restart) == (0.0, 10)
    assert given.limits.timelock_hold == 60
    assert settings(session_auto_restart="Off", ghost_share=1).session_auto_restart == 0


def test_nobody_is_alerted_by_default() -> None:
    given = settings()
    assert (given.alert_command, given.alert_url, given.alert_target) == (None, None, None)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/bin/alert", ("/bin/alert",)),
        ("notify -t 'a number' \"$HOME\" # no", ("notify", "-t", "a number", "$HOME", "#", "no")),
        (["notify", "me"], ("notify", "me")),
    ],
)
def test_an_alert_command_is_words_and_no_shell_s(line: object, words: tuple[str, ...]) -> None:
    assert settings(alert_command=line).alert_command == words


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("curl letmein 'x", "must be a command line: a quote in it is not closed, or it ends in a"),
        ("curl letmein \\", "must be a command line: a quote in it is not closed, or it ends in a"),
        ("'' letmein", "must name a program first"),
        ("  ", "must name a program first"),
    ],
)
def test_an_alert_command_that_cannot_be_run_is_not_shown(line: str, wrong: str) -> None:
    text = problem(alert_command=line)
    assert text.startswith(f"ALERT_COMMAND {wrong}")
    assert text.endswith("for example ALERT_COMMAND=/usr/local/bin/alert")
    assert "letmein" not in text


def test_where_alerts_go_is_never_shown() -> None:
    given = settings(
        alert_url="https://alerts:9000/trio-wa/?token=letmein", alert_command="curl letmein"
    )
    assert given.alert_target == "https://alerts:9000/trio-wa/?token=letmein"
    assert "letmein" not in repr(given) + str(given)


@pytest.mark.parametrize(
    "url",
    [
        "http://x:letmein/?token=1",
        "http://letmein@x/",
        "http://x/?token=letmein#there",
        "http://x/?token=letmein and more",
        "http://[letmein/?token=1",
        "letmein",
    ],
)
def test_an_alert_url_that_is_none_is_not_shown(url: str) -> None:
    text = problem(alert_url=url)
    assert text.startswith("ALERT_URL must ")
    assert "letmein" not in text
