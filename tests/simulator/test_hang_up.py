"""A client that hangs up changes nothing for the message: the hazard of WAHA."""

import json

import httpx
import pytest
import trio

from tests.simulator.running import HELLO, Running, running
from trio_wa.simulator import Faults

REQUEST = json.dumps(HELLO).encode()
HEAD = (
    b"POST /api/sendText HTTP/1.1\r\nHost: waha\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n" % len(REQUEST)
)


async def give_up_after(waha: Running, seconds: float) -> None:
    """Send HELLO and hang up if the answer takes longer than `seconds`."""
    with pytest.raises(httpx.ReadTimeout):
        await waha.client.post("/api/sendText", json=HELLO, timeout=seconds)


async def test_a_message_given_up_while_the_session_waits_is_delivered_all_the_same(autojump_clock):
    async with running() as waha:
        waha.simulator.set_status("default", "SCAN_QR_CODE")
        await give_up_after(waha, 2)
        await trio.sleep(5)
        assert waha.simulator.delivered == []
        waha.simulator.set_status("default", "WORKING")
        message = await waha.simulator.wait_for(chat_id=HELLO["chatId"])
        assert message.text == "Hello"
        await trio.testing.wait_all_tasks_blocked()
        assert waha.simulator.requests[0].outcome == "left"


async def test_a_message_given_up_is_not_delivered_when_the_session_opens_too_late(autojump_clock):
    async with running() as waha:
        waha.simulator.set_status("default", "SCAN_QR_CODE")
        await give_up_after(waha, 2)
        await trio.sleep(8.1)
        waha.simulator.set_status("default", "WORKING")
        await trio.sleep(60)
        assert waha.simulator.delivered == []


async def test_a_message_given_up_while_the_engine_works_is_delivered(autojump_clock):
    async with running() as waha:
        waha.simulator.set_faults(Faults(latency=100.0))
        began = trio.current_time()
        await give_up_after(waha, 15)
        await waha.simulator.wait_delivered(1)
        assert trio.current_time() - began == pytest.approx(100)


async def test_a_client_that_leaves_at_once_is_served(autojump_clock):
    async with running() as waha:
        port = int(waha.url.rsplit(":", 1)[1])
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        await stream.send_all(HEAD + REQUEST)
        await stream.aclose()
        with trio.fail_after(5):
            await waha.simulator.wait_delivered(1)


async def test_a_client_that_leaves_before_the_end_of_its_request_is_not_served(autojump_clock):
    async with running() as waha:
        port = int(waha.url.rsplit(":", 1)[1])
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        await stream.send_all(HEAD + REQUEST[:-1])
        await stream.aclose()
        await trio.sleep(200)
        assert waha.simulator.requests == []
        assert (await waha.text()).status_code == 201


async def test_a_stop_cuts_what_is_in_progress(autojump_clock):
    async with running() as waha:
        waha.simulator.set_faults(Faults(latency=100.0))
        began = trio.current_time()
        await give_up_after(waha, 1)
    assert trio.current_time() - began < 5
    assert waha.simulator.delivered == []
