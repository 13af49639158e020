"""The pace that an operator sets, kept by the whole service in virtual time."""

from collections import Counter, defaultdict
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
import trio

from tests.test_service import number, send_many, somebody
from trio_wa.core.status import Status
from trio_wa.simulator import AckPlan

HOUR, DAY = 3600, 86_400
NUMBERS = tuple(f"number-{n}" for n in range(12))


def seconds(text):
    """A time of the API in seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


def began_at(view):
    """When the last attempt at a message began."""
    return seconds(view["attempts"][-1]["at"])


def times_by_session(waha):
    """When each session took its messages, in order, by Trio's clock."""
    times = defaultdict(list)
    for message in waha.sent:
        times[message.session].append(message.at)
    return times


def most_within(times, seconds):
    """The most that any window of so many seconds holds, its end not among it."""
    return max(sum(at <= other < at + seconds for other in times) for at in times)


@pytest.mark.trio_wa(session_rate=60)
@pytest.mark.waha(sessions=("a", "b", "c"))
async def test_300_over_three_sessions_at_60_a_minute_take_99_seconds(
    trio_wa, waha, autojump_clock
):
    began = trio.current_time()
    await send_many(trio_wa, 300)
    await trio_wa.settled()
    assert trio.current_time() - began == pytest.approx(99, abs=0.5)
    for times in times_by_session(waha).values():
        assert len(times) == 100
        assert all(after - before >= 0.999 for before, after in pairwise(times))


@pytest.mark.trio_wa(session_rate=120)
@pytest.mark.waha(sessions=("a", "b", "c"), latency=0.05)
async def test_a_burst_of_90_keeps_the_pace_over_a_restart_too(trio_wa, waha, autojump_clock):
    began = trio.current_time()
    await send_many(trio_wa, 90)
    await waha.wait_sent(45)
    await trio_wa.crash()
    await trio_wa.restart()
    await trio_wa.settled()
    assert Counter(message.session for message in waha.sent) == {"a": 30, "b": 30, "c": 30}
    assert max(message.at for message in waha.sent) - min(
        message.at for message in waha.sent
    ) == pytest.approx(14.5, rel=0.05)
    assert trio.current_time() - began < 17
    for times in times_by_session(waha).values():
        assert most_within(times, 5) <= 11


@pytest.mark.trio_wa(session_rate=60)
@pytest.mark.waha(sessions=("a", "b", "c"))
async def test_no_time_is_lost_by_restarts_at_full_rate(trio_wa, waha, autojump_clock):
    await send_many(trio_wa, 300)
    for count in (60, 200, 240):
        await waha.wait_sent(count)
        await trio_wa.crash()
        await trio_wa.restart()
    await trio_wa.settled()
    times = [message.at for message in waha.sent]
    assert max(times) - min(times) == pytest.approx(99, rel=0.05)
    assert Counter(message.session for message in waha.sent) == {"a": 100, "b": 100, "c": 100}
    for times in times_by_session(waha).values():
        assert most_within(times, 60) <= 60


@pytest.mark.trio_wa(pace="careful", session_poll="1m")
@pytest.mark.waha(sessions=NUMBERS)
async def test_with_care_new_numbers_send_twenty_on_their_first_day_and_the_rest_says_why_it_waits(
    trio_wa, waha, autojump_clock
):
    ids = await send_many(trio_wa, 2_000)
    await trio.sleep(DAY - HOUR / 60)
    for times in times_by_session(waha).values():
        assert len(times) == 20
        assert most_within(times, 60) <= 6
        assert most_within(times, HOUR) <= 20
        assert all(after - before >= 10 for before, after in pairwise(times))
    assert len(times_by_session(waha)) == 12
    records = {record.id: record for record in await trio_wa.messages()}
    assert Counter(record.status for record in records.values()) == {
        Status.SENT: 240,
        Status.QUEUED: 1_760,
    }
    for message_id in ids:
        if records[message_id].status is Status.QUEUED:
            view = (await trio_wa.client.get(f"/messages/{message_id}")).json()
            assert view["waiting_for"] == "pace"
            assert view["estimated_at"] >= view["next_attempt_at"]


async def a_day_with_care(trio_wa, waha):
    """Send to 2,000 recipients, and let a day pass; how many went out over each session."""
    await send_many(trio_wa, 2_000)
    await trio.sleep(DAY - HOUR / 60)
    for times in times_by_session(waha).values():
        assert most_within(times, 60) <= 6
        assert most_within(times, HOUR) <= 20  # all of them are new contacts
        assert len(times) <= 300
    statuses = Counter(record.status for record in await trio_wa.messages())
    assert statuses == {Status.SENT: 2_000}
    return Counter(message.session for message in waha.sent)


