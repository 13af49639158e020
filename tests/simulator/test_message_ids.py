"""What becomes of a message's id: chosen, ignored, sent twice, lost, looked up."""

import contextlib

import httpx
import pytest

from tests.simulator.running import HELLO, Running, running
from trio_wa.simulator import AckPlan, Faults, SimulatorOptions

ID = "3EB0AA"
OTHER = "15550001111@c.us"


async def look_up(waha: Running, message_id: str = ID, session: str = "default") -> httpx.Response:
    return await waha.client.get(f"/api/{session}/chats/all/messages/{message_id}")


@pytest.mark.parametrize("engine", ["NOWEB", "GOWS"])
async def test_a_second_send_with_an_id_is_answered_alike_and_delivers_nothing(engine):
    async with running(SimulatorOptions(engine=engine)) as waha:
        first, second = [await waha.text(id=ID) for _ in range(2)]
        assert (second.status_code, second.json().keys()) == (201, first.json().keys())
        assert ID in second.text
        assert len(waha.simulator.delivered) == 1
        assert [each.outcome for each in waha.simulator.requests] == [201, 201]


async def test_without_dedupe_a_second_send_is_delivered_under_the_same_id():
    async with running(SimulatorOptions(dedupe=False)) as waha:
        for _ in range(2):
            await waha.text(id=ID)
        assert [each.id for each in waha.simulator.delivered] == [ID, ID]


async def test_another_session_delivers_the_same_id_once_more():
    async with running(SimulatorOptions(sessions=("a", "b"))) as waha:
        for session in "abab":
            await waha.text(session=session, id=ID)
        assert [each.session for each in waha.simulator.delivered] == ["a", "b"]


@pytest.mark.parametrize("faults", [Faults(lose=1), Faults(cut_before=1), Faults(engine_error=1)])
async def test_what_was_not_delivered_is_delivered_by_a_second_send(faults):
    async with running() as waha:
        waha.simulator.set_faults(faults, times=1)
        with contextlib.suppress(httpx.TransportError):
            await waha.text(id=ID)
        assert waha.simulator.delivered == []
        await waha.text(id=ID)
        assert [each.id for each in waha.simulator.delivered] == [ID]


async def test_what_was_delivered_and_cut_is_not_delivered_again():
    async with running() as waha:
        waha.simulator.set_faults(Faults(cut_after=1), times=1)
        with pytest.raises(httpx.TransportError):
            await waha.text(id=ID)
        assert (await waha.text(id=ID)).json()["key"]["id"] == ID
        assert len(waha.simulator.delivered) == 1


async def test_an_engine_can_offer_ids_and_ignore_them():
    async with running(SimulatorOptions(ignore_ids=True)) as waha:
        chosen = (await waha.client.get("/api/default/new-message-id")).json()["id"]
        assert (await waha.text(id=chosen)).json()["key"]["id"] != chosen
        assert (await look_up(waha, chosen)).status_code == 404


async def test_a_reset_forgets_the_ids():
    async with running() as waha:
        await waha.text(id=ID)
        waha.simulator.reset()
        assert (await look_up(waha)).status_code == 404
        await waha.text(id=ID)
        assert len(waha.simulator.delivered) == 1


async def test_only_the_last_messages_are_found_and_deduped():
    async with running(SimulatorOptions(keep=2)) as waha:
        for each in ("3EB01", "3EB02", "3EB03"):
            await waha.text(id=each)
        codes = [(await look_up(waha, each)).status_code for each in ("3EB01", "3EB02", "3EB03")]
        assert codes == [404, 200, 200]


@pytest.mark.parametrize(("keeps", "status"), [(True, 200), (False, 404)])
async def test_what_was_lost_stays_pending_or_is_not_found(keeps, status, autojump_clock):
    options = SimulatorOptions(keeps_lost=keeps, acks=AckPlan(delays=(0, 0, 0)))
    async with running(options) as waha:
        waha.simulator.set_faults(Faults(lose=1))
        await waha.text(id=ID)
        found = await look_up(waha)
        assert found.status_code == status
        if keeps:
            assert found.json()["ackName"] == "PENDING"


async def test_what_was_lost_does_not_hide_what_was_delivered():
    async with running(SimulatorOptions(acks=AckPlan(delays=(0, 0, 0)))) as waha:
        await waha.text(id=ID)
        waha.simulator.set_faults(Faults(lose=1))
        await waha.text(id=ID)
        assert (await look_up(waha)).json()["ackName"] == "READ"


async def test_a_blind_waha_finds_nothing_of_what_it_sent():
    async with running(SimulatorOptions(blind_lookups=True)) as waha:
        await waha.text(id=ID)
        assert len(waha.simulator.delivered) == 1
        assert (await look_up(waha)).status_code == 404


@pytest.mark.parametrize(("engine", "status"), [("GOWS", 500), ("NOWEB", 201)])
async def test_nobody_sees_what_was_sent_to_a_number_that_is_not_on_whatsapp(engine, status):
    absent = frozenset({HELLO["chatId"].partition("@")[0]})
    async with running(SimulatorOptions(engine=engine, not_on_whatsapp=absent)) as waha:
        assert (await waha.text()).status_code == status
        assert waha.simulator.delivered == []
        await waha.text(chatId=OTHER)
        assert len(waha.simulator.delivered) == 1


async def test_a_number_can_be_known_under_another():
    async with running(SimulatorOptions(known_as={"5511987654321": "551187654321"})) as waha:
        check = "/api/contacts/check-exists?session=default&phone=5511987654321"
        found = (await waha.client.get(check)).json()
    assert found == {"numberExists": True, "chatId": "551187654321@c.us"}
