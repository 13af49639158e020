"""Numbers in trouble, in the whole service before a simulated WAHA, in virtual time."""

from datetime import datetime

import pytest
import trio

from tests.test_service import somebody
from trio_wa.core.ghost import SENDS
from trio_wa.core.status import Status
from trio_wa.timelocks import MARGIN_SECONDS

TOLD = {"waha_webhook_secret": "a-secret"}
HOUR = 3_600


async def session(trio_wa, name="a"):
    """A session as `GET /sessions` shows it."""
    sessions = (await trio_wa.client.get("/sessions")).json()["data"]
    return next(each for each in sessions if each["name"] == name)


async def alerts(trio_wa, name="a"):
    """The alerts about a session, the oldest first."""
    latest = (await trio_wa.client.get("/alerts")).json()["data"]
    told = [(each["alert"], each["facts"]) for each in latest if each["session"] == name]
    return list(reversed(told))


async def send_each(trio_wa, seconds, numbers):
    """Send a message to each of `numbers`, one every so many seconds."""
    for number in numbers:
        await trio_wa.send(somebody(number), f"text {number}")
        await trio.sleep(seconds)


def taken_by(waha, name="a"):
    """When each message was sent into a session, by Trio's clock."""
    return [each.at for each in waha.requests if each.session == name]


def seconds_until(trio_wa, waha, told):
    return datetime.fromisoformat(told).timestamp() - waha.clock.now()


@pytest.mark.trio_wa(**TOLD)
@pytest.mark.waha(sessions=("a", "b"))
async def test_a_ghost_stays_out_over_a_restart_of_the_service_until_an_operator_wants_it(
    trio_wa, waha, autojump_clock
):
    await send_each(trio_wa, 1, range(10))
    waha.ghost("a", until="told")
    before = len(taken_by(waha))
    await send_each(trio_wa, 2, range(10, 80))
    in_vain = taken_by(waha)[before:]
    assert len(in_vain) >= SENDS
    assert in_vain[-1] <= in_vain[SENDS - 1] + 120
    view = await session(trio_wa)
    assert (view["ghost"], view["status"], view["obstacle"]) == (True, "WORKING", "ghost")
    assert not (await session(trio_wa, "b"))["ghost"]
    [(name, facts)] = await alerts(trio_wa)
    assert name == "session.ghost"
    await trio.sleep(60)  # CONFIRM_TIMEOUT
    listed = (await trio_wa.client.get(f"{facts['unconfirmed']}&limit=100")).json()["data"]
    assert len(listed) == len(in_vain)
    await trio_wa.crash()
    await trio_wa.restart()
    before = len(taken_by(waha))
    await send_each(trio_wa, 1, range(200, 220))
    assert len(taken_by(waha)) == before
    assert (await session(trio_wa))["ghost"]
    response = await trio_wa.client.post("/sessions/a/restart")  # the probe is not acknowledged
    assert response.status_code == 202
    await trio.sleep(6)
    await send_each(trio_wa, 1, range(220, 240))
    assert len(taken_by(waha)) == before + 1
    waha.heal("a")
    response = await trio_wa.client.post("/sessions/a/resume")
    assert (response.status_code, response.json()["ghost"]) == (200, False)
    await send_each(trio_wa, 1, range(240, 260))
    assert len(taken_by(waha)) == before + 1 + 10


@pytest.mark.trio_wa(session_auto_restart=2, **TOLD)
@pytest.mark.waha(sessions=("a", "b"))
async def test_a_ghost_that_is_restarted_by_itself_returns_by_itself(trio_wa, waha, autojump_clock):
    await send_each(trio_wa, 1, range(10))
    waha.ghost("a")
    await send_each(trio_wa, 2, range(10, 100))
    names = [name for name, _ in await alerts(trio_wa)]
    assert names == ["session.ghost", "session.down", "session.up"]
    view = await session(trio_wa)
    assert (view["ghost"], view["obstacle"]) == (False, None)


@pytest.mark.trio_wa(session_auto_restart=2, **TOLD)
@pytest.mark.waha(sessions=("a", "b"))
async def test_a_ghost_that_no_restart_helps_is_restarted_a_bounded_number_of_times(
    trio_wa, waha, autojump_clock
):
    await send_each(trio_wa, 1, range(10))
    waha.ghost("a", until="told")
    await send_each(trio_wa, 5, range(10, 160))
    names = [name for name, _ in await alerts(trio_wa)]
    assert names.count("session.down") == 2
    assert names.count("session.ghost") == 3
    assert (await session(trio_wa))["ghost"]


