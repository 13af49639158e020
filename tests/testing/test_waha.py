"""What a test can do with `waha`."""

import re

import httpx
import pytest
import trio

from trio_wa.simulator import AckPlan, BrokenEngine, Flap, PaceLimit, WebhookFaults
from trio_wa.testing import NotSent

ALICE, BOB = "447700900001", "447700900002"


async def test_wait_for_finds_what_was_sent_before_and_what_comes(trio_wa, waha):
    await trio_wa.send(ALICE, "one")
    first = await waha.wait_for(to="+44 7700 900001")
    assert await waha.wait_for(text="on") == first
    await trio_wa.send(ALICE, "two")
    assert (await waha.wait_for(to=f"{ALICE}@c.us", text=re.compile("^t.o$"))).text == "two"
    assert [message.text for message in waha.sent] == ["one", "two"]


async def test_wait_sent_counts_only_what_matches(trio_wa, waha):
    for n in range(3):
        await trio_wa.send(ALICE, f"to Alice {n}")
        await trio_wa.send(BOB, f"to Bob {n}")
    found = await waha.wait_sent(3, to=BOB)
    assert [message.text for message in found] == ["to Bob 0", "to Bob 1", "to Bob 2"]


@pytest.mark.waha(sessions=("a", "b"))
async def test_waiting_in_vain_says_for_what(trio_wa, waha, autojump_clock):
    await trio_wa.send(ALICE, "one")
    await trio_wa.settled()
    with pytest.raises(NotSent, match=r"^no 2 messages to 447700900001@c.us over a .*, only 1\.\n"):
        await waha.wait_sent(2, to=ALICE, session="a")
    with pytest.raises(NotSent, match=r"^no message whose text matches 't\.o' within 5 s\.\n"):
        await waha.wait_for(text=re.compile("t.o"), within=5)


async def test_patience_is_an_hour_of_virtual_time(waha, autojump_clock):
    began = trio.current_time()
    with pytest.raises(NotSent, match=r"(?s)within 3600 s.*Nothing was sent"):
        await waha.wait_for()
    assert trio.current_time() - began == pytest.approx(3600)


async def test_faults_strike_as_often_as_told_and_only_whom_they_are_meant_for(
    trio_wa, waha, autojump_clock
):
    waha.faults(to=ALICE, reject_400=1, times=1)
    ids = [await trio_wa.send(to, "Hello") for to in (ALICE, ALICE, BOB)]
    await trio_wa.settled()
    statuses = [(await trio_wa.message(each)).status for each in ids]
    assert statuses == ["failed", "sent", "sent"]


@pytest.mark.waha(sessions=("a", "b"))
async def test_sessions_show_and_take_statuses(waha):
    waha.sessions["b"] = "SCAN_QR_CODE"
    assert dict(waha.sessions) == {"a": "WORKING", "b": "SCAN_QR_CODE"}
    with pytest.raises(KeyError):
        waha.sessions["c"] = "WORKING"


async def test_ack_takes_a_message_or_its_id_and_a_name_or_a_level(trio_wa, waha):
    await trio_wa.send(ALICE, "Hello")
    message = await waha.wait_for()

    async def level():
        path = f"/api/default/chats/all/messages/{message.id}"
        headers = {"X-Api-Key": waha.simulator.options.api_key}
        answer = await trio_wa.client.get(waha.url + path, headers=headers)
        return answer.json()["ackName"]

    waha.ack(message, "READ")
    assert await level() == "READ"
    waha.ack(message.id, -1)
    assert await level() == "ERROR"


async def test_down_refuses_and_up_comes_back_at_the_same_address(waha):
    port = int(waha.url.rpartition(":")[2])
    for _ in range(3):
        await waha.down()
        with pytest.raises(OSError, match="all attempts to connect"):
            await trio.open_tcp_stream("127.0.0.1", port)
        await waha.down()  # again, for nothing
        await waha.up()
        await waha.up()
        await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()


@pytest.mark.waha(sessions=("a", "b"))
async def test_a_session_flaps_until_it_is_stopped(waha, autojump_clock):
    waha.flap("a", every=30, down=10, to="STOPPED")
    await trio.sleep(35)
    assert dict(waha.sessions) == {"a": "STOPPED", "b": "WORKING"}
    waha.stop_flapping()
    await trio.sleep(30)
    assert dict(waha.sessions) == {"a": "WORKING", "b": "WORKING"}
    with pytest.raises(KeyError):
        waha.flap("c", every=1, down=1)


