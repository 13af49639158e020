"""Who wants no more messages gets none, through the whole service in virtual time."""

import json

import pytest
import trio

from tests.desk import Desk, entry
from trio_wa.telemetry import timestamp

HOME = {"waha_webhook_secret": "a-long-random-text"}
NUMBER = "6281234567890"


async def post(trio_wa, to=NUMBER, **members):
    return await trio_wa.client.post("/send", json={"to": to, "message": "Hello", **members})


async def status_of(trio_wa, message_id):
    return (await trio_wa.message(message_id)).status


async def listed(trio_wa):
    page = (await trio_wa.client.get("/suppressions")).json()
    return [each["chat_id"] for each in page["data"]]


async def heard(trio_wa, waha, sender, text):
    """Let a message come in, and wait until the service must have taken it."""
    waha.receive(sender, text)
    await trio.sleep(5)


async def all_is_free(trio_wa):
    """Nothing holds a place, and nothing a permit or a recipient."""
    assert (await trio_wa.client.get("/readyz")).json()["backlog"] == 0
    code = await trio_wa.send(NUMBER, "Your code", priority="urgent", ignore_suppression=True)
    await trio_wa.settled()
    assert await status_of(trio_wa, code) in ("sent", "delivered", "read")


@pytest.mark.trio_wa(**HOME, session_rate=1)
async def test_who_writes_stop_gets_nothing_more_but_what_ignores_it(trio_wa, waha, autojump_clock):
    await trio_wa.send("6281200000000", "first of the campaign")
    waiting = await trio_wa.send(NUMBER, "campaign", priority="bulk")
    later = await trio_wa.send(NUMBER, "reminder", send_at=timestamp(waha.clock.now() + 3600))
    other = await trio_wa.send("6281200000001", "campaign", priority="bulk")
    await heard(trio_wa, waha, NUMBER, " Stop!")
    assert await status_of(trio_wa, waiting) == "cancelled"
    assert await status_of(trio_wa, later) == "cancelled"
    assert await status_of(trio_wa, other) == "queued"
    response = await post(trio_wa)
    assert (response.status_code, response.json()["code"]) == (422, "suppressed")
    assert [error["field"] for error in response.json()["errors"]] == ["to"]
    response = await post(trio_wa, priority="urgent")
    assert (response.status_code, response.json()["code"]) == (422, "suppressed")
    entry = (await trio_wa.client.get(f"/suppressions/{NUMBER}")).json()
    assert (entry["reason"], entry["session"]) == ("STOP", "default")
    code = await trio_wa.send(NUMBER, "Your code", priority="urgent", ignore_suppression=True)
    await trio_wa.settled()
    assert await status_of(trio_wa, code) in ("sent", "delivered", "read")
    assert [message.text for message in waha.sent if message.chat_id.startswith(NUMBER)] == [
        "Your code"
    ]


@pytest.mark.trio_wa(**HOME)
@pytest.mark.waha(not_working_wait=3)
async def test_what_is_being_sent_as_they_write_stop_is_not_tried_again(
    trio_wa, waha, autojump_clock
):
    waha.faults(not_working=1, times=1)
    message = await trio_wa.send(NUMBER, "campaign")
    await trio.sleep(1)
    waha.receive(NUMBER, "STOP")
    await trio.sleep(1)
    assert await status_of(trio_wa, message) == "sending"
    await trio_wa.settled()
    record = await trio_wa.message(message)
    assert (record.status, record.code) == ("cancelled", "suppressed")
    assert waha.sent == []
    await all_is_free(trio_wa)


@pytest.mark.trio_wa(**HOME)
async def test_what_is_looked_up_as_they_write_stop_is_not_tried_again(
    trio_wa, waha, autojump_clock
):
    await trio_wa.send("6281200000000", "first")  # WAHA keeps ids, and finds what it sent
    await trio.sleep(10)
    waha.faults(to=NUMBER, cut_before=1, times=1)
    message = await trio_wa.send(NUMBER, "campaign")
    await trio.sleep(10)
    assert await status_of(trio_wa, message) == "unknown"
    await heard(trio_wa, waha, NUMBER, "STOP")
    await trio_wa.settled(within=300)
    record = await trio_wa.message(message)
    assert (record.status, record.code) == ("cancelled", "suppressed")
    assert len(waha.sent) == 1
    await all_is_free(trio_wa)