@pytest.mark.trio_wa(**TOLD)
@pytest.mark.waha(sessions=("a", "b"))
async def test_a_probe_of_which_nobody_can_tell_whether_it_was_sent_is_told_too(
    trio_wa, waha, autojump_clock
):
    await send_each(trio_wa, 1, range(10))
    waha.ghost("a", until="told")
    await send_each(trio_wa, 2, range(10, 80))
    waha.break_engine("a", until="told")
    await trio_wa.client.post("/sessions/a/restart")
    await trio.sleep(6)
    before = len(taken_by(waha))
    await send_each(trio_wa, 1, range(80, 100))
    assert len(taken_by(waha)) == before + 1
    assert (await alerts(trio_wa))[-1] == ("session.ghost", {"probe": "unknown"})
    assert (await session(trio_wa))["ghost"]


@pytest.mark.trio_wa(ghost_share=0, **TOLD)
@pytest.mark.waha(sessions=("a", "b"))
async def test_where_it_is_off_a_ghost_goes_on(trio_wa, waha, autojump_clock):
    await send_each(trio_wa, 1, range(10))
    waha.ghost("a")
    await send_each(trio_wa, 3, range(10, 110))
    assert not (await session(trio_wa))["ghost"]
    assert len(taken_by(waha)) == pytest.approx(55, abs=2)


@pytest.mark.trio_wa(session_auto_restart=2, **TOLD)
@pytest.mark.waha(sessions=("a", "b"))
async def test_a_broken_engine_is_probed_then_restarted_and_closes_its_breaker_by_a_success(
    trio_wa, waha, autojump_clock
):
    waha.break_engine("a")
    await send_each(trio_wa, 0.1, range(20))
    view = await session(trio_wa)
    assert (view["breaker"], view["obstacle"]) == ("open", "breaker_open")
    [(name, facts)] = await alerts(trio_wa)
    assert name == "breaker.open"
    assert 0 < seconds_until(trio_wa, waha, facts["probe_at"]) < 31
    assert len(taken_by(waha)) == 5
    await send_each(trio_wa, 1, range(20, 60))  # a probe fails, and WAHA restarts the session
    names = [name for name, _ in await alerts(trio_wa)]
    assert names == ["breaker.open", "session.down", "session.up"]
    await send_each(trio_wa, 1, range(60, 100))
    view = await session(trio_wa)
    assert (view["breaker"], view["obstacle"]) == ("closed", None)
    assert len(taken_by(waha)) >= 5 + 1 + 15
    assert [each.text for each in waha.sent if each.session == "a"] != []


@pytest.mark.trio_wa(session_auto_restart=2, **TOLD)
@pytest.mark.waha(sessions=("a", "b"))
async def test_a_restart_that_did_not_help_at_once_is_given_time(trio_wa, waha, autojump_clock):
    waha.break_engine("a", until="told")
    await send_each(trio_wa, 0.1, range(20))
    await send_each(trio_wa, 1, range(20, 80))  # two probes fail: the second right after a restart
    assert [name for name, _ in await alerts(trio_wa)].count("session.down") == 1
    await send_each(trio_wa, 5, range(80, 180))
    assert [name for name, _ in await alerts(trio_wa)].count("session.down") == 2


@pytest.mark.waha(sessions=("a", "b"))
async def test_a_broken_engine_is_left_alone_where_no_restart_is_wanted(
    trio_wa, waha, autojump_clock
):
    waha.break_engine("a")
    await send_each(trio_wa, 1, range(20))
    await send_each(trio_wa, 60, range(20, 80))
    assert [name for name, _ in await alerts(trio_wa)] == ["breaker.open"]
    assert 5 + 4 <= len(taken_by(waha)) <= 5 + 14  # a probe after 30 seconds, and then 10 minutes
    assert len([each for each in waha.sent if each.session == "b"]) == pytest.approx(65, abs=10)


