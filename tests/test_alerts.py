"""What an operator is told: everything in the log, and the rest of the world not too often."""

import itertools
import math
import random
from collections import Counter

import pytest
import structlog
import trio
import trio.testing

from tests.fakes import FakeNotifier
from trio_wa.alerts import KEPT, PAUSES, QUIET_SECONDS, Alerts
from trio_wa.clock import Clock
from trio_wa.ports import AlertName
from trio_wa.telemetry import timestamp


def alarmed(nursery: trio.Nursery, *notifiers: FakeNotifier) -> Alerts:
    """One that passes alerts on."""
    alerts = Alerts(notifiers, Clock())
    nursery.start_soon(alerts.run)
    return alerts


def told(notifier: FakeNotifier) -> list[tuple[float, str, int]]:
    """What was told: when, the name, and how many were left out."""
    return [(at, body["alert"], body.get("repeats", 0)) for at, body in notifier.told]


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("session.up", "info"),
        ("session.down", "warning"),
        ("session.timelock", "warning"),
        ("session.ghost", "error"),
        ("breaker.open", "error"),
        ("webhooks.silent", "error"),
        ("dispatch.paused", "error"),
        ("store.unavailable", "error"),
    ],
)
async def test_an_alert_is_logged_under_its_name(name: AlertName, level: str) -> None:
    alerts = Alerts((), Clock())
    with structlog.testing.capture_logs() as logs:
        alerts(name, "a", sends=3)
        alerts(name, reason="because")
    assert logs == [
        {"event": name, "log_level": level, "session": "a", "sends": 3},
        {"event": name, "log_level": level, "reason": "because"},
    ]


async def test_the_latest_are_kept_the_newest_first() -> None:
    alerts = Alerts((), Clock())
    for number in range(KEPT + 5):
        alerts("breaker.open", "a", number=number)
    numbers = [alert.facts["number"] for alert in alerts.latest()]
    assert numbers == list(range(KEPT + 4, 4, -1))


