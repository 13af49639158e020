"""What an operator reads at the start."""

import sys
from typing import Any

import pytest
import structlog
import trio
import trio.testing

from tests.fakes import FakeObserver
from trio_wa.config import Settings
from trio_wa.greeting import greet
from trio_wa.ports import Activity, SessionView, StoreUnavailable, WahaInfo

HOOK = {
    "waha_webhook_url": "http://127.0.0.1:8080/webhooks/waha",
    "waha_webhook_secret": "a-long-random-text",
}

Events = dict[str, dict[str, Any]]


class FakeOversight:
    """Sessions that can do what `message_ids` says; or a store that cannot be read."""

    def __init__(self, message_ids: bool | None = True, *, fails: bool = False) -> None:
        self._message_ids = message_ids
        self._fails = fails

    async def first_view(self, session: str) -> SessionView:
        await trio.lowlevel.checkpoint()
        if self._fails:
            raise StoreUnavailable("the disk is full")
        return SessionView(
            session, "WORKING", None, False, 0, Activity(), False, "none", self._message_ids,
            None, None,
        )  # fmt: skip


async def greeted(
    observer: FakeObserver, oversight: FakeOversight | None = None, **settings: Any
) -> Events:
    """The events that greet whoever starts the service, by name."""
    values = {"waha_url": "http://waha", "waha_sessions": "a", "waha_api_key": "k"} | settings
    with structlog.testing.capture_logs() as logs:
        await greet(settings_of(values), observer, oversight or FakeOversight())
    return {entry["event"]: dict(entry) for entry in logs}


def settings_of(values: dict[str, Any]) -> Settings:
    return Settings.model_validate(values)


@pytest.mark.parametrize(
    ("message_ids", "word", "unknown"),
    [
        (True, "yes", "are looked up"),
        (False, "no", "as ON_UNKNOWN says"),
        (None, "not seen yet", "as ON_UNKNOWN says"),
    ],
)
async def test_a_session_that_works_is_told_with_what_it_makes_possible(
    message_ids: bool | None, word: str, unknown: str
) -> None:
    events = await greeted(FakeObserver({"a": "WORKING"}), FakeOversight(message_ids))
    found = events["session.found"]
    assert (found["session"], found["message_ids"]) == ("a", word)
    assert found["unknown_outcomes"] == unknown
    assert "waha.no_key" not in events


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        ("SCAN_QR_CODE", "/sessions/a/qr"),
        ("STARTING", "wait"),
        ("FAILED", "/sessions/a/restart"),
        (None, "WAHA_SESSIONS"),
    ],
)
async def test_a_session_that_does_not_is_told_with_its_remedy(
    status: str | None, remedy: str
) -> None:
    statuses = {} if status is None else {"a": status}
    events = await greeted(FakeObserver(statuses))
    assert remedy in events["session.not_working"]["remedy"]
    assert "session.found" not in events


async def test_a_waha_that_is_away_is_told_and_nothing_is_said_of_its_sessions() -> None:
    events = await greeted(FakeObserver(problem="connection refused"))
    assert events["waha.problem"]["problem"] == "connection refused"
    assert events["waha.problem"]["effect"] == "what it does not take waits"
    assert "session.found" not in events


async def test_a_waha_that_tells_no_statuses_has_its_sessions_found() -> None:
    events = await greeted(FakeObserver(None))
    assert events["session.found"]["status"] == "unreadable"


async def test_a_missing_key_and_a_missing_webhook_are_told() -> None:
    events = await greeted(FakeObserver({"a": "WORKING"}), waha_api_key=None)
    assert "WAHA_API_KEY" in events["waha.no_key"]["remedy"]
    assert "WAHA_WEBHOOK_URL" in events["webhooks.not_registered"]["remedy"]


async def test_a_service_without_a_pace_is_warned_once_with_the_remedy() -> None:
    values = {"waha_url": "http://waha", "waha_sessions": "a,b@http://other"}
    with structlog.testing.capture_logs() as logs:
        await greet(settings_of(values), FakeObserver({"a": "WORKING"}), FakeOversight())
    (entry,) = [entry for entry in logs if entry["event"].startswith("pace.")]
    assert (entry["event"], entry["log_level"]) == ("pace.off", "warning")
    assert "PACE=gentle" in entry["remedy"]


