"""Living sessions: what sends go over while they come and go, in virtual time."""

from collections import Counter

import pytest
import trio

from tests.test_service import failed_attempts, number, send_many, somebody, times_sent
from trio_wa.core.status import Status

SECRET = {"waha_webhook_secret": "a-secret"}


def sent_over(waha):
    """How many messages went out over each session."""
    return Counter(message.session for message in waha.sent)


@pytest.mark.waha(sessions=("a", "b", "c"), latency=0.05)
async def test_one_of_three_that_is_logged_out_gets_nothing_and_the_others_share_evenly(
    trio_wa, waha, autojump_clock
):
    waha.sessions["b"] = "SCAN_QR_CODE"
    await trio.sleep(6)  # a poll
    await send_many(trio_wa, 600)
    await trio_wa.settled()
    assert times_sent(waha) == {f"text {n}": 1 for n in range(600)}
    assert [each.session for each in waha.requests].count("b") == 0
    assert sent_over(waha)["a"] == pytest.approx(300, abs=30)


@pytest.mark.trio_wa(**SECRET)
@pytest.mark.waha(sessions=("a", "b", "c"), latency=0.05, not_working_wait=10.0)
async def test_one_that_is_logged_out_in_the_midst_of_it_gets_a_handful(
    trio_wa, waha, autojump_clock
):
    await send_many(trio_wa, 300)
    await waha.wait_sent(60)
    waha.sessions["b"] = "SCAN_QR_CODE"  # a webhook tells of it
    before = len(waha.requests)
    await send_many(trio_wa, 300)
    await trio_wa.settled()
    assert times_sent(waha).keys() == {f"text {n}" for n in range(300)}
    assert len(waha.sent) == 600
    into_b = [each for each in waha.requests[before:] if each.session == "b"]
    assert len(into_b) <= 17  # what its share of the workers had in hand at that instant
    assert waha.sends_while_not_working(1.0) == []


@pytest.mark.trio_wa(**SECRET)
@pytest.mark.waha(sessions=("a", "b"))
async def test_with_all_out_nothing_leaves_and_one_that_returns_takes_over_within_a_second(
    trio_wa, waha, autojump_clock
):
    waha.sessions["a"] = waha.sessions["b"] = "SCAN_QR_CODE"
    await trio.sleep(6)
    ids = await send_many(trio_wa, 20)
    await trio.sleep(600)
    assert waha.requests == []
    view = (await trio_wa.client.get(f"/messages/{ids[0]}")).json()
    assert (view["status"], view["waiting_for"]) == ("queued", "session")
    returned = trio.current_time()
    waha.sessions["b"] = "WORKING"
    await waha.wait_for()
    assert trio.current_time() - returned < 1
    await trio_wa.settled()
    assert trio.current_time() - returned < 2
    assert sent_over(waha) == {"b": 20}


@pytest.mark.waha(sessions=("a",))
async def test_without_webhooks_one_that_returns_is_used_after_the_next_poll(
    trio_wa, waha, autojump_clock
):
    waha.sessions["a"] = "STOPPED"
    await trio.sleep(6)
    await trio_wa.send(somebody(1), "Hello")
    await trio.sleep(60)
    assert waha.requests == []
    waha.sessions["a"] = "WORKING"
    returned = trio.current_time()
    await trio_wa.settled()
    assert trio.current_time() - returned < 5.5
    assert len(waha.sent) == 1


@pytest.mark.waha(sessions=("a", "b"))
async def test_a_message_that_names_its_session_waits_for_it(trio_wa, waha, autojump_clock):
    waha.sessions["a"] = "FAILED"
    await trio.sleep(6)
    await trio_wa.send(somebody(1), "for a", session="a")
    await trio_wa.send(somebody(2), "for any")
    await trio.sleep(60)
    assert [message.text for message in waha.sent] == ["for any"]
    waha.sessions["a"] = "WORKING"
    await trio_wa.settled()
    assert waha.sent[-1].session == "a"


@pytest.mark.waha(sessions=("a", "b"), not_working=0.0)
async def test_a_refused_send_goes_to_another_session_at_once_and_costs_no_attempt(
    trio_wa, waha, autojump_clock
):
    waha.faults(session="a", not_working=1)
    message_id = await trio_wa.send(somebody(1), "Hello")
    began = trio.current_time()
    await trio_wa.settled()
    assert trio.current_time() - began < 1
    record = await trio_wa.message(message_id)
    assert (record.status, record.session) == (Status.SENT, "b")
    assert await failed_attempts(trio_wa) == {"session_not_working": 1}


