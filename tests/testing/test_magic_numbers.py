"""Each magic number does what the table says, seen through the service."""

import pytest
import trio

from trio_wa.simulator.magic_numbers import MAGIC_NUMBERS

NUMBER = "+44 7700 900"


async def settle(trio_wa, number):
    message_id = await trio_wa.send(NUMBER + number, "Hello")
    await trio_wa.settled()
    return await trio_wa.message(message_id)


def codes(message):
    return [event.code for event in message.events if event.code is not None]


async def test_0_delivers(trio_wa, waha, autojump_clock):
    assert (await settle(trio_wa, "000")).status == "sent"
    assert [each.chat_id for each in waha.sent] == ["447700900000@c.us"]


async def test_0_leaves_room_for_faults(trio_wa, waha, autojump_clock):
    waha.faults(reject_400=1)
    assert (await settle(trio_wa, "099")).status == "failed"


async def test_097_is_refused_and_other_new_contacts_wait_with_it(trio_wa, waha, autojump_clock):
    await settle(trio_wa, "000")
    refused = await trio_wa.send(NUMBER + "097", "Hello")
    await trio.sleep(1)
    stranger = await trio_wa.send(NUMBER + "001", "Hello")
    await trio_wa.send(NUMBER + "000", "Hello again")
    await waha.wait_sent(2, to=NUMBER + "000")
    await trio.sleep(3600)
    messages = [await trio_wa.message(each) for each in (refused, stranger)]
    assert [(each.status, each.code) for each in messages] == [
        ("queued", "timelock"),
        ("queued", None),
    ]
    assert len(waha.sent) == 2
    assert len(waha.requests) == 3


@pytest.mark.parametrize(("number", "refusals"), [("100", 1), ("101", 1), ("103", 3)])
async def test_1_refuses_as_a_session_that_does_not_work_and_then_delivers(
    number, refusals, trio_wa, waha, autojump_clock
):
    message = await settle(trio_wa, number)
    assert message.status == "sent"
    assert codes(message) == ["session_not_working"] * refusals
    again = await settle(trio_wa, number)
    assert codes(again) == codes(message)
    assert len(waha.sent) == 2


async def test_2_delivers_after_so_many_seconds(trio_wa, waha, autojump_clock):
    began = trio.current_time()
    assert (await settle(trio_wa, "250")).status == "sent"
    assert trio.current_time() - began == pytest.approx(50, abs=0.1)


@pytest.mark.trio_wa(send_timeout=20)
async def test_2_is_looked_up_beyond_the_time_out_and_found(trio_wa, waha, autojump_clock):
    message = await settle(trio_wa, "250")
    assert (message.status, codes(message)) == ("read", ["timeout"])
    assert len(waha.sent) == 1


@pytest.mark.parametrize(
    ("number", "code", "seconds"), [("300", "timeout", 160), ("307", "connection_lost", 120)]
)
async def test_3_hangs_and_delivers_nothing(number, code, seconds, trio_wa, waha, autojump_clock):
    began = trio.current_time()
    message = await settle(trio_wa, number)
    assert (message.status, message.code) == ("unknown", code)
    assert trio.current_time() - began == pytest.approx(seconds, abs=0.5)
    await trio.sleep(1000)
    assert waha.sent == []


async def test_4_delivers_before_it_cuts_and_a_look_up_finds_it(trio_wa, waha, autojump_clock):
    message = await settle(trio_wa, "400")
    assert (message.status, codes(message)) == ("sent", ["connection_lost"])
    assert len(waha.sent) == 1


async def test_5_cuts_and_delivers_nothing(trio_wa, waha, autojump_clock):
    message = await settle(trio_wa, "500")
    assert (message.status, message.code) == ("unknown", "connection_lost")
    assert waha.sent == []


@pytest.mark.parametrize("number", ["307", "500", "700"])
async def test_what_is_never_delivered_fails_once_look_ups_are_proven(
    number, trio_wa, waha, autojump_clock
):
    await settle(trio_wa, "000")
    await trio.sleep(5)
    message = await settle(trio_wa, number)
    assert (message.status, message.code) == ("failed", "not_sent")
    assert len(waha.sent) == 1
    assert len(waha.requests) == 1 + 5


@pytest.mark.trio_wa(send_timeout=20)
@pytest.mark.parametrize(
    ("number", "seconds", "status"), [("600", 20, "sent"), ("660", 60, "read")]
)
async def test_6_delivers_although_the_client_gave_up(
    number, seconds, status, trio_wa, waha, autojump_clock
):
    began = trio.current_time()
    message = await settle(trio_wa, number)
    assert (message.status, codes(message)) == (status, ["timeout"])
    [delivered] = waha.sent
    assert delivered.at - message.accepted_at == pytest.approx(seconds, abs=0.5)
    assert trio.current_time() - began < seconds + 20


async def test_7_answers_500(trio_wa, waha, autojump_clock):
    message = await settle(trio_wa, "700")
    assert (message.status, message.code) == ("unknown", "engine_error")
    assert waha.sent == []


@pytest.mark.parametrize(("number", "refusals"), [("800", 1), ("804", 4)])
async def test_8_refuses_as_a_proxy_and_then_delivers(
    number, refusals, trio_wa, waha, autojump_clock
):
    message = await settle(trio_wa, number)
    assert message.status == "sent"
    assert codes(message) == ["proxy_unavailable"] * refusals
    assert len(waha.sent) == 1


async def test_9_is_for_another_plan(trio_wa, waha, autojump_clock):
    message = await settle(trio_wa, "900")
    assert (message.status, message.code) == ("failed", "plan_required")
    assert waha.sent == []


@pytest.mark.parametrize("number", ["447700901000", "4477009000000", "44770090012", "447700900x00"])
async def test_other_numbers_are_nothing_special(number, waha):
    assert waha.simulator.faults.draw("default", f"{number}@c.us").kind is None


async def test_a_fault_set_for_the_recipient_comes_first(trio_wa, waha, autojump_clock):
    waha.faults(to=NUMBER + "900", cut_after=1)
    message = await settle(trio_wa, "900")
    assert (message.status, codes(message)) == ("sent", ["connection_lost"])


def test_each_digit_has_its_block():
    blocks = [number.digit for number in MAGIC_NUMBERS if number.only is None]
    assert blocks == list(range(10))