async def test_the_pace_that_holds_is_told_as_the_settings_would_say_it() -> None:
    events = await greeted(
        FakeObserver({"a": "WORKING"}),
        pace="careful",
        session_gap="1.5-120",
        quiet_hours="21:00-7:30 Asia/Jakarta",
    )
    told = events["pace.set"]
    assert "pace.off" not in events
    assert told["log_level"] == "info"
    assert (told["rate"], told["gap"]) == (6, "1.5s-2m")
    assert (told["daily_cap"], told["warmup"]) == (300, "20,40,80,160")
    assert (told["new_contacts"], told["quiet_hours"]) == (20, "21:00-07:30 Asia/Jakarta")
    assert "not in its hands" in told["promise"]


async def test_one_part_is_a_pace_and_what_does_not_hold_is_off() -> None:
    events = await greeted(FakeObserver({"a": "WORKING"}), session_gap="0-500ms")
    told = events["pace.set"]
    assert told["gap"] == "0s-500ms"
    for part in ("rate", "daily_cap", "warmup", "new_contacts", "quiet_hours"):
        assert told[part] == "off"


async def test_a_preset_with_every_part_off_is_no_pace() -> None:
    parts = ("session_rate", "session_gap", "session_daily_cap", "warmup", "new_contact_rate")
    events = await greeted(
        FakeObserver({"a": "WORKING"}), pace="careful", **dict.fromkeys(parts, "off")
    )
    assert events["pace.off"]["quiet_hours"] == "off"
    assert "pace.set" not in events


async def test_quiet_hours_are_told_where_there_is_no_other_pace() -> None:
    events = await greeted(FakeObserver({"a": "WORKING"}), quiet_hours="21:00-07:00 Asia/Jakarta")
    assert events["pace.off"]["quiet_hours"] == "21:00-07:00 Asia/Jakarta"


async def test_an_alert_command_that_cannot_be_run_is_told_before_it_is_needed() -> None:
    events = await greeted(FakeObserver({"a": "WORKING"}), alert_command="/no/such letmein")
    told = events["alerts.no_command"]
    assert (told["log_level"], told["program"]) == ("warning", "/no/such")
    assert "letmein" not in str(told)
    events = await greeted(FakeObserver({"a": "WORKING"}), alert_command=f"{sys.executable} -V")
    assert "alerts.no_command" not in events
    assert "alerts.no_command" not in await greeted(FakeObserver({"a": "WORKING"}))


async def test_a_store_that_cannot_be_read_ends_no_start() -> None:
    events = await greeted(FakeObserver({"a": "WORKING"}), FakeOversight(fails=True))
    assert "full" in events["session.found"]["store"]


async def test_one_waha_that_hangs_holds_up_no_word_of_another(
    autojump_clock: trio.testing.MockClock,
) -> None:
    observer = FakeObserver({"a": "WORKING", "b": "WORKING"})

    async def ask(url: str) -> WahaInfo:
        if url.endswith("slow"):
            await trio.sleep(3600)
        return await observer.statuses(url)

    observer.ask = ask  # type: ignore[method-assign]  # one of the two hangs
    with structlog.testing.capture_logs() as logs, trio.move_on_after(10):
        await greet(
            settings_of({"waha_url": "http://waha", "waha_sessions": "a@http://slow,b"}),
            observer,
            FakeOversight(),
        )
    assert [entry["session"] for entry in logs if entry["event"] == "session.found"] == ["b"]


@pytest.mark.parametrize(
    ("path", "warned"),
    [
        ("/webhooks/waha", False),
        ("/wa/webhooks/waha", False),  # a proxy may take the first part off
        ("/webhooks/waha/", False),
        ("/wrong", True),
        ("/waha", True),
    ],
)
async def test_a_webhook_of_another_path_is_told_with_its_remedy(path: str, warned: bool) -> None:
    url = f"http://127.0.0.1:8080{path}"
    events = await greeted(FakeObserver({"a": "WORKING"}), **HOOK | {"waha_webhook_url": url})
    assert ("webhooks.other_path" in events) == warned
    if warned:
        assert events["webhooks.other_path"]["log_level"] == "warning"
        assert "end in /webhooks/waha" in events["webhooks.other_path"]["remedy"]


@pytest.mark.parametrize(
    ("secret", "warned"), [(None, False), ("abc", True), ("x" * 15, True), ("x" * 16, False)]
)
async def test_a_short_secret_is_told_with_its_remedy_and_not_itself(
    secret: str | None, warned: bool
) -> None:
    events = await greeted(FakeObserver({"a": "WORKING"}), waha_webhook_secret=secret)
    assert ("webhooks.short_secret" in events) == warned
    if warned:
        assert secret not in str(events)
        assert "16 characters or more" in events["webhooks.short_secret"]["remedy"]
