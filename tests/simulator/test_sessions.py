"""Sessions pass through their statuses as WAHA's do."""

import base64
import struct
import zlib

import pytest
import trio

from tests.simulator.running import Running, running
from trio_wa.simulator import SimulatorOptions

TWO = SimulatorOptions(sessions=("default", "marketing"))


async def status(waha: Running, name: str = "default") -> str:
    return str((await waha.client.get(f"/api/sessions/{name}")).json()["status"])


async def test_the_list_leaves_the_stopped_out_unless_asked_for_all():
    async with running(TWO) as waha:
        waha.simulator.set_status("marketing", "STOPPED")
        running_ones = (await waha.client.get("/api/sessions")).json()
        everyone = (await waha.client.get("/api/sessions?all=true")).json()
    assert [each["name"] for each in running_ones] == ["default"]
    assert [(each["name"], each["status"]) for each in everyone] == [
        ("default", "WORKING"),
        ("marketing", "STOPPED"),
    ]


async def test_a_session_has_the_members_of_the_recorded_one():
    async with running() as waha:
        (session,) = (await waha.client.get("/api/sessions")).json()
    assert list(session) == ["name", "status", "config", "me", "presence", "timestamps"]
    assert set(session["me"]) == {"id", "pushName", "lid"}
    assert session["me"]["id"].endswith("@c.us")


async def test_a_session_that_does_not_work_knows_no_account():
    async with running() as waha:
        waha.simulator.set_status("default", "SCAN_QR_CODE")
        assert (await waha.client.get("/api/sessions/default")).json()["me"] is None


@pytest.mark.parametrize(
    ("verb", "at_once", "afterwards"),
    [
        ("stop", "STOPPED", "STOPPED"),
        ("restart", "STARTING", "WORKING"),
        ("start", "WORKING", "WORKING"),
        ("logout", "STARTING", "SCAN_QR_CODE"),
    ],
)
async def test_commands_to_a_working_session(verb, at_once, afterwards, autojump_clock):
    async with running() as waha:
        response = await waha.client.post(f"/api/sessions/default/{verb}")
        assert (response.status_code, response.json()["status"]) == (201, at_once)
        await trio.sleep(1)
        assert await status(waha) == afterwards


async def test_a_stopped_session_starts(autojump_clock):
    async with running() as waha:
        await waha.client.post("/api/sessions/default/stop")
        await waha.client.post("/api/sessions/default/start")
        assert await status(waha) == "STARTING"
        await trio.sleep(1)
        assert await status(waha) == "WORKING"


async def test_a_session_stopped_while_it_starts_stays_stopped(autojump_clock):
    async with running() as waha:
        await waha.client.post("/api/sessions/default/restart")
        await waha.client.post("/api/sessions/default/stop")
        await trio.sleep(1)
        assert await status(waha) == "STOPPED"


async def test_a_missing_session_is_404():
    async with running() as waha:
        expected = {"message": "Session not found", "error": "Not Found", "statusCode": 404}
        for method, path in (
            ("GET", "/api/sessions/other"),
            ("POST", "/api/sessions/other/start"),
            ("PUT", "/api/sessions/other"),
        ):
            response = await waha.client.request(method, path)
            assert (response.status_code, response.json()) == (404, expected)


async def test_unknown_paths_are_404_in_json():
    async with running() as waha:
        for method, path in (
            ("POST", "/api/sessions/default/explode"),
            ("GET", "/api/nothing"),
            ("GET", "/api/sendText"),
        ):
            response = await waha.client.request(method, path)
            assert response.status_code == 404
            assert response.json()["message"] == f"Cannot {method} {path}"


async def test_a_session_can_be_created_changed_and_deleted(autojump_clock):
    async with running() as waha:
        created = await waha.client.post("/api/sessions", json={"name": "new", "start": False})
        assert (created.status_code, created.json()["status"]) == (201, "STOPPED")
        again = await waha.client.post("/api/sessions", json={"name": "new"})
        assert again.status_code == 422
        await waha.client.post("/api/sessions/new/start")
        await trio.sleep(1)
        assert await status(waha, "new") == "SCAN_QR_CODE"
        waha.simulator.set_status("new", "WORKING")
        assert (await waha.text(session="new")).status_code == 201
        config = {"webhooks": [{"url": "http://127.0.0.1:9/", "events": ["message.ack"]}]}
        changed = await waha.client.put("/api/sessions/new", json={"config": config})
        assert (changed.status_code, changed.json()["config"]) == (200, config)
        assert (await waha.client.delete("/api/sessions/new")).status_code == 200
        assert (await waha.client.get("/api/sessions/new")).status_code == 404


