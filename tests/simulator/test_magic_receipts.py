"""The magic numbers that decide what follows a send, seen at the simulator itself."""

import pytest
import trio

from tests.simulator.ear import listening
from tests.simulator.running import Running, running
from trio_wa.simulator import SimulatorOptions, WebhookTarget
from trio_wa.simulator.magic_numbers import MAGIC_NUMBERS

PREFIX = "447700900"


async def pending(waha: Running, message_id: str) -> bool:
    found = await waha.client.get(f"/api/default/chats/all/messages/{message_id}")
    return bool(found.json()["ackName"] == "PENDING")


@pytest.mark.parametrize(
    ("number", "delivered", "told", "is_pending"),
    [
        ("000", 1, [1, 2, 3], False),
        ("001", 1, [1, 2, 3], False),
        ("090", 1, [1, 2, 3], False),
        ("091", 1, [], True),
        ("092", 0, [], True),
        ("093", 1, [-1], False),
        ("095", 1, [3, 3, 2, 2, 1, 1], False),
        ("096", 0, [], True),
        ("098", 1, [], False),
        ("099", 1, [1, 2, 3], False),
    ],
)
async def test_a_receipt_of_its_own(number, delivered, told, is_pending, autojump_clock):
    async with listening() as ear:
        options = SimulatorOptions(webhooks=(WebhookTarget(ear.url),))
        async with running(options) as waha:
            answer = await waha.text(chatId=f"{PREFIX}{number}@c.us")
            assert answer.status_code == 201
            await trio.sleep(10)
            heard = [body for body in ear.heard if body["event"] == "message.ack"]
            assert [body["payload"]["ack"] for body in heard] == told
            assert len(waha.simulator.delivered) == delivered
            assert await pending(waha, answer.json()["key"]["id"]) is is_pending


async def test_094_acks_after_half_a_minute(autojump_clock):
    async with running() as waha:
        message_id = (await waha.text(chatId=f"{PREFIX}094@c.us")).json()["key"]["id"]
        await trio.sleep(29.9)
        assert await pending(waha, message_id)
        await trio.sleep(0.2)
        assert not await pending(waha, message_id)


async def test_096_is_not_on_whatsapp():
    async with running(SimulatorOptions(engine="GOWS")) as waha:
        check = f"/api/contacts/check-exists?session=default&phone={PREFIX}096"
        assert (await waha.client.get(check)).json() == {"numberExists": False}
        refused = await waha.text(chatId=f"{PREFIX}096@c.us")
        assert "no LID found" in refused.json()["exception"]["message"]


async def test_097_is_locked():
    async with running() as waha:
        refused = await waha.text(chatId=f"{PREFIX}097@c.us")
        assert "error 463" in refused.json()["exception"]["message"]
        assert waha.simulator.delivered == []


def test_numbers_of_their_own_lie_in_a_block():
    single = [(each.digit, each.only) for each in MAGIC_NUMBERS if each.only is not None]
    assert single == [(0, nn) for nn in range(91, 99)]
    assert [each.digit for each in MAGIC_NUMBERS if each.only is None] == list(range(10))
