"""The simulator as an object: what it remembers, and how one waits for it."""

import httpx
import pytest
import trio

from tests.simulator.running import HELLO, client_of, running
from trio_wa.simulator import Delivered, Faults, Simulator, SimulatorOptions

OTHER = "15550001111@c.us"


async def test_a_delivery_can_be_waited_for(autojump_clock):
    async with running() as waha, trio.open_nursery() as nursery:

        async def later():
            await trio.sleep(5)
            await waha.text(text="no")
            await waha.text(chatId=OTHER, text="yes")

        nursery.start_soon(later)
        found = await waha.simulator.wait_for(lambda m: m.text == "yes", chat_id=OTHER)
        assert (found.sequence, found.attempt, found.session) == (2, 2, "default")
        assert await waha.simulator.wait_for(session="default") is waha.simulator.delivered[0]


async def test_waiting_for_a_number_of_deliveries_ends_with_the_last(autojump_clock):
    async with running() as waha, trio.open_nursery() as nursery:
        waha.simulator.set_faults(Faults(latency=1.0))

        async def later():
            for _ in range(3):
                await waha.text()

        nursery.start_soon(later)
        assert len(await waha.simulator.wait_delivered(3)) == 3
        assert trio.current_time() == pytest.approx(3, abs=0.01)
        assert len(await waha.simulator.wait_delivered(2)) == 3


async def test_waiting_that_is_given_up_leaves_nothing_behind(autojump_clock):
    async with running() as waha:
        with trio.move_on_after(1):
            await waha.simulator.wait_for(chat_id=OTHER)
        await waha.text(chatId=OTHER)
        assert len(waha.simulator.delivered) == 1


async def test_listeners_are_told_of_each_delivery():
    seen: list[Delivered] = []
    async with running() as waha:
        waha.simulator.on_delivery(seen.append)
        await waha.text(text="1")
        await waha.text(text="2")
        assert seen == waha.simulator.delivered
        assert [message.text for message in seen] == ["1", "2"]


async def test_concurrency_is_measured_overall_and_for_each_session(autojump_clock):
    async with running(SimulatorOptions(sessions=("a", "b"))) as waha:
        waha.simulator.set_faults(Faults(latency=1.0))
        async with trio.open_nursery() as nursery:
            for session in "aaab":
                nursery.start_soon(lambda name=session: waha.text(session=name))
        await waha.text(session="b")
        assert waha.simulator.max_concurrency == 4
        assert waha.simulator.max_concurrency_by_session == {"a": 3, "b": 1}


async def test_only_the_last_messages_are_remembered_but_all_are_counted():
    async with running(SimulatorOptions(keep=10)) as waha:
        for number in range(25):
            await waha.text(text=str(number))
        assert 10 <= len(waha.simulator.delivered) <= 12
        assert waha.simulator.delivered[-1].text == "24"
        assert waha.simulator.delivered[-1].sequence == 25
        await waha.simulator.wait_delivered(25)


async def test_a_sent_message_is_found_by_its_id():
    async with running(SimulatorOptions(sessions=("default", "b"))) as waha:
        raw_id = (await waha.text()).json()["key"]["id"]
        chat = HELLO["chatId"]

        async def look(session: str, where: str, message: str) -> httpx.Response:
            return await waha.client.get(f"/api/{session}/chats/{where}/messages/{message}")

        for where, message in (
            ("all", raw_id),
            (chat, raw_id),
            ("all", f"true_{chat}_{raw_id}"),
        ):
            found = await look("default", where, message)
            assert found.json()["id"] == f"true_{chat}_{raw_id}"
            assert found.json()["body"] == "Hello"
        for session, where, message in (
            ("default", OTHER, raw_id),
            ("default", "all", "3EB0"),
            ("b", "all", raw_id),
        ):
            assert (await look(session, where, message)).status_code == 404


async def test_without_a_store_look_ups_are_refused():
    async with running(SimulatorOptions(lookups=False)) as waha:
        raw_id = (await waha.text()).json()["key"]["id"]
        response = await waha.client.get(f"/api/default/chats/all/messages/{raw_id}")
    assert response.status_code == 400
    assert "store" in response.json()["message"]


async def test_the_same_seed_gives_the_same_message_ids():
    async def first_id(seed: int) -> str:
        async with running(SimulatorOptions(seed=seed)) as waha:
            return str((await waha.text()).json()["key"]["id"])

    assert await first_id(1) == await first_id(1)
    assert await first_id(1) != await first_id(2)


async def test_time_can_be_given():
    simulator = Simulator(now=lambda: 1_795_489_115.0)
    assert simulator.sessions["default"].info()["timestamps"] == {"activity": 1_795_489_115_000}


async def test_the_port_is_free_again_after_the_stop():
    async with running() as waha:
        await waha.text()
        url = waha.url
    async with client_of(url) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("/ping")
