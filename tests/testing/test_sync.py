"""The service in a thread, for suites that are not on Trio."""

import asyncio
import threading
import urllib.request

import httpx
import pytest

from trio_wa.testing import NotSent
from trio_wa.testing.thread import NAME

ALICE = "447700900001"


def test_a_message_goes_through(trio_wa_sync, waha_sync):
    response = trio_wa_sync.client.post("/send", json={"to": ALICE, "message": "Hello"})
    assert response.status_code == 202
    message = waha_sync.wait_for(to=ALICE, text="Hello")
    assert [each.id for each in waha_sync.sent] == [message.id]
    assert trio_wa_sync.settled().accepted == 1
    assert trio_wa_sync.message(response.json()["id"]).waha_id == message.id
    assert len(trio_wa_sync.messages()) == len(waha_sync.requests) == 1


def test_an_asyncio_application_is_served_while_its_test_waits(trio_wa_sync, waha_sync):
    async def checkout():
        async with httpx.AsyncClient(trust_env=False) as client:
            await asyncio.sleep(0.1)
            await client.post(f"{trio_wa_sync.url}/send", json={"to": ALICE, "message": "Hello"})

    async def check():
        application = asyncio.create_task(checkout())
        message = await asyncio.to_thread(waha_sync.wait_for, to=ALICE)
        await application
        return message

    assert asyncio.run(check()).text == "Hello"


def test_waiting_in_vain_says_what_was_sent_instead(trio_wa_sync, waha_sync):
    trio_wa_sync.send(ALICE, "Hello")
    waha_sync.wait_sent(1)
    with pytest.raises(NotSent, match=r"(?s)^no message with 'Bye' .*Sent instead.*'Hello'"):
        waha_sync.wait_for(text="Bye", within=0.05)


@pytest.mark.trio_wa(journal_path="journal.db")
def test_crash_restart_and_drain(trio_wa_sync, waha_sync):
    waha_sync.down()
    trio_wa_sync.send(ALICE, "one")
    trio_wa_sync.send(ALICE, "two")  # behind the first
    trio_wa_sync.crash()
    waha_sync.up()
    trio_wa_sync.restart()
    waha_sync.wait_for(to=ALICE, text="two")
    assert trio_wa_sync.ledger().balanced
    trio_wa_sync.stop()
    assert trio_wa_sync.stopped().left == 0


def test_faults_sessions_and_acks(trio_wa_sync, waha_sync):
    waha_sync.faults(plan_required=1)
    failed = trio_wa_sync.send(ALICE, "Hello")
    trio_wa_sync.settled()
    assert trio_wa_sync.message(failed).status == "failed"
    waha_sync.clear_faults()
    waha_sync.sessions["default"] = "FAILED"
    assert dict(waha_sync.sessions) == {"default": "FAILED"}
    waha_sync.sessions["default"] = "WORKING"
    trio_wa_sync.send(ALICE, "Hello")
    waha_sync.ack(waha_sync.wait_for(), "READ")
    assert waha_sync.receive(ALICE, "Hi")
    assert trio_wa_sync.drain().left == 0


def test_troubles_and_pace(trio_wa_sync, waha_sync):
    waha_sync.timelock("default", 3600)
    waha_sync.break_engine("default")
    waha_sync.heal()
    waha_sync.ghost("default")
    trio_wa_sync.send(ALICE, "Hello")
    trio_wa_sync.settled()
    assert waha_sync.sent == []
    assert waha_sync.pace("default").sends == 1


def test_the_simulated_waha_alone(waha_sync):
    with urllib.request.urlopen(f"{waha_sync.url}/ping") as answer:  # noqa: S310 - ours
        assert b"pong" in answer.read()


def test_no_thread_is_left():
    assert NAME not in [thread.name for thread in threading.enumerate()]
