"""Sends are answered as WAHA answers them."""

import json
from typing import Any

import pytest
import trio

from tests.simulator.running import HELLO, running
from trio_wa.simulator import SimulatorOptions

CHAT = "6281234567890@c.us"
GROUP = "120363000000000000@g.us"
FILE = {"mimetype": "image/png", "url": "https://example.org/a.png"}
BODIES: dict[str, dict[str, Any]] = {
    "sendText": {"text": "Hello"},
    "sendImage": {"file": FILE, "caption": "Hello"},
    "sendFile": {"file": FILE, "caption": "Hello"},
    "sendVoice": {"file": FILE},
    "sendVideo": {"file": FILE, "caption": "Hello"},
    "sendPoll": {"poll": {"name": "Hello", "options": ["a", "b"], "multipleAnswers": False}},
    "sendLocation": {"latitude": 1.0, "longitude": 2.0, "title": "Hello"},
    "sendContactVcard": {"contacts": [{"vcard": "BEGIN:VCARD"}]},
    "sendList": {"message": {"title": "Hello", "button": "b", "sections": []}},
    "forwardMessage": {"messageId": "true_1@c.us_3EB0"},
}


def raw_id(engine: str, kind: str, answer: dict[str, Any]) -> str:
    """Where WAHA's documentation says that the raw id is."""
    if engine == "WEBJS":
        assert answer["id"]["_serialized"] == f"true_{CHAT}_{answer['id']['id']}"
        assert answer["_data"]["id"]["id"] == answer["id"]["id"]
        return str(answer["id"]["id"])
    if engine == "NOWEB" and kind not in ("sendPoll", "forwardMessage"):
        return str(answer["key"]["id"])
    return str(answer["id"].split("_")[2])


@pytest.mark.parametrize("engine", ["NOWEB", "GOWS", "WEBJS"])
async def test_every_send_is_delivered_and_answered_in_the_shape_of_the_engine(engine):
    async with running(SimulatorOptions(engine=engine)) as waha:
        for kind, extra in BODIES.items():
            if engine == "WEBJS" and kind == "sendList":
                continue
            body = {"session": "default", "chatId": CHAT, **extra}
            response = await waha.client.post(f"/api/{kind}", json=body)
            assert response.status_code == 201, kind
            last = waha.simulator.delivered[-1]
            assert raw_id(engine, kind, response.json()) == last.id
            assert (last.kind, last.chat_id, last.body) == (kind, CHAT, body)
            has_text = kind not in ("sendVoice", "sendContactVcard", "forwardMessage")
            assert last.text == ("Hello" if has_text else None)


async def test_the_answer_of_noweb_has_the_members_of_the_recorded_one():
    recorded = (
        '{"key":{"remoteJid":"6281234567890@s.whatsapp.net","fromMe":true,'
        '"id":"3EB0FF12D68F449AC45CCF"},"message":{"extendedTextMessage":{"text":"Hello"}},'
        '"messageTimestamp":"1795489115","status":"PENDING"}'
    )
    async with running() as waha:
        answer = (await waha.text()).json()
    expected = json.loads(recorded)
    assert len(answer["key"]["id"]) == len(expected["key"]["id"])
    assert answer["key"]["id"].startswith("3EB0")
    expected["key"]["id"] = answer["key"]["id"]
    expected["messageTimestamp"] = answer["messageTimestamp"]
    assert answer == expected


async def test_gows_puts_the_participant_behind_the_id_in_groups():
    async with running(SimulatorOptions(engine="GOWS")) as waha:
        answer = (await waha.text(chatId=GROUP)).json()
        raw = waha.simulator.delivered[0].id
    assert answer["id"] == f"true_{GROUP}_{raw}_79990000001@c.us"


async def test_webjs_does_not_know_lists():
    async with running(SimulatorOptions(engine="WEBJS")) as waha:
        body = {"session": "default", "chatId": CHAT, **BODIES["sendList"]}
        response = await waha.client.post("/api/sendList", json=body)
        assert response.status_code == 501
        assert waha.simulator.delivered == []


async def test_a_forwarded_message_keeps_its_text():
    async with running() as waha:
        first = (await waha.text(text="Pass it on")).json()
        original = f"true_{CHAT}_{first['key']['id']}"
        body = {"session": "default", "chatId": CHAT, "messageId": original}
        assert (await waha.client.post("/api/forwardMessage", json=body)).status_code == 201
        assert waha.simulator.delivered[1].text == "Pass it on"


@pytest.mark.parametrize(("key", "status"), [("secret", 201), ("wrong", 401), (None, 401)])
async def test_the_key_is_asked_for(key, status):
    async with running(SimulatorOptions(api_key="secret")) as waha:
        if key is not None:
            waha.client.headers["X-Api-Key"] = key
        response = await waha.text()
        assert response.status_code == status
        if status == 401:
            assert response.json() == {"message": "Unauthorized", "statusCode": 401}
        assert (await waha.client.get("/api/version")).status_code == (
            200 if status == 201 else 401
        )
        assert (await waha.client.get("/ping")).json() == {"message": "pong"}
        assert len(waha.simulator.delivered) == (1 if status == 201 else 0)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"chatId":"1@c.us","text":"x"}'])
async def test_a_send_without_session_is_400(content):
    async with running() as waha:
        response = await waha.client.post("/api/sendText", content=content)
    assert response.status_code == 400
    assert response.json() == {
        "message": "Session name is required",
        "error": "Bad Request",
        "statusCode": 400,
    }


