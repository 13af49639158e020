"""Silent webhooks are noticed, and nothing else is taken for it."""

import trio
import trio.testing

from tests.fakes import FakeAlarm
from trio_wa.silence import SENDS, SILENT_SECONDS, Silence

EFFECT = "acks are looked up instead, one a second"


def watched(nursery: trio.Nursery) -> Silence:
    """One that watches the sessions a and b."""
    silence = Silence({"a": False, "b": False}, FakeAlarm())
    nursery.start_soon(silence.run)
    return silence


def send(silence: Silence, count: int = SENDS) -> None:
    for _ in range(count):
        silence.sent("a")


async def test_a_session_that_never_told_anything_is_not_called_silent(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    silence = watched(nursery)
    send(silence, 100)
    await trio.sleep(10 * SILENT_SECONDS)
    assert silence.hearing("a") == "none"


async def test_sends_without_events_after_the_first_are_silence_within_a_minute(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    silence = watched(nursery)
    silence.heard("a")
    silence.heard("b")
    send(silence)
    await trio.sleep(SILENT_SECONDS - 1)
    assert silence.hearing("a") == "heard"
    await trio.sleep(2)
    assert (silence.hearing("a"), silence.hearing("b")) == ("silent", "heard")


async def test_an_event_ends_the_silence_and_it_can_fall_again(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    silence = watched(nursery)
    silence.heard("a")
    for _ in range(2):
        send(silence)
        await trio.sleep(2 * SILENT_SECONDS + 1)
        assert silence.hearing("a") == "silent"
        silence.heard("a")
        assert silence.hearing("a") == "heard"


async def test_one_send_that_nothing_follows_says_nothing(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    silence = watched(nursery)
    silence.heard("a")
    send(silence, SENDS - 1)
    await trio.sleep(10 * SILENT_SECONDS)
    assert silence.hearing("a") == "heard"


async def test_events_between_the_sends_are_no_silence(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    silence = watched(nursery)
    for _ in range(20):
        send(silence, 10)
        await trio.sleep(SILENT_SECONDS / 2)
        silence.heard("a")
        assert silence.hearing("a") == "heard"


async def test_a_quiet_night_is_no_silence(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    silence = watched(nursery)
    silence.heard("a")
    send(silence, 1)
    silence.heard("a")
    await trio.sleep(86_400)
    assert silence.hearing("a") == "heard"


async def test_events_that_stop_amid_the_sends_are_noticed_within_two_minutes(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    silence = watched(nursery)
    silence.heard("a")
    send(silence, 1)
    await trio.sleep(SILENT_SECONDS / 2)
    silence.heard("a")
    send(silence)
    await trio.sleep(2 * SILENT_SECONDS)
    assert silence.hearing("a") == "silent"


async def test_a_session_that_told_of_acks_before_the_start_is_expected_to_go_on(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    silence = Silence({"a": True}, FakeAlarm())
    nursery.start_soon(silence.run)
    assert silence.hearing("a") == "heard"
    send(silence)
    await trio.sleep(SILENT_SECONDS + 1)
    assert silence.hearing("a") == "silent"


async def test_a_silence_raises_one_alarm_and_the_next_another(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    alarm = FakeAlarm()
    silence = Silence({"a": True}, alarm)
    nursery.start_soon(silence.run)
    for times in (1, 2):
        send(silence, 5)
        await trio.sleep(10 * SILENT_SECONDS)
        facts = {"sends": 5, "effect": EFFECT}
        assert alarm.raised == [("webhooks.silent", "a", facts)] * times
        silence.heard("a")


async def test_what_told_of_acks_before_the_start_is_not_heard_elsewhere_yet() -> None:
    silence = Silence({"a": True, "b": True}, FakeAlarm())
    assert not silence.heard_elsewhere("a", 60)  # those of before the start tell nothing


async def test_what_is_heard_elsewhere_was_heard_lately_and_of_another(
    autojump_clock: trio.testing.MockClock,
) -> None:
    silence = Silence({"a": False, "b": False, "c": False}, FakeAlarm())
    silence.heard("b")
    assert silence.heard_elsewhere("a", 60)
    assert not silence.heard_elsewhere("b", 60)
    await trio.sleep(61)
    assert not silence.heard_elsewhere("a", 60)
    assert silence.heard_elsewhere("a", 62)
