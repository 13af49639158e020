"""Acks and webhooks go astray as they are told to."""

from typing import Any

import pytest
import trio

from tests.simulator.ear import Ear, listening
from tests.simulator.running import Running, running
from trio_wa.simulator import (
    AckPlan,
    Faults,
    SimulatorOptions,
    Uniform,
    WebhookFaults,
    WebhookTarget,
)

OTHER = "15550001111@c.us"


def options(ear: Ear, **changes: Any) -> SimulatorOptions:
    return SimulatorOptions(webhooks=(WebhookTarget(ear.url, "k"),), **changes)


def acks(ear: Ear) -> list[dict[str, Any]]:
    return [body for body in ear.heard if body["event"] == "message.ack"]


def levels(ear: Ear) -> list[int]:
    return [body["payload"]["ack"] for body in acks(ear)]


async def level(waha: Running) -> int:
    """The ack of the last message in a look-up."""
    path = f"/api/default/chats/all/messages/{waha.simulator.delivered[-1].id}"
    return int((await waha.client.get(path)).json()["ack"])


async def test_acks_come_late(autojump_clock):
    async with listening() as ear, running(options(ear, acks=AckPlan(late=30))) as waha:
        await waha.text()
        await trio.sleep(29)
        assert (levels(ear), await level(waha)) == ([], 0)
        await trio.sleep(2)
        assert (levels(ear), await level(waha)) == ([1, 2, 3], 3)


async def test_acks_come_twice_under_two_event_ids(autojump_clock):
    async with listening() as ear, running(options(ear, acks=AckPlan(twice=1))) as waha:
        await waha.text()
        await trio.sleep(10)
        assert sorted(levels(ear)) == [1, 1, 2, 2, 3, 3]
        assert len({body["id"] for body in acks(ear)}) == 6


async def test_acks_come_in_the_wrong_order(autojump_clock):
    async with listening() as ear, running(options(ear, acks=AckPlan(shuffle=1))) as waha:
        await waha.text()
        await trio.sleep(10)
        assert (levels(ear), await level(waha)) == ([3, 2, 1], 3)


async def test_acks_are_lost_on_their_way_and_a_look_up_shows_them(autojump_clock):
    async with listening() as ear, running(options(ear, acks=AckPlan(lose=1))) as waha:
        await waha.text()
        await trio.sleep(10)
        assert (levels(ear), await level(waha)) == ([], 3)
        assert ear.names() == ["message.any"]


async def test_shares_of_acks_are_met_in_the_long_run(autojump_clock):
    plan = AckPlan(drop=0.2, error=0.3, hold_at=1)
    async with listening() as ear, running(options(ear, acks=plan)) as waha:
        for _ in range(200):
            await waha.text()
        await trio.sleep(10)
        assert levels(ear).count(-1) == pytest.approx(60, rel=0.3)
        assert levels(ear).count(1) == pytest.approx(100, rel=0.3)


async def test_acks_can_be_planned_for_one_recipient_at_run_time(autojump_clock):
    async with listening() as ear, running(options(ear)) as waha:
        waha.simulator.set_faults(Faults(acks=AckPlan(error=1)), chat_id=OTHER, times=1)
        for chat_id in (OTHER, OTHER):
            await waha.text(chatId=chat_id)
            await trio.sleep(10)
        assert levels(ear) == [-1, 1, 2, 3]


async def test_what_is_lost_is_told_to_nobody(autojump_clock):
    async with listening() as ear, running(options(ear)) as waha:
        waha.simulator.set_faults(Faults(lose=1))
        assert (await waha.text()).status_code == 201
        await trio.sleep(60)
        assert ear.heard == []


async def test_a_repeated_id_is_not_acked_again(autojump_clock):
    async with listening() as ear, running(options(ear)) as waha:
        for _ in range(2):
            await waha.text(id="3EB0AA")
            await trio.sleep(10)
        assert ear.names() == ["message.any"] + ["message.ack"] * 3


async def test_a_share_of_webhooks_is_lost_for_good(autojump_clock):
    faults = WebhookFaults(lose=0.3)
    async with listening() as ear, running(options(ear, webhook_faults=faults)) as waha:
        for _ in range(50):
            await waha.text()
        await trio.sleep(100)
        assert len(ear.heard) == pytest.approx(140, rel=0.15)
        assert waha.simulator.webhooks.lost == 200 - len(ear.heard)
        waha.simulator.clear_faults()
        before = len(ear.heard)
        await waha.text()
        await trio.sleep(10)
        assert len(ear.heard) == before + 4


async def test_webhooks_are_told_twice_with_the_same_body(autojump_clock):
    faults = WebhookFaults(duplicate=1)
    async with listening() as ear, running(options(ear, webhook_faults=faults)) as waha:
        await waha.text()
        await trio.sleep(10)
        assert len(ear.raw) == 8
        assert len(set(ear.raw)) == 4


async def test_webhooks_are_late_and_out_of_order(autojump_clock):
    faults = WebhookFaults(delay=Uniform(0, 20))
    async with listening() as ear, running(options(ear, webhook_faults=faults)) as waha:
        for _ in range(10):
            await waha.text()
        await ear.wait(40)
        times = [body["timestamp"] for body in ear.heard]
        assert times != sorted(times)
        assert trio.current_time() > 10


async def test_thousands_of_events_arrive_in_virtual_time_each_once(autojump_clock):
    async with listening() as ear, running(options(ear)) as waha:
        for number in range(1000):
            waha.simulator.receive(OTHER, str(number))
        heard = await ear.wait(2000)
        await trio.sleep(100)
        assert len({(body["id"], body["event"]) for body in heard}) == len(heard) == 2000
        webhooks = waha.simulator.webhooks
        assert (webhooks.sent, webhooks.lost, webhooks.dropped) == (2000, 0, 0)


@pytest.mark.parametrize(
    "wrong", [{"drop": 0.6, "error": 0.6}, {"twice": 2}, {"late": -1}, {"delays": (0, -1, 0)}]
)
def test_impossible_plans_are_refused(wrong):
    with pytest.raises(ValueError, match=r"acks|an ack"):
        AckPlan(**wrong)


@pytest.mark.parametrize("wrong", [{"lose": 1.5}, {"duplicate": -1}, {"delay": -1}])
def test_impossible_faults_of_webhooks_are_refused(wrong):
    with pytest.raises(ValueError, match="webhook"):
        WebhookFaults(**wrong)