@pytest.mark.trio_wa(pace="careful", warmup="off", session_poll="1m")
@pytest.mark.waha(sessions=NUMBERS)
async def test_with_care_old_numbers_share_2000_recipients_evenly(trio_wa, waha, autojump_clock):
    assert sorted(set((await a_day_with_care(trio_wa, waha)).values())) == [166, 167]


@pytest.mark.trio_wa(pace="careful", warmup="off", session_poll="1m", session_rotation="sticky")
@pytest.mark.waha(sessions=NUMBERS)
async def test_with_care_and_sticky_the_load_is_as_even_as_chance_makes_it(
    trio_wa, waha, autojump_clock
):
    over = await a_day_with_care(trio_wa, waha)
    assert len(over) == 12
    assert all(110 <= number <= 230 for number in over.values())


@pytest.mark.trio_wa(session_rate=60, session_rotation="sticky")
@pytest.mark.waha(sessions=("a", "b"))
async def test_what_is_ahead_tells_when_a_message_begins(trio_wa, waha, autojump_clock):
    """The answer to a send and the message itself say it; it waits for its own session."""
    await send_many(trio_wa, 120)
    response = await trio_wa.client.post("/send", json={"to": somebody(999), "message": "last"})
    estimated = seconds(response.json()["estimated_at"])
    view = (await trio_wa.client.get(response.headers["Location"])).json()
    assert seconds(view["estimated_at"]) == pytest.approx(estimated, abs=0.1)
    await trio_wa.settled()
    view = (await trio_wa.client.get(response.headers["Location"])).json()
    assert "estimated_at" not in view
    assert began_at(view) - 1 <= estimated <= began_at(view)