@pytest.mark.trio_wa(session_rotation="sticky")
@pytest.mark.waha(sessions=("a", "b", "c"))
async def test_a_sticky_recipient_keeps_its_number_while_that_works(trio_wa, waha, autojump_clock):
    async def round_of_sends():
        before = len(waha.sent)
        await send_many(trio_wa, 60)
        await trio_wa.settled()
        return {message.chat_id: message.session for message in waha.sent[before:]}

    first = await round_of_sends()
    assert await round_of_sends() == first
    assert min(Counter(first.values()).values()) >= 10
    waha.sessions["b"] = "FAILED"
    await trio.sleep(6)
    without = await round_of_sends()
    moved = {chat_id for chat_id in first if first[chat_id] != without[chat_id]}
    assert moved == {chat_id for chat_id, session in first.items() if session == "b"}
    waha.sessions["b"] = "WORKING"
    await trio.sleep(6)
    assert await round_of_sends() == first


async def test_a_paused_session_sends_nothing_until_it_is_resumed_even_after_a_restart(
    trio_wa, waha, autojump_clock
):
    paused = await trio_wa.client.post("/sessions/default/pause")
    assert (paused.status_code, paused.json()["paused"]) == (200, True)
    await trio_wa.send(somebody(1), "Hello")
    await trio.sleep(60)
    await trio_wa.crash()
    await trio_wa.restart()
    await trio.sleep(60)
    assert waha.requests == []
    [view] = (await trio_wa.client.get("/sessions")).json()["data"]
    assert (view["paused"], view["obstacle"]) == (True, "paused")
    await trio_wa.client.post("/sessions/default/resume")
    await trio_wa.settled()
    assert len(waha.sent) == 1


@pytest.mark.trio_wa(**SECRET)
@pytest.mark.waha(sessions=("a", "b"))
async def test_the_list_of_sessions_tells_what_each_has_done(trio_wa, waha, autojump_clock):
    await send_many(trio_wa, 10)
    await trio_wa.settled()
    await trio.sleep(6)
    data = (await trio_wa.client.get("/sessions")).json()["data"]
    assert [each["name"] for each in data] == ["a", "b"]
    for each in data:
        assert each["status"] == "WORKING"
        assert each["sent"] == {"minute": 5, "hour": 5, "day": 5}
        assert each["confirmed_share"] == 1.0
        assert each["webhooks"] == "heard"
        assert each["message_ids"] is True
        assert each["look_ups"] is True
    await trio.sleep(120)
    data = (await trio_wa.client.get("/sessions")).json()["data"]
    assert data[0]["sent"] == {"minute": 0, "hour": 5, "day": 5}


async def test_a_session_is_restarted_and_its_code_shown(trio_wa, waha, autojump_clock):
    waha.sessions["default"] = "FAILED"
    await trio.sleep(6)
    assert (await trio_wa.client.get("/sessions/default/qr")).status_code == 409
    assert (await trio_wa.client.post("/sessions/default/restart")).status_code == 202
    await trio.sleep(6)
    await trio_wa.send(somebody(1), "Hello")
    await trio_wa.settled()
    waha.sessions["default"] = "SCAN_QR_CODE"
    code = await trio_wa.client.get("/sessions/default/qr")
    assert (code.status_code, code.headers["Content-Type"]) == (200, "image/png")
    assert code.content.startswith(b"\x89PNG")


@pytest.mark.trio_wa(**SECRET)
@pytest.mark.waha(sessions=("a", "b", "c"), latency=0.02)
async def test_while_sessions_flap_order_holds_and_nothing_goes_into_what_is_known_to_be_down(
    trio_wa, waha, autojump_clock
):
    for name in ("a", "b", "c"):
        waha.flap(name, every=7.0, down=3.0)
    for n in range(150):
        for recipient in range(3):
            await trio_wa.send(number(recipient), f"{n}")
    await trio_wa.settled()
    waha.simulator.stop_flapping()
    for recipient in range(3):
        texts = [m.text for m in waha.sent if m.chat_id == f"{number(recipient)}@c.us"]
        assert texts == [f"{n}" for n in range(150)]
    assert waha.sends_while_not_working(1.0) == []


async def test_an_unlimited_drain_in_memory_waits_for_a_session_that_may_return(
    trio_wa, waha, autojump_clock
):
    waha.sessions["default"] = "FAILED"
    await trio.sleep(6)
    await trio_wa.send(somebody(1), "Hello")
    trio_wa.stop()
    await trio.sleep(60)
    assert waha.requests == []
    waha.sessions["default"] = "WORKING"
    ended = await trio_wa.stopped()
    assert (ended.left, len(waha.sent)) == (0, 1)