@pytest.mark.trio_wa(**HOME)
async def test_other_words_and_groups_put_nobody_on_the_list(trio_wa, waha, autojump_clock):
    await heard(trio_wa, waha, NUMBER, "stop it please")
    await heard(trio_wa, waha, "120363025246125486@g.us", "STOP")
    assert await listed(trio_wa) == []
    await trio_wa.send(NUMBER, "Hello")
    await trio_wa.settled()
    assert len(waha.sent) == 1


@pytest.mark.trio_wa(**HOME, session_rate=1)
async def test_who_writes_under_an_id_in_place_of_a_number_is_known_by_both(
    trio_wa, waha, autojump_clock
):
    await trio_wa.send("6281200000000", "first of the campaign")
    waiting = await trio_wa.send(NUMBER, "campaign")
    waha.receive(NUMBER, "STOP", lid="123456789012345")
    await trio.sleep(5)
    assert await status_of(trio_wa, waiting) == "cancelled"
    assert await listed(trio_wa) == ["123456789012345@lid", f"{NUMBER}@c.us"]
    for to in (NUMBER, "123456789012345@lid"):
        assert (await post(trio_wa, to)).json()["code"] == "suppressed"


@pytest.mark.parametrize("number", [NUMBER, "123456789012345@lid"])
@pytest.mark.trio_wa(**HOME)
async def test_who_wrote_under_an_id_is_taken_off_the_list_by_either(
    trio_wa, waha, autojump_clock, number
):
    waha.receive(NUMBER, "STOP", lid="123456789012345")
    await trio.sleep(5)
    assert len(await listed(trio_wa)) == 2
    assert (await trio_wa.client.delete(f"/suppressions/{number}")).status_code == 204
    assert await listed(trio_wa) == []
    for to in (NUMBER, "123456789012345@lid"):
        assert (await post(trio_wa, to)).status_code == 202
    await trio_wa.settled()
    assert {each.chat_id for each in waha.sent} == {f"{NUMBER}@c.us", "123456789012345@lid"}


@pytest.mark.trio_wa(**HOME)
async def test_who_is_taken_off_the_list_gets_messages_again(trio_wa, waha, autojump_clock):
    await heard(trio_wa, waha, NUMBER, "BERHENTI")
    assert (await post(trio_wa)).status_code == 422
    response = await trio_wa.client.delete(f"/suppressions/%2B{NUMBER}")
    assert (response.status_code, response.content) == (204, b"")
    await trio_wa.send(NUMBER, "Hello")
    await waha.wait_for(to=NUMBER)


@pytest.mark.trio_wa(**HOME, opt_out_keywords="off")
async def test_without_keywords_a_message_is_a_message(trio_wa, waha, autojump_clock):
    await heard(trio_wa, waha, NUMBER, "STOP")
    assert await listed(trio_wa) == []


@pytest.mark.trio_wa(session_rate=1)
async def test_the_places_of_what_was_cancelled_are_free_again(trio_wa, autojump_clock):
    await trio_wa.send("6281200000000", "first")
    for _ in range(10):
        await trio_wa.send(NUMBER, "campaign", priority="bulk")
    response = await trio_wa.client.put(
        f"/suppressions/+{NUMBER}", json={"reason": "asked by mail"}
    )
    assert (response.status_code, response.json()["cancelled"]) == (201, 10)
    ready = (await trio_wa.client.get("/readyz")).json()
    assert ready["backlog"] <= 1


async def test_the_list_outlives_a_restart(trio_wa, waha, autojump_clock):
    await trio_wa.client.put(f"/suppressions/{NUMBER}")
    await trio_wa.crash()
    await trio_wa.restart()
    assert await listed(trio_wa) == [f"{NUMBER}@c.us"]
    assert (await post(trio_wa)).json()["code"] == "suppressed"


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/suppressions", "read"),
        ("GET", f"/suppressions/{NUMBER}", "read"),
        ("PUT", f"/suppressions/{NUMBER}", "send"),
        ("DELETE", f"/suppressions/{NUMBER}", "admin"),
    ],
)
async def test_each_part_of_the_list_takes_a_scope(method: str, path: str, scope: str) -> None:
    scopes = ("read", "send", "admin")
    desk = Desk(api_keys=",".join(entry(each, each) for each in scopes))
    answers = {each: await desk.fetch(method, path, by=each) for each in scopes}
    refused = {each for each, answer in answers.items() if answer.status == 403}
    assert refused == set(scopes) - {scope, "admin"}
    for each in refused:
        assert json.loads(answers[each].body)["code"] == "scope_missing"