@pytest.mark.trio_wa(pace="gentle")
@pytest.mark.waha(sessions=("a", "b", "c"), latency=0.4)
async def test_over_idle_numbers_a_message_leaves_when_its_answer_says(
    trio_wa, waha, autojump_clock
):
    for n in range(40):
        accepted_at = waha.clock.now()
        to = somebody(n // 2)  # each is new at first, and then known
        response = await trio_wa.client.post("/send", json={"to": to, "message": "a code"})
        assert seconds(response.json()["estimated_at"]) == pytest.approx(accepted_at, abs=0.1)
        await trio.sleep(31)
        view = (await trio_wa.client.get(response.headers["Location"])).json()
        assert began_at(view) == pytest.approx(accepted_at, abs=0.1)


@pytest.mark.trio_wa(pace="gentle")
@pytest.mark.waha(sessions=("a", "b", "c"))
async def test_new_contacts_leave_as_soon_as_each_session_may_write_to_one(
    trio_wa, waha, autojump_clock
):
    estimates = []
    for n in range(12):
        response = await trio_wa.client.post("/send", json={"to": somebody(n), "message": "hello"})
        estimates.append((seconds(response.json()["estimated_at"]), response.headers["Location"]))
        await trio.sleep(0.3 * (n % 3))
    await trio_wa.settled()
    for estimated_at, location in estimates:
        view = (await trio_wa.client.get(location)).json()
        assert estimated_at == pytest.approx(began_at(view), abs=0.1)


@pytest.mark.trio_wa(pace="gentle")
@pytest.mark.waha(sessions=("a",))
async def test_what_would_be_late_to_a_new_contact_is_refused_and_to_a_known_one_is_not(
    trio_wa, waha, autojump_clock
):
    await trio_wa.send(somebody(1), "known from now on")
    await trio.sleep(8)
    urgent = {"message": "a code", "priority": "urgent", "ttl": 5}
    late = await trio_wa.client.post("/send", json={"to": somebody(2), **urgent})
    assert (late.status_code, late.json()["code"]) == (422, "cannot_meet_ttl")
    known = await trio_wa.client.post("/send", json={"to": somebody(1), **urgent})
    assert known.status_code == 202
    await trio_wa.settled()
    ledger = (await trio_wa.client.get("/ledger")).json()
    assert (ledger["accepted"], ledger["states"]["expired"]) == (2, 0)


async def test_without_a_pace_nobody_says_when(trio_wa):
    response = await trio_wa.client.post("/send", json={"to": number(1), "message": "now"})
    assert "estimated_at" not in response.json()


SECRET = {"waha_webhook_secret": "a-secret"}


async def session_view(trio_wa, name):
    """What `GET /sessions` shows of one."""
    data = (await trio_wa.client.get("/sessions")).json()["data"]
    return next(each for each in data if each["name"] == name)


async def alerts(trio_wa):
    """The names of the alerts and their sessions, the oldest first."""
    data = (await trio_wa.client.get("/alerts")).json()["data"]
    return [(each["alert"], each["session"]) for each in reversed(data)]


@pytest.mark.trio_wa(**SECRET)
@pytest.mark.waha(sessions=("a", "b"))
async def test_a_ghost_is_out_two_minutes_after_its_tenth_send_and_back_after_a_restart(
    trio_wa, waha, autojump_clock
):
    await send_many(trio_wa, 40)
    await trio.sleep(5)  # both sessions have been acknowledged
    waha.ghost("a")
    await send_many(trio_wa, 20)
    await trio.sleep(120)
    assert (await session_view(trio_wa, "a"))["obstacle"] == "ghost"
    assert ("session.ghost", "a") in await alerts(trio_wa)
    listed = await trio_wa.client.get("/messages?session=a&unconfirmed=true")
    assert len(listed.json()["data"]) == 10
    await send_many(trio_wa, 20)
    await trio_wa.settled()
    assert Counter(message.session for message in waha.sent[-20:]) == {"b": 20}
    await trio_wa.restart()  # of this service: it stays out
    await trio.sleep(60)
    assert (await session_view(trio_wa, "a"))["obstacle"] == "ghost"
    response = await trio_wa.client.post("/sessions/a/restart")
    assert response.status_code == 202
    await trio.sleep(30)
    await send_many(trio_wa, 20)
    await trio.sleep(30)
    assert (await session_view(trio_wa, "a"))["obstacle"] is None
    await send_many(trio_wa, 20)
    await trio_wa.settled()
    assert Counter(message.session for message in waha.sent[-20:]) == {"a": 10, "b": 10}


@pytest.mark.trio_wa(**SECRET)
@pytest.mark.waha(sessions=("a", "b"))
async def test_a_session_with_merely_slow_acks_is_no_ghost(trio_wa, waha, autojump_clock):
    waha.faults(session="a", acks=AckPlan(late=80))
    for _ in range(10):
        await send_many(trio_wa, 20)
        await trio.sleep(60)
        assert (await session_view(trio_wa, "a"))["obstacle"] is None
    assert [name for name, _ in await alerts(trio_wa)].count("session.ghost") == 0


@pytest.mark.trio_wa(**SECRET, max_attempts=3)
@pytest.mark.waha(sessions=("a",), tells_timelocks=False)
async def test_a_time_lock_holds_new_contacts_alone(trio_wa, waha, autojump_clock):
    await trio_wa.send(somebody(1), "known from now on")
    await trio_wa.settled()
    waha.timelock("a", 6 * HOUR - 60)
    stranger = await trio_wa.send(somebody(2), "to a stranger")
    await trio.sleep(10)
    await trio_wa.send(somebody(1), "to a known one")
    await waha.wait_for(text="to a known one")
    view = (await trio_wa.client.get(f"/messages/{stranger}")).json()
    assert (view["status"], view["waiting_for"]) == ("queued", "timelock")
    assert (await session_view(trio_wa, "a"))["timelock_until"] == view["next_attempt_at"]
    await trio_wa.restart()  # it outlives the service
    await trio.sleep(HOUR)
    tried = sum(each.chat_id == f"{somebody(2)}@c.us" for each in waha.requests)
    assert tried == 1
    await trio.sleep(6 * HOUR)
    record = await trio_wa.message(stranger)
    assert record.status in (Status.SENT, Status.DELIVERED, Status.READ)
    assert ("session.timelock", "a") not in await alerts(trio_wa)  # of the life before


@pytest.mark.trio_wa(session_auto_restart=2, worker_count=5)
@pytest.mark.waha(sessions=("a", "b"))
async def test_a_session_whose_engine_fails_is_restarted_and_comes_back(
    trio_wa, waha, autojump_clock
):
    waha.break_engine("a")
    for _ in range(60):
        await send_many(trio_wa, 2)
        await trio.sleep(20)
    assert ("breaker.open", "a") in await alerts(trio_wa)
    view = await session_view(trio_wa, "a")
    assert (view["breaker"], view["obstacle"]) == ("closed", None)
    into_a = [each.outcome for each in waha.requests if each.session == "a"]
    assert into_a.count(500) == 6  # five that opened it, and one probe before the restart
    assert into_a[-1] == 201


@pytest.mark.trio_wa(quiet_hours="00:00-23:59 Asia/Jakarta", session_poll="1h")
async def test_quiet_hours_hold_what_waits_and_say_until_when(trio_wa, waha, autojump_clock):
    message_id = await trio_wa.send(somebody(1), "by day", priority="bulk")
    await trio.sleep(1)
    view = (await trio_wa.client.get(f"/messages/{message_id}")).json()
    assert view["waiting_for"] == "quiet_hours"
    await trio_wa.settled(within=2 * DAY)
    sent_at = datetime.fromtimestamp(waha.sent[0].at, ZoneInfo("Asia/Jakarta"))
    assert (sent_at.hour, sent_at.minute) == (23, 59)