async def test_an_alert_is_passed_on_as_a_small_object(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    notifiers = FakeNotifier(), FakeNotifier()
    alerts = alarmed(nursery, *notifiers)
    alerts("session.ghost", "a", share=0.1, since=None)
    alerts("store.unavailable", reason="das Gerät \ud800")
    at = timestamp(alerts.latest()[0].at)
    await trio.sleep(1)
    for notifier in notifiers:
        assert [body for _, body in notifier.told] == [
            {
                "alert": "session.ghost",
                "at": at,
                "session": "a",
                "facts": {"share": 0.1, "since": None},
            },
            {
                "alert": "store.unavailable",
                "at": at,
                "session": None,
                "facts": {"reason": "das Gerät ?"},
            },
        ]


async def test_the_same_is_passed_on_once_a_minute_and_then_as_it_is_by_then(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    notifier = FakeNotifier()
    alerts = alarmed(nursery, notifier)
    for number in range(100):
        alerts("breaker.open", "a", number=number)
        await trio.sleep(0.1)
    await trio.sleep(QUIET_SECONDS)
    assert told(notifier) == [(0, "breaker.open", 0), (QUIET_SECONDS, "breaker.open", 98)]
    assert notifier.told[1][1]["facts"] == {"number": 99}
    await trio.sleep(10 * QUIET_SECONDS)
    alerts("breaker.open", "a")
    await trio.sleep(1)
    assert told(notifier)[2:] == [(11 * QUIET_SECONDS + 10, "breaker.open", 0)]


async def test_another_session_or_name_does_not_wait_for_the_minute(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    notifier = FakeNotifier()
    alerts = alarmed(nursery, notifier)
    for session in ("a", "b", None):
        alerts("breaker.open", session)
        alerts("session.ghost", session)
    await trio.sleep(1)
    assert [(body["session"], body["alert"]) for _, body in notifier.told] == [
        (session, name)
        for session in ("a", "b", None)
        for name in ("breaker.open", "session.ghost")
    ]


async def test_a_session_that_is_up_again_is_not_called_down_afterwards(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    notifier = FakeNotifier()
    alerts = alarmed(nursery, notifier)
    alerts("session.down", "a")
    await trio.sleep(40)
    alerts("session.up", "a")
    await trio.sleep(10)
    alerts("session.down", "a")
    await trio.sleep(5)
    alerts("session.up", "a")
    await trio.sleep(10 * QUIET_SECONDS)
    assert told(notifier) == [(0, "session.down", 0), (40, "session.up", 0), (100, "session.up", 0)]


async def test_what_a_slow_notifier_has_still_to_tell_is_told_in_order(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    notifier = FakeNotifier(seconds=50)
    alerts = alarmed(nursery, notifier)
    alerts("session.down", "a")
    alerts("session.ghost", "b")  # until 100
    await trio.sleep(55)
    alerts("session.down", "a")
    await trio.sleep(10)
    alerts("session.up", "a")
    await trio.sleep(10 * QUIET_SECONDS)
    assert told(notifier) == [
        (50, "session.down", 0),
        (100, "session.ghost", 0),
        (150, "session.down", 0),
        (200, "session.up", 0),
    ]


@pytest.mark.parametrize("seed", range(30))
async def test_however_a_session_flaps_the_last_that_is_told_is_how_it_is(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery, seed: int
) -> None:
    """Each is told or counted, and no two of a name within a minute."""
    chance = random.Random(seed)
    notifier = FakeNotifier(seconds=chance.choice([0, 1, 20]))
    alerts = alarmed(nursery, notifier)
    raised: Counter[str] = Counter()
    down = False
    for _ in range(40):
        down = not down
        name: AlertName = "session.down" if down else "session.up"
        alerts(name, "a")
        raised[name] += 1
        await trio.sleep(chance.choice([0, 1, 10, 30, 100]))
    await trio.sleep(10 * QUIET_SECONDS)
    assert notifier.told[-1][1]["at"] == timestamp(alerts.latest()[0].at)
    for name in ("session.down", "session.up"):
        times = [at for at, each, _ in told(notifier) if each == name]
        pauses = [after - before for before, after in itertools.pairwise(times)]
        assert min(pauses) >= QUIET_SECONDS
        counted = sum(1 + repeats for _, each, repeats in told(notifier) if each == name)
        # What an opposite outdated is counted by the next one, which has not come yet.
        assert counted <= raised[name]
        assert notifier.told[-1][1]["alert"] != name or counted == raised[name]


async def test_a_notifier_that_hangs_holds_up_no_other(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    stuck, well = FakeNotifier(seconds=math.inf), FakeNotifier()
    alerts = alarmed(nursery, stuck, well)
    alerts("session.ghost", "a")
    await trio.sleep(1)
    alerts("session.ghost", "b")
    await trio.sleep(1)
    assert [body["session"] for _, body in well.told] == ["a", "b"]
    assert stuck.told == []


async def test_what_cannot_be_passed_on_is_tried_three_times_and_then_logged(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    dead, well = FakeNotifier(refusals=3), FakeNotifier(refusals=2)
    alerts = alarmed(nursery, dead, well)
    with structlog.testing.capture_logs() as logs:
        alerts("session.ghost", "a")
        await trio.sleep(100)
        alerts("session.ghost", "b")
        await trio.sleep(1)
    first, second = PAUSES
    assert first < second
    assert dead.tries == [0, first, first + second, 100]
    assert [(at, body["session"]) for at, body in dead.told] == [(100, "b")]
    assert [(at, body["session"]) for at, body in well.told] == [(first + second, "a"), (100, "b")]
    assert [log for log in logs if log["event"] == "alert.not_notified"] == [
        {
            "event": "alert.not_notified",
            "log_level": "error",
            "alert": "session.ghost",
            "session": "a",
            "reason": "the line is dead",
        }
    ]


async def test_what_happens_before_the_start_is_passed_on_and_after_the_stop_is_only_kept(
    autojump_clock: trio.testing.MockClock,
) -> None:
    notifier = FakeNotifier(seconds=5)
    alerts = Alerts([notifier], Clock())
    alerts("session.ghost", "a")
    with trio.move_on_after(7):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(alerts.run)
            await trio.sleep(6)
            alerts("session.ghost", "b")
    for _ in range(1000):
        alerts("session.ghost", "c")
    await trio.sleep(100)
    assert [body["session"] for _, body in notifier.told] == ["a"]
    assert len(notifier.tries) == 2  # the one of b was under way
    assert len(alerts.latest()) == KEPT


async def test_without_notifiers_nothing_runs() -> None:
    with trio.fail_after(1):
        await Alerts((), Clock()).run()
