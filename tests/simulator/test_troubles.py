"""Sessions that work, as WAHA says, and yet are in trouble."""

from datetime import datetime
from typing import Any

import pytest
import trio

from tests.simulator.ear import listening
from tests.simulator.running import HELLO, Running, running
from trio_wa.simulator import (
    AckPlan,
    BrokenEngine,
    Faults,
    Ghost,
    SimulatorOptions,
    Timelock,
    WebhookTarget,
)

OTHER = "15550001111@c.us"
GROUP = "120363025@g.us"
AB = ("a", "b")


async def restart(waha: Running, session: str = "default") -> None:
    """Restart a session, and wait until it works."""
    await waha.client.post(f"/api/sessions/{session}/restart")
    await trio.sleep(1)


async def found(waha: Running, message_id: str, session: str = "default") -> dict[str, Any]:
    path = f"/api/{session}/chats/all/messages/{message_id}"
    body: dict[str, Any] = (await waha.client.get(path)).json()
    return body


async def sent(waha: Running, **changes: Any) -> int | str:
    """The status answered, or for a 500 its message."""
    answer = await waha.text(**changes)
    if answer.status_code != 500:
        return answer.status_code
    return str(answer.json()["exception"]["message"])


async def test_a_ghost_works_takes_sends_and_delivers_nothing(autojump_clock):
    async with listening() as ear:
        options = SimulatorOptions(sessions=AB, webhooks=(WebhookTarget(ear.url),))
        async with running(options) as waha:
            waha.simulator.ghost("a")
            answers = [await waha.text(session=session) for session in AB]
            await trio.sleep(1000)
            sessions = (await waha.client.get("/api/sessions")).json()
            assert [each["status"] for each in sessions] == ["WORKING", "WORKING"]
            assert [each.status_code for each in answers] == [201, 201]
            assert [each.session for each in waha.simulator.delivered] == ["b"]
            ids = [each.json()["key"]["id"] for each in answers]
            assert (await found(waha, ids[0], "a"))["ackName"] == "PENDING"
            assert (await found(waha, ids[1], "b"))["ackName"] == "READ"
            told = [body["event"] for body in ear.heard if body["session"] == "a"]
            assert told == ["message.any"]


async def test_a_restart_ends_a_ghost_and_what_it_took_never_arrives(autojump_clock):
    async with running() as waha:
        waha.simulator.ghost("default")
        message_id = (await waha.text(text="lost")).json()["key"]["id"]
        await restart(waha)
        await waha.text(text="found")
        await trio.sleep(1000)
        assert [each.text for each in waha.simulator.delivered] == ["found"]
        assert (await found(waha, message_id))["ack"] == 0


async def test_what_a_ghost_took_arrives_when_it_is_sent_again_under_its_id(autojump_clock):
    async with running() as waha:
        waha.simulator.ghost("default")
        await waha.text(id="3EB0AA")
        waha.simulator.heal("default")
        await waha.text(id="3EB0AA")
        await waha.text(id="3EB0AA")
        assert [each.id for each in waha.simulator.delivered] == ["3EB0AA"]
        await trio.sleep(1)
        assert (await found(waha, "3EB0AA"))["ack"] == 3


@pytest.mark.parametrize("trouble", [Ghost, BrokenEngine])
async def test_one_that_ends_when_told_outlives_a_restart(trouble, autojump_clock):
    options = SimulatorOptions(troubles=(trouble("default", "told"),))
    async with running(options) as waha:
        await restart(waha)
        await waha.text()
        assert waha.simulator.delivered == []
        waha.simulator.heal()
        await waha.text()
        assert len(waha.simulator.delivered) == 1


async def test_a_session_that_falls_and_rises_without_a_start_stays_a_ghost(autojump_clock):
    async with running() as waha:
        waha.simulator.ghost("default")
        waha.simulator.set_status("default", "FAILED")
        waha.simulator.set_status("default", "WORKING")
        assert await sent(waha) == 201
        assert waha.simulator.delivered == []


async def test_faults_befall_a_ghost_too(autojump_clock):
    async with running(SimulatorOptions(troubles=(Ghost("default"),))) as waha:
        waha.simulator.set_faults(Faults(gateway_timeout_after=1))
        assert await sent(waha) == 504
        assert waha.simulator.delivered == []


