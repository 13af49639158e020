"""Webhooks look like the recorded ones, are signed like them, and are repeated like WAHA's."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from tests.simulator.ear import Ear, listening
from tests.simulator.running import HELLO, running
from trio_wa.simulator import AckPlan, Faults, Simulator, SimulatorOptions, WebhookTarget
from trio_wa.simulator.event import new_event_id, sign
from trio_wa.simulator.webhooks import SENDERS

RECORDED = [
    json.loads(line)
    for line in (Path(__file__).parent / "waha-webhooks.jsonl").read_text().splitlines()
]
BODIES = [json.loads(each["raw_body"]) for each in RECORDED]


def options(ear: Ear, acks: AckPlan | None = None, **target: Any) -> SimulatorOptions:
    hook = WebhookTarget(ear.url, **{"secret": "secret-key", **target})
    return SimulatorOptions(webhooks=(hook,), acks=acks or AckPlan())


def shape(value: Any) -> Any:
    """The names of all members, at every depth."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return None


def recorded(event: str, position: int = 0) -> dict[str, Any]:
    return [body for body in BODIES if body["event"] == event][position]


@pytest.mark.parametrize(
    "webhook", RECORDED, ids=lambda each: each["headers"]["x-webhook-hmac"][:8]
)
def test_the_signature_is_that_of_the_recorded_webhooks(webhook):
    assert sign(webhook["raw_body"].encode(), "secret-key") == webhook["headers"]["x-webhook-hmac"]


def test_an_event_id_begins_with_its_time(autojump_clock):
    body = recorded("session.status")
    mine = new_event_id(body["timestamp"] / 1000, random.Random(1))
    assert mine[:14] == body["id"][:14]
    assert len(mine) == len(body["id"])


async def test_a_delivery_is_told_with_its_acks_in_the_recorded_shapes(autojump_clock):
    async with listening() as ear, running(options(ear)) as waha:
        await waha.text()
        heard = await ear.wait(4)
        raw_id = waha.simulator.delivered[0].id
        assert ear.names() == ["message.any"] + ["message.ack"] * 3
        for position, body in enumerate(heard):
            model = recorded(body["event"], max(0, position - 1))
            assert shape(body) == shape(model)
            assert list(body) == list(model)
            assert body["payload"]["id"] == f"true_{HELLO['chatId']}_{raw_id}"
            assert (body["payload"]["ack"], body["payload"]["ackName"]) == (
                model["payload"]["ack"],
                model["payload"]["ackName"],
            )


async def test_the_headers_are_those_of_the_recorded_webhooks(autojump_clock):
    async with listening() as ear, running(options(ear)) as waha:
        await waha.text()
        await ear.wait(1)
        names = set(RECORDED[0]["headers"])
        headers = {name: value for name, value in ear.headers[0].items() if name in names}
        assert set(headers) == names
        assert headers["x-webhook-hmac"] == sign(ear.raw[0], "secret-key")
        assert headers["x-webhook-timestamp"] == str(ear.heard[0]["timestamp"])
        assert headers["user-agent"] == "WAHA/2026.6.1"


async def test_without_a_secret_nothing_is_signed(autojump_clock):
    async with listening() as ear, running(options(ear, secret=None)) as waha:
        await waha.text()
        await ear.wait(1)
        assert "x-webhook-hmac" not in ear.headers[0]


async def test_a_restart_is_told_status_by_status(autojump_clock):
    async with listening() as ear, running(options(ear)) as waha:
        await waha.client.post("/api/sessions/default/restart")
        heard = await ear.wait(3)
        told = sorted(heard, key=lambda body: body["timestamp"])
        assert {body["payload"]["status"] for body in told[:2]} == {"STOPPED", "STARTING"}
        last = told[2]
        assert last["payload"]["status"] == "WORKING"
        assert shape(last) == shape(recorded("session.status", 1))
        statuses = [each["status"] for each in last["payload"]["statuses"]]
        assert statuses == ["STARTING", "WORKING"]


async def test_an_incoming_message_is_told_twice_under_one_id(autojump_clock):
    async with listening() as ear, running(options(ear)) as waha:
        raw_id = waha.simulator.receive("6289999999999@c.us", "STOP")
        first, second = await ear.wait(2)
        assert {first["event"], second["event"]} == {"message", "message.any"}
        assert first["id"] == second["id"]
        assert first["payload"]["id"] == f"false_6289999999999@c.us_{raw_id}"
        assert shape(first) == shape(recorded("message"))
        assert waha.simulator.delivered == []


@pytest.mark.parametrize(
    ("acks", "levels"),
    [
        (AckPlan(hold_at=0), []),
        (AckPlan(hold_at=1), [1]),
        (AckPlan(hold_at=2), [1, 2]),
        (AckPlan(drop=1), []),
        (AckPlan(error=1), [-1]),
        (AckPlan(delays=(1, 2, 3)), [1, 2, 3]),
    ],
)
async def test_acks_follow_their_plan_also_in_look_ups(acks, levels, autojump_clock):
    async with listening() as ear, running(options(ear, acks)) as waha:
        await waha.text()
        await trio.sleep(100)
        told = [body["payload"]["ack"] for body in ear.heard if body["event"] == "message.ack"]
        assert told == levels
        raw_id = waha.simulator.delivered[0].id
        found = await waha.client.get(f"/api/default/chats/all/messages/{raw_id}")
        assert found.json()["ack"] == (levels[-1] if levels else 0)