@pytest.mark.trio_wa(**TOLD)
@pytest.mark.waha(sessions=("a",))
async def test_a_time_lock_holds_new_contacts_until_waha_says_it_ends(
    trio_wa, waha, autojump_clock
):
    await trio_wa.send(somebody(1), "known")
    await trio_wa.settled()
    waha.receive(somebody(2), "Hi")
    await trio.sleep(1)
    waha.timelock("a", HOUR)
    first = await trio_wa.send(somebody(3), "first")
    await trio.sleep(1)
    for number in (1, 2):
        await trio_wa.send(somebody(number), "again")
    new = await trio_wa.send(somebody(4), "new")
    await trio.sleep(60)
    assert [each.text for each in waha.sent] == ["known", "again", "again"]
    view = await session(trio_wa)
    assert view["obstacle"] is None
    assert seconds_until(trio_wa, waha, view["timelock_until"]) == pytest.approx(
        HOUR - 61 + MARGIN_SECONDS, abs=2
    )
    facts = {"until": view["timelock_until"], "told_by_waha": True}
    assert await alerts(trio_wa) == [("session.timelock", facts)]
    for message_id in (first, new):
        shown = (await trio_wa.client.get(f"/messages/{message_id}")).json()
        assert shown["waiting_for"] == "timelock"
        assert shown["next_attempt_at"] == view["timelock_until"]

    await trio_wa.crash()
    await trio_wa.restart()
    before = len(waha.requests)
    await trio.sleep(HOUR - 120)
    assert len(waha.requests) == before
    await trio.sleep(120)
    await trio_wa.settled()
    # To two recipients: which of them WAHA hears first is open.
    assert sorted(each.text for each in waha.sent[3:]) == ["first", "new"]
    assert (await session(trio_wa))["timelock_until"] is None


@pytest.mark.trio_wa(timelock_hold="2h", **TOLD)
@pytest.mark.waha(sessions=("a", "b"), tells_timelocks=False)
async def test_where_waha_tells_no_end_the_hold_stands_and_another_session_takes_over(
    trio_wa, waha, autojump_clock
):
    waha.timelock("a", HOUR)
    bound = await trio_wa.send(somebody(1), "bound", session="a")
    await trio.sleep(1)
    await send_each(trio_wa, 1, range(2, 22))
    assert {each.session for each in waha.sent} == {"b"}
    assert len(waha.sent) == 20
    assert len(taken_by(waha)) == 1
    [(name, facts)] = await alerts(trio_wa)
    assert (name, facts["told_by_waha"]) == ("session.timelock", False)
    assert seconds_until(trio_wa, waha, facts["until"]) == pytest.approx(2 * HOUR - 21, abs=2)
    await trio.sleep(HOUR)  # it is over, as the operator knows
    response = await trio_wa.client.post("/sessions/a/resume")
    assert (response.status_code, response.json()["timelock_until"]) == (200, None)
    await trio_wa.settled()
    assert (await trio_wa.message(bound)).status in (Status.SENT, Status.DELIVERED, Status.READ)


@pytest.mark.trio_wa(session_rate=6, session_daily_cap=100, **TOLD)
@pytest.mark.waha(sessions=("a",))
async def test_a_session_shows_when_it_may_send_next_and_its_cap(trio_wa, waha, autojump_clock):
    view = await session(trio_wa)
    assert (view["next_send_at"], view["daily_cap"]) == (None, 100)
    await send_each(trio_wa, 0, range(2))
    await trio.sleep(1)
    view = await session(trio_wa)
    assert seconds_until(trio_wa, waha, view["next_send_at"]) == pytest.approx(9, abs=0.5)


@pytest.mark.trio_wa(**TOLD)
@pytest.mark.waha(sessions=("a", "b"))
async def test_alerts_tell_of_sessions_that_go_down_and_of_a_standstill_that_lasts(
    trio_wa, waha, autojump_clock
):
    await trio.sleep(6)  # they were seen to work
    for name in "ab":
        waha.sessions[name] = "SCAN_QR_CODE"
    await trio.sleep(5)
    assert await alerts(trio_wa, None) == []
    await trio.sleep(10)
    reasons = "a: session_not_working, b: session_not_working"
    assert await alerts(trio_wa, None) == [("dispatch.paused", {"reasons": reasons})]
    for name in "ab":
        assert await alerts(trio_wa, name) == [("session.down", {"status": "SCAN_QR_CODE"})]
    await trio.sleep(HOUR)
    waha.sessions["a"] = "WORKING"
    await trio.sleep(60)
    assert len(await alerts(trio_wa, None)) == 1
    names = [each["alert"] for each in (await trio_wa.client.get("/alerts")).json()["data"]]
    assert names.count("session.up") == 1