async def test_what_is_not_json_is_400():
    async with running() as waha:
        response = await waha.client.post("/api/sendText", content=b"{")
    assert response.status_code == 400
    assert response.json()["error"] == "Bad Request"


@pytest.mark.parametrize("changes", [{"chatId": None}, {"chatId": 7}, {"text": None}, {"text": 7}])
async def test_a_member_absent_or_of_another_type_is_a_type_error(changes):
    async with running() as waha:
        response = await waha.text(**changes)
        assert waha.simulator.delivered == []
    assert response.status_code == 500
    assert response.json()["exception"]["name"] == "TypeError"
    assert response.json()["request"]["body"] == {**HELLO, **changes}


@pytest.mark.parametrize(("status", "wait"), [("SCAN_QR_CODE", 10), ("FAILED", 10), ("STOPPED", 5)])
async def test_a_session_that_does_not_work_is_422_after_a_wait(status, wait, autojump_clock):
    async with running() as waha:
        waha.simulator.set_status("default", status)
        began = trio.current_time()
        response = await waha.text()
        assert trio.current_time() - began == pytest.approx(wait)
        assert waha.simulator.delivered == []
    assert response.status_code == 422
    assert response.json() == {
        "error": "Session status is not as expected. Try again later or restart the session",
        "session": "default",
        "status": status,
        "expected": ["WORKING"],
    }


async def test_a_session_that_does_not_exist_is_422_after_a_wait(autojump_clock):
    async with running() as waha:
        began = trio.current_time()
        response = await waha.text(session="other")
        assert trio.current_time() - began == pytest.approx(5)
    assert response.status_code == 422
    assert response.json() == {"error": 'Session "other" does not exist', "session": "other"}


async def test_a_session_that_opens_within_the_wait_delivers(autojump_clock, nursery):
    async with running() as waha:
        waha.simulator.set_status("default", "STARTING")

        async def open_it():
            await trio.sleep(9)
            waha.simulator.set_status("default", "WORKING")

        nursery.start_soon(open_it)
        assert (await waha.text()).status_code == 201


async def test_a_body_over_the_limit_is_a_payload_too_large_error():
    async with running(SimulatorOptions(max_body_bytes=1000)) as waha:
        response = await waha.text(text="x" * 1001)
        assert response.status_code == 500
        assert response.json()["exception"]["name"] == "PayloadTooLargeError"
        assert (await waha.text(text="x")).status_code == 201


async def test_a_chunked_body_over_the_limit_is_one_too():
    async def chunks():
        for _ in range(20):
            yield b"x" * 100

    async with running(SimulatorOptions(max_body_bytes=1000)) as waha:
        response = await waha.client.post("/api/sendText", content=chunks())
        assert response.json()["exception"]["name"] == "PayloadTooLargeError"


@pytest.mark.parametrize(("tier", "status"), [("CORE", 422), ("PLUS", 201)])
async def test_media_may_need_plus(tier, status):
    async with running(SimulatorOptions(tier=tier, media_needs_plus=True)) as waha:
        body = {"session": "default", "chatId": CHAT, "file": FILE}
        response = await waha.client.post("/api/sendImage", json=body)
        assert response.status_code == status
        if status == 422:
            assert "available only in Plus" in response.json()["message"]
            assert (await waha.text()).status_code == 201


@pytest.mark.parametrize(("engine", "status"), [("GOWS", 500), ("NOWEB", 201)])
async def test_only_gows_notices_a_number_that_is_not_on_whatsapp(engine, status):
    options = SimulatorOptions(engine=engine, not_on_whatsapp=frozenset({"6281234567890"}))
    async with running(options) as waha:
        response = await waha.text()
        assert response.status_code == status
        if status == 500:
            assert "no LID found for" in response.json()["exception"]["message"]
        assert (await waha.text(chatId="15550001111@c.us")).status_code == 201


async def test_an_id_can_be_chosen_before_the_send():
    async with running() as waha:
        chosen = (await waha.client.get("/api/default/new-message-id")).json()["id"]
        assert (await waha.text(id=chosen)).json()["key"]["id"] == chosen
        assert waha.simulator.delivered[0].id == chosen


async def test_an_older_waha_ignores_the_chosen_id():
    async with running(SimulatorOptions(message_ids=False)) as waha:
        assert (await waha.client.get("/api/default/new-message-id")).status_code == 404
        assert (await waha.text(id="3EB0AA")).json()["key"]["id"] != "3EB0AA"


@pytest.mark.parametrize(("engine", "taken"), [("GOWS", True), ("NOWEB", False)])
async def test_only_gows_takes_an_id_with_media(engine, taken):
    async with running(SimulatorOptions(engine=engine)) as waha:
        body = {"session": "default", "chatId": CHAT, "file": FILE, "id": "3EB0AA"}
        await waha.client.post("/api/sendImage", json=body)
        assert (waha.simulator.delivered[0].id == "3EB0AA") is taken


async def test_the_headers_of_an_attempt_are_kept():
    async with running() as waha:
        await waha.client.post("/api/sendText", json=HELLO, headers={"X-Trace": "7"})
        assert waha.simulator.delivered[0].headers["x-trace"] == "7"
        assert waha.simulator.delivered[0].headers["content-type"] == "application/json"
