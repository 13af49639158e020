"""Numbers that WhatsApp hides behind an id of another kind."""

import pytest
import trio

from tests.simulator.ear import listening
from tests.simulator.running import running
from trio_wa.simulator import SimulatorOptions, WebhookTarget

ALICE = "6289999999999@c.us"
LID = "100000000000002@lid"


async def ask(waha, lid, session="default"):
    return await waha.client.get(f"/api/{session}/lids/{lid}")


@pytest.mark.parametrize("given", [LID, "100000000000002"])
async def test_a_hidden_number_writes_and_is_told_to_who_asks(given, autojump_clock):
    async with listening() as ear:
        options = SimulatorOptions(webhooks=(WebhookTarget(ear.url),))
        async with running(options) as waha:
            raw_id = waha.simulator.receive(ALICE, "STOP", lid=given)
            for event in await ear.wait(2):
                payload = event["payload"]
                assert (payload["from"], payload["body"]) == (LID, "STOP")
                assert payload["id"] == f"false_{LID}_{raw_id}"
                assert ALICE.split("@")[0] not in str(payload)
            for lid in ("100000000000002", LID, LID.replace("@", "%40")):
                response = await ask(waha, lid)
                assert response.status_code == 200
                assert response.json() == {"lid": LID, "pn": ALICE}


async def test_a_number_that_nothing_told_is_null():
    async with running() as waha:
        waha.simulator.receive(LID, "STOP")
        assert (await ask(waha, LID)).json() == {"lid": LID, "pn": None}
        waha.simulator.receive(ALICE, "STOP", lid=LID)
        waha.simulator.reset()
        assert (await ask(waha, LID)).json() == {"lid": LID, "pn": None}


async def test_a_number_is_no_lid():
    async with running() as waha:
        response = await ask(waha, ALICE)
    assert response.status_code == 422
    assert "must end with @lid" in response.json()["message"]


async def test_a_session_that_does_not_work_tells_no_number(autojump_clock):
    async with running() as waha:
        waha.simulator.set_status("default", "STOPPED")
        began = trio.current_time()
        assert (await ask(waha, LID)).json()["expected"] == ["WORKING"]
        assert trio.current_time() - began == pytest.approx(5)
        assert (await ask(waha, LID, "other")).status_code == 422


async def test_a_hidden_number_may_write_over_http_too():
    async with running() as waha:
        members = {"chat_id": ALICE, "text": "STOP", "lid": LID}
        response = await waha.client.post("/_sim/incoming", json=members)
        assert response.status_code == 201
        assert (await ask(waha, LID)).json()["pn"] == ALICE


async def test_who_wrote_is_known_under_both_ids_while_new_contacts_are_locked():
    async with running() as waha:
        waha.simulator.timelock("default", 3600)
        assert (await waha.text(chatId=ALICE)).status_code == 500
        waha.simulator.receive(ALICE, "Hi", lid=LID)
        for chat_id in (ALICE, LID):
            assert (await waha.text(chatId=chat_id)).status_code == 201