async def test_an_ack_can_be_given_by_hand(autojump_clock):
    async with listening() as ear, running(options(ear, AckPlan(hold_at=0))) as waha:
        await waha.text()
        waha.simulator.ack(waha.simulator.delivered[0].id, 4)
        heard = await ear.wait(2)
        assert heard[1]["payload"]["ackName"] == "PLAYED"
        with pytest.raises(KeyError):
            waha.simulator.ack("3EB0", 1)


async def test_a_reset_keeps_acks_that_are_due_later_from_being_sent(autojump_clock):
    async with listening() as ear, running(options(ear, AckPlan(delays=(5, 6, 7)))) as waha:
        await waha.text()
        await ear.wait(1)
        waha.simulator.reset()
        await trio.sleep(60)
        assert ear.names() == ["message.any"]


async def test_only_the_events_asked_for_are_told(autojump_clock):
    wanted = frozenset({"message.ack"})
    async with listening() as ear, running(options(ear, events=wanted)) as waha:
        await waha.text()
        await trio.sleep(10)
        assert set(ear.names()) == wanted


async def test_a_webhook_refused_is_repeated_with_the_same_body(autojump_clock):
    async with listening() as ear, running(options(ear, AckPlan(hold_at=0))) as waha:
        ear.statuses = [500, 404, 503]
        await waha.text()
        await trio.sleep(60)
        assert len(ear.raw) == 4
        assert len(set(ear.raw)) == 1
        gaps = [after - before for before, after in zip(ear.at, ear.at[1:], strict=False)]
        assert gaps == pytest.approx([2, 2, 2], abs=0.01)
        assert waha.simulator.webhooks.sent == 1


async def test_a_webhook_is_lost_after_its_last_attempt(autojump_clock):
    hook = WebhookTarget("http://127.0.0.1:9/", attempts=3)
    async with running(SimulatorOptions(webhooks=(hook,), acks=AckPlan(hold_at=0))) as waha:
        await waha.text()
        await trio.sleep(3.9)
        assert waha.simulator.webhooks.lost == 0
        await trio.sleep(0.2)
        assert waha.simulator.webhooks.lost == 1


async def test_a_status_waits_for_no_acks_that_are_not_answered_yet(autojump_clock):
    async with listening() as ear, running(options(ear, AckPlan(hold_at=1))) as waha:
        ear.pauses = [5.0] * 200
        for n in range(100):
            waha.simulator.receive(f"{n}@c.us", "Hello")
        await ear.wait(SENDERS)
        waha.simulator.set_status("default", "FAILED")
        status = (await ear.wait(SENDERS + 1))[SENDERS]
        assert (status["event"], status["payload"]["status"]) == ("session.status", "FAILED")
        assert waha.simulator.webhooks.sent == 0, "no other is answered yet"


async def test_what_happens_before_and_after_a_run_is_told_in_the_next(autojump_clock):
    async with listening() as ear:
        simulator = Simulator(options(ear))
        for number in range(3):
            simulator.receive("6289999999999@c.us", str(number))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(simulator.run)
                await ear.wait(2 * (number + 1))
                await trio.testing.wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
        assert simulator.webhooks.sent == 6


async def test_a_session_can_have_a_webhook_of_its_own(autojump_clock):
    async with listening() as ear, running(SimulatorOptions(sessions=("a", "b"))) as waha:
        config = {"webhooks": [{"url": ear.url, "hmac": {"key": "k"}, "events": ["message.any"]}]}
        await waha.client.put("/api/sessions/b", json={"config": config})
        await trio.sleep(1)
        await waha.text(session="a")
        await waha.text(session="b")
        await trio.sleep(10)
        assert [body["session"] for body in ear.heard] == ["b"]
        assert ear.headers[0]["x-webhook-hmac"] == sign(ear.raw[0], "k")


async def test_what_was_delivered_and_cut_is_told(autojump_clock):
    async with listening() as ear, running(options(ear)) as waha:
        waha.simulator.set_faults(Faults(error_after=1))
        assert (await waha.text()).status_code == 500
        await ear.wait(4)
        assert ear.heard[-1]["payload"]["ackName"] == "READ"


async def test_a_target_that_does_not_answer_is_called_again(autojump_clock):
    async with listening() as ear, running(options(ear, AckPlan(hold_at=0))) as waha:
        ear.pauses = [3600]
        await waha.text()
        await ear.wait(2)
        assert ear.at[1] - ear.at[0] == pytest.approx(12, abs=0.01)


async def test_webhooks_beyond_what_may_wait_are_dropped_and_counted(monkeypatch):
    monkeypatch.setattr("trio_wa.simulator.webhooks.WAITING", 3)
    hook = WebhookTarget("http://127.0.0.1:9/")
    simulator = Simulator(SimulatorOptions(webhooks=(hook,)))  # and nobody runs it
    for _ in range(3):
        simulator.receive("6289999999999@c.us", "Hi")
    assert simulator.webhooks.dropped == 3