async def test_lost_webhooks_are_a_share_that_changes(waha):
    waha.lose_webhooks(0.25)
    assert waha.simulator.webhooks.faults == WebhookFaults(lose=0.25)
    waha.lose_webhooks()
    assert waha.simulator.webhooks.faults.lose == 1
    waha.clear_faults()
    assert waha.simulator.webhooks.faults.lose == 0


@pytest.mark.waha(
    sessions=("a",),
    acks=AckPlan(drop=1),
    cut_after=0.5,
    dedupe=False,
    flaps=(Flap("a", every=10, down=1),),
    webhook_faults=WebhookFaults(duplicate=1),
)
async def test_a_marker_s_arguments_are_options_and_faults(waha):
    options = waha.simulator.options
    assert (options.acks, options.faults.acks) == (AckPlan(drop=1), None)
    assert (options.faults.cut_after, options.dedupe) == (0.5, False)
    assert options.flaps == (Flap("a", every=10, down=1),)
    assert waha.simulator.webhooks.faults == WebhookFaults(duplicate=1)


async def test_a_send_into_a_session_that_is_away_is_noticed(waha, autojump_clock):
    body = {"session": "default", "chatId": f"{ALICE}@c.us", "text": "Hello"}
    waha.sessions["default"] = "FAILED"
    headers = {"X-Api-Key": waha.simulator.options.api_key}
    async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
        for seconds in (0.5, 2):
            await trio.sleep(seconds)
            await client.post(f"{waha.url}/api/sendText", json=body)
    (late,) = waha.sends_while_not_working(1)
    assert (late.status, late.sequence) == ("FAILED", 2)


@pytest.mark.waha(sessions=("a",))
async def test_a_ghost_delivers_nothing_until_it_is_healed(trio_wa, waha, autojump_clock):
    waha.ghost("a", until="told")
    lost = await trio_wa.send(ALICE, "one")
    await trio_wa.settled()
    assert (await trio_wa.message(lost)).status == "sent"
    assert waha.sent == []
    waha.heal("a")
    await trio_wa.send(ALICE, "two")
    assert (await waha.wait_for()).text == "two"


@pytest.mark.trio_wa(message_ids="off")
@pytest.mark.waha(troubles=(BrokenEngine("default"),))
async def test_a_broken_engine_fails_until_it_is_healed(trio_wa, waha, autojump_clock):
    failed = await trio_wa.send(ALICE, "one")
    await trio_wa.settled()
    assert (await trio_wa.message(failed)).code == "engine_error"
    waha.heal()
    await trio_wa.send(ALICE, "two")
    assert (await waha.wait_for()).text == "two"
    waha.break_engine("default")
    await trio_wa.send(ALICE, "three")
    await trio_wa.settled()
    assert len(waha.sent) == 1


async def test_a_time_locked_session_goes_on_with_whom_it_knows(trio_wa, waha, autojump_clock):
    await trio_wa.send(ALICE, "one")
    await waha.wait_for(to=ALICE)
    waha.timelock("default", 600)
    locked = await trio_wa.send(BOB, "two")
    await trio_wa.send(ALICE, "three")
    await waha.wait_for(text="three")
    assert (await trio_wa.message(locked)).code == "timelock"
    began = trio.current_time()
    await waha.wait_for(to=BOB)
    assert trio.current_time() - began == pytest.approx(600, rel=0.1)


async def test_the_pace_is_what_waha_took(trio_wa, waha, autojump_clock):
    for n in range(3):
        await trio_wa.send(ALICE, f"{n}")
        await waha.wait_sent(n + 1)
        await trio.sleep(2)
    pace = waha.pace("default")
    assert (pace.sends, pace.per_minute, pace.new_contacts_per_hour) == (3, 3, 1)
    assert pace.gap == pytest.approx(2, abs=0.1)
    assert pace.violations(PaceLimit(per_minute=3, gap=1)) == []
    assert pace.violations(PaceLimit(per_minute=2)) == ["per_minute: 3, and 2 are allowed"]