@pytest.mark.parametrize("webhooks", [{}, "x", [1], [{}], [{"url": "x", "retries": 3}]])
async def test_a_wrong_webhook_in_a_config_is_400(webhooks):
    async with running() as waha:
        body = {"name": "new", "config": {"webhooks": webhooks}}
        assert (await waha.client.post("/api/sessions", json=body)).status_code == 400
        assert (await waha.client.put("/api/sessions/default", json=body)).status_code == 400
        assert (await waha.client.get("/api/sessions/new")).status_code == 404


async def test_the_qr_code_is_a_png():
    async with running() as waha:
        waha.simulator.set_status("default", "SCAN_QR_CODE")
        image = await waha.client.get("/api/default/auth/qr")
        as_json = await waha.client.get(
            "/api/default/auth/qr", headers={"Accept": "application/json"}
        )
    assert image.headers["content-type"] == "image/png"
    assert as_json.json()["mimetype"] == "image/png"
    assert base64.b64decode(as_json.json()["data"]) == image.content
    width, height = struct.unpack(">II", image.content[16:24])
    data = image.content[image.content.index(b"IDAT") + 4 : -16]
    assert len(zlib.decompress(data)) == height * (1 + width)


async def test_there_is_no_qr_code_for_a_session_that_works():
    async with running() as waha:
        response = await waha.client.get("/api/default/auth/qr")
        assert (response.status_code, response.json()["expected"]) == (422, ["SCAN_QR_CODE"])
        assert (await waha.client.get("/api/other/auth/qr")).status_code == 422


async def test_the_version_is_told_under_both_names():
    async with running(SimulatorOptions(version="2026.2.1", engine="GOWS")) as waha:
        version = (await waha.client.get("/api/version")).json()
        assert version == (await waha.client.get("/api/server/version")).json()
        assert (await waha.client.get("/health")).json()["status"] == "ok"
    assert list(version) == ["version", "engine", "tier", "browser", "platform", "worker"]
    assert (version["version"], version["engine"]) == ("2026.2.1", "GOWS")


async def test_a_number_is_on_whatsapp_or_not():
    async with running(SimulatorOptions(not_on_whatsapp=frozenset({"15550001111"}))) as waha:
        check = "/api/contacts/check-exists?session=default&phone="
        known = await waha.client.get(f"{check}6281234567890")
        unknown = await waha.client.get(f"{check}15550001111")
    assert known.json() == {"numberExists": True, "chatId": "6281234567890@c.us"}
    assert unknown.json() == {"numberExists": False}


@pytest.mark.parametrize("name", ["startTyping", "stopTyping", "sendSeen"])
async def test_presence_is_accepted_and_delivers_nothing(name):
    async with running() as waha:
        body = {"session": "default", "chatId": "6281234567890@c.us"}
        assert (await waha.client.post(f"/api/{name}", json=body)).status_code == 201
        assert (await waha.client.post(f"/api/{name}", json={})).status_code == 400
        assert waha.simulator.requests == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/default/new-message-id", None),
        ("GET", "/api/default/chats/all/messages/3EB0", None),
        ("GET", "/api/contacts/check-exists?session=default&phone=1", None),
        ("POST", "/api/startTyping", {"session": "default", "chatId": "1@c.us"}),
    ],
)
async def test_what_needs_a_working_session_waits_for_it(method, path, body, autojump_clock):
    async with running() as waha:
        waha.simulator.set_status("default", "FAILED")
        began = trio.current_time()
        response = await waha.client.request(method, path, json=body)
        assert trio.current_time() - began == pytest.approx(10)
        assert (response.status_code, response.json()["status"]) == (422, "FAILED")


async def test_presence_that_is_not_json_is_400():
    async with running() as waha:
        response = await waha.client.post("/api/sendSeen", content=b"{")
        assert response.status_code == 400


async def test_a_stopped_session_whose_config_changes_stays_stopped(autojump_clock):
    async with running() as waha:
        waha.simulator.set_status("default", "STOPPED")
        await waha.client.put("/api/sessions/default", json={"config": {}})
        await trio.sleep(1)
        assert await status(waha) == "STOPPED"


async def test_a_stopped_session_that_logs_out_needs_a_scan_at_its_next_start(autojump_clock):
    async with running() as waha:
        waha.simulator.set_status("default", "STOPPED")
        await waha.client.post("/api/sessions/default/logout")
        assert await status(waha) == "STOPPED"
        await waha.client.post("/api/sessions/default/start")
        await trio.sleep(1)
        assert await status(waha) == "SCAN_QR_CODE"