async def test_a_broken_engine_fails_every_send_until_the_session_is_restarted(autojump_clock):
    async with running(SimulatorOptions(sessions=AB)) as waha:
        waha.simulator.break_engine("a")
        for chat_id in (HELLO["chatId"], OTHER, GROUP):
            assert await sent(waha, session="a", chatId=chat_id) == "Connection Closed"
        assert await sent(waha, session="b") == 201
        await trio.sleep(10_000 / 2)
        assert await sent(waha, session="a") == "Connection Closed"
        assert waha.simulator.sessions["a"].status == "WORKING"
        await restart(waha, "a")
        assert await sent(waha, session="a") == 201
        assert [each.session for each in waha.simulator.delivered] == ["b", "a"]


@pytest.mark.parametrize(
    ("engine", "refused"),
    [
        ("NOWEB", "server returned error 463"),
        ("GOWS", "2 UNKNOWN: server returned error 463"),
        ("WEBJS", "server returned error 463"),
    ],
)
async def test_a_time_lock_refuses_new_contacts_of_its_session(engine, refused, autojump_clock):
    async with running(SimulatorOptions(sessions=AB, engine=engine)) as waha:
        await waha.text(session="a")
        waha.simulator.receive(OTHER, "Hi", session="a")
        waha.simulator.timelock("a", 3600)
        for known in (HELLO["chatId"], OTHER, GROUP):
            assert await sent(waha, session="a", chatId=known) == 201
        for _ in range(2):
            assert await sent(waha, session="a", chatId="999@c.us") == refused
        assert await sent(waha, session="b", chatId="999@c.us") == 201
        assert len(waha.simulator.delivered) == 5


async def test_a_time_lock_outlives_a_restart_and_ends_by_itself(autojump_clock):
    async with running(SimulatorOptions(troubles=(Timelock("default", 60),))) as waha:
        await restart(waha)
        assert await sent(waha) == "server returned error 463"
        await trio.sleep(60)
        assert await sent(waha) == 201


async def test_a_contact_that_only_a_ghost_wrote_to_is_new(autojump_clock):
    async with running() as waha:
        waha.simulator.ghost("default")
        await waha.text()
        waha.simulator.heal()
        waha.simulator.timelock("default", 60)
        assert await sent(waha) == "server returned error 463"


async def test_the_end_of_a_time_lock_can_be_asked(autojump_clock):
    async with running() as waha:
        path = "/api/sessions/default/timelock"
        assert (await waha.client.get(path)).json() == {"isActive": False}
        waha.simulator.timelock("default", 3600)
        began = waha.simulator.now()
        told = (await waha.client.get(path)).json()
        assert set(told) == {"isActive", "timeEnforcementEnds"}
        assert told["isActive"] is True
        ends = datetime.fromisoformat(told["timeEnforcementEnds"]).timestamp()
        assert ends - began == pytest.approx(3600, abs=0.01)
        await trio.sleep(3601)
        assert (await waha.client.get(path)).json() == {"isActive": False}
        assert (await waha.client.get("/api/sessions/x/timelock")).status_code == 404


async def test_an_older_waha_does_not_tell_of_a_time_lock():
    async with running(SimulatorOptions(tells_timelocks=False)) as waha:
        answer = await waha.client.get("/api/sessions/default/timelock")
    assert answer.json()["message"] == "Cannot GET /api/sessions/default/timelock"
    assert answer.status_code == 404


async def test_a_session_alone_has_slow_acks(autojump_clock):
    async with running(SimulatorOptions(sessions=AB)) as waha:
        waha.simulator.set_faults(Faults(acks=AckPlan(late=300)), session="a")
        ids = [(await waha.text(session=each)).json()["key"]["id"] for each in AB]
        await trio.sleep(299)
        levels = [(await found(waha, *each))["ack"] for each in zip(ids, AB, strict=True)]
        assert levels == [0, 3]
        await trio.sleep(2)
        assert (await found(waha, ids[0], "a"))["ack"] == 3


async def test_clearing_faults_heals_and_a_reset_forgets_contacts(autojump_clock):
    async with running(SimulatorOptions(sessions=AB)) as waha:
        waha.simulator.ghost("a", until="told")
        waha.simulator.timelock("b", 60)
        waha.simulator.clear_faults()
        for session in AB:
            await waha.text(session=session)
        assert len(waha.simulator.delivered) == 2
        waha.simulator.reset()
        waha.simulator.timelock("b", 60)
        assert await sent(waha, session="b") == "server returned error 463"


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_impossible_time_locks_are_refused(seconds):
    with pytest.raises(ValueError, match="a time-lock takes"):
        Timelock("default", seconds)


async def test_only_a_session_that_exists_is_in_trouble():
    with pytest.raises(ValueError, match="no session 'x'"):
        SimulatorOptions(troubles=(Ghost("x"),))
    async with running() as waha:
        with pytest.raises(KeyError):
            waha.simulator.ghost("x")
        with pytest.raises(KeyError):
            waha.simulator.heal("x")
