"""The control API under /_sim."""

import pytest
import trio

from tests.simulator.running import HELLO, running
from trio_wa.simulator import SimulatorOptions

OTHER = "15550001111@c.us"


async def test_faults_are_set_changed_and_removed():
    async with running() as waha:
        put = await waha.client.put("/_sim/faults", json={"engine_error": 1, "error_message": "No"})
        assert put.status_code == 200
        assert (await waha.text()).json()["exception"]["message"] == "No"
        await waha.client.patch("/_sim/faults", json={"error_message": "Never"})
        assert (await waha.text()).json()["exception"]["message"] == "Never"
        await waha.client.put("/_sim/faults", json={"proxy_502": 1})
        assert (await waha.text()).status_code == 502
        assert (await waha.client.get("/_sim/faults")).json()[0]["faults"]["proxy_502"] == 1
        assert (await waha.client.delete("/_sim/faults")).json() == []
        assert (await waha.text()).status_code == 201


async def test_faults_are_set_for_a_session_and_a_recipient_and_for_a_while():
    async with running(SimulatorOptions(sessions=("a", "b"))) as waha:
        rule = {"engine_error": 1, "session": "a", "chat_id": OTHER, "times": 1}
        await waha.client.put("/_sim/faults", json=rule)
        codes = [
            (await waha.text(session=session, chatId=chat)).status_code
            for session, chat in (("b", OTHER), ("a", HELLO["chatId"]), ("a", OTHER), ("a", OTHER))
        ]
    assert codes == [201, 201, 500, 201]


@pytest.mark.parametrize(
    ("latency", "least", "most"),
    [(0.5, 0.5, 0.5), ({"low": 1, "high": 2}, 1, 2), ({"mean": 0.1}, 0, 10)],
)
async def test_a_latency_is_set(latency, least, most, autojump_clock):
    async with running() as waha:
        await waha.client.put("/_sim/faults", json={"latency": latency})
        began = trio.current_time()
        await waha.text()
        assert least <= trio.current_time() - began + 1e-6 < most + 0.1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"engine_eror": 1}, "engine_eror is no member here: did you mean engine_error?"),
        ({"foo": 1}, "foo is no member here: there are latency, acks, proxy_503"),
        ({"engine_error": 2}, "rates lie between 0 and 1"),
        ({"engine_error": "often"}, "engine_error must be a number"),
        ({"engine_error": 0.5, "hang": 0.6}, "add up to 1 at most"),
        ({"latency": -1}, "a latency is 0 or more seconds"),
        ({"latency": {"mean": 0.1, "high": 2}}, "latency must be a number"),
        ({"times": 0}, "times must be greater than or equal to 1"),
        ({"flip_to": "ASLEEP"}, "flip_to must be 'STOPPED', 'STARTING'"),
        ({"acks": {"drop": 2}}, "acks shares of acks"),
        ({"acks": {"dropped": 1}}, "acks.dropped is no member here"),
    ],
)
async def test_wrong_faults_are_refused_and_change_nothing(wrong, said):
    async with running() as waha:
        response = await waha.client.put("/_sim/faults", json=wrong)
        assert response.status_code == 400
        assert said in response.json()["message"]
        assert "pydantic" not in response.text
        assert (await waha.client.get("/_sim/faults")).json() == []


async def test_deliveries_are_listed_from_a_cursor_on():
    async with running(SimulatorOptions(sessions=("a", "b"))) as waha:
        for session, chat, text in (("a", OTHER, "1"), ("b", OTHER, "2"), ("a", "1@c.us", "3")):
            await waha.text(session=session, chatId=chat, text=text)

        async def texts(query: str) -> list[str]:
            return [
                each["text"] for each in (await waha.client.get(f"/_sim/messages{query}")).json()
            ]

        assert await texts("") == ["1", "2", "3"]
        assert await texts("?since=1") == ["2", "3"]
        assert await texts("?since=1&limit=1") == ["2"]
        assert await texts("?session=a") == ["1", "3"]
        assert await texts(f"?session=a&chat_id={OTHER}") == ["1"]
        (first, *_) = (await waha.client.get("/_sim/messages")).json()
        assert first["body"] == {**HELLO, "session": "a", "chatId": OTHER, "text": "1"}
        assert first["headers"]["content-type"] == "application/json"


async def test_requests_are_listed_whatever_became_of_them():
    async with running() as waha:
        await waha.client.put("/_sim/faults", json={"engine_error": 1, "times": 1})
        await waha.text()
        await waha.text()
        listed = (await waha.client.get("/_sim/requests")).json()
        assert [(each["outcome"], each["body"]) for each in listed] == [(500, HELLO), (201, HELLO)]
        assert (await waha.client.get("/_sim/messages")).json()[0]["attempt"] == 2


async def test_a_reset_forgets_what_was_and_every_fault():
    async with running() as waha:
        await waha.text()
        await waha.client.put("/_sim/faults", json={"engine_error": 1})
        assert (await waha.client.delete("/_sim")).status_code == 204
        assert (await waha.client.get("/_sim/messages")).json() == []
        stats = (await waha.client.get("/_sim/stats")).json()
        assert (stats["requests"], stats["delivered"], stats["max_concurrency"]) == (0, 0, 0)
        assert (await waha.text()).status_code == 201
        assert (await waha.client.get("/_sim/messages")).json()[0]["sequence"] == 1


async def test_a_session_s_status_is_flipped():
    async with running() as waha:
        path = "/_sim/sessions/default/status"
        flipped = await waha.client.post(path, json={"status": "SCAN_QR_CODE"})
        assert flipped.json()["status"] == "SCAN_QR_CODE"
        assert (await waha.client.post(path, json={"status": "ASLEEP"})).status_code == 400
        missing = await waha.client.post("/_sim/sessions/x/status", json={"status": "FAILED"})
        assert missing.status_code == 404


async def test_acks_are_planned_for_a_recipient(autojump_clock):
    async with running() as waha:
        rule = {"acks": {"error": 1}, "chat_id": OTHER}
        await waha.client.put("/_sim/faults", json=rule)
        raw_id = (await waha.text(chatId=OTHER)).json()["key"]["id"]
        await trio.sleep(1)
        found = await waha.client.get(f"/api/default/chats/all/messages/{raw_id}")
        assert found.json()["ackName"] == "ERROR"


async def test_faults_of_webhooks_are_set_and_removed():
    async with running() as waha:
        put = await waha.client.put("/_sim/webhooks", json={"lose": 0.5, "delay": {"mean": 2}})
        assert put.json() == {"lose": 0.5, "duplicate": 0.0, "delay": {"mean": 2.0}}
        assert (await waha.client.get("/_sim/webhooks")).json() == put.json()
        for wrong in ({"lose": 2}, {"loose": 1}):
            assert (await waha.client.put("/_sim/webhooks", json=wrong)).status_code == 400
        await waha.client.delete("/_sim/faults")
        assert (await waha.client.get("/_sim/webhooks")).json()["lose"] == 0


async def test_a_session_flaps_until_told_otherwise(autojump_clock):
    async with running() as waha:
        path = "/_sim/sessions/default/flap"
        assert (await waha.client.post(path, json={"every": 10, "down": 5})).status_code == 200
        await trio.sleep(11)
        await waha.text()
        late = (await waha.client.get("/_sim/requests?not_working_for=0.5")).json()
        assert [(each["status"], each["sequence"]) for each in late] == [("FAILED", 1)]
        assert (await waha.client.get("/_sim/requests?not_working_for=2")).json() == []
        assert (await waha.client.delete(path)).status_code == 204
        await trio.sleep(60)
        assert waha.simulator.sessions["default"].status == "WORKING"
        for wrong in ({"every": 10}, {"every": 0, "down": 1}, {"every": 1, "down": 1, "to": "x"}):
            assert (await waha.client.post(path, json=wrong)).status_code == 400
        missing = path.replace("default", "x")
        flap = {"every": 1, "down": 1}
        assert (await waha.client.post(missing, json=flap)).status_code == 404


async def test_a_message_comes_in_and_an_ack_is_given():
    async with running() as waha:
        incoming = {"chat_id": OTHER, "text": "STOP"}
        assert (await waha.client.post("/_sim/incoming", json=incoming)).status_code == 201
        nobody = {**incoming, "session": "x"}
        assert (await waha.client.post("/_sim/incoming", json=nobody)).status_code == 404
        assert (await waha.client.post("/_sim/incoming", json={})).status_code == 400
        raw_id = (await waha.text()).json()["key"]["id"]
        path = f"/_sim/messages/{raw_id}/ack"
        assert (await waha.client.post(path, json={"ack": -1})).status_code == 200
        assert (await waha.client.post(path, json={"ack": 9})).status_code == 400
        absent = await waha.client.post("/_sim/messages/x/ack", json={"ack": 1})
        assert absent.status_code == 404
        found = await waha.client.get(f"/api/default/chats/all/messages/{raw_id}")
        assert found.json()["ackName"] == "ERROR"


async def test_what_is_not_json_is_400():
    async with running() as waha:
        for method, path in (
            ("PUT", "/_sim/faults"),
            ("PUT", "/_sim/webhooks"),
            ("POST", "/_sim/sessions/default/flap"),
            ("POST", "/_sim/incoming"),
            ("POST", "/_sim/sessions/default/status"),
            ("POST", "/_sim/messages/x/ack"),
        ):
            assert (await waha.client.request(method, path, content=b"{")).status_code == 400


async def test_the_control_api_needs_no_key():
    async with running(SimulatorOptions(api_key="secret")) as waha:
        assert (await waha.client.get("/_sim/stats")).status_code == 200


async def test_a_session_comes_into_trouble_and_is_healed(autojump_clock):
    async with running() as waha:
        path = "/_sim/sessions/default"
        for trouble, body, status in (
            ("ghost", {}, 201),
            ("ghost", {"until": "told"}, 201),
            ("broken-engine", {}, 500),
            ("timelock", {"seconds": 60}, 500),
        ):
            begun = await waha.client.post(f"{path}/{trouble}", json=body)
            assert (begun.status_code, begun.json()["status"]) == (200, "WORKING")
            assert (await waha.text()).status_code == status
            assert waha.simulator.delivered == []
            assert (await waha.client.post(f"{path}/heal")).status_code == 200
        assert (await waha.text()).status_code == 201
        assert len(waha.simulator.delivered) == 1


async def test_wrong_troubles_are_refused():
    async with running() as waha:
        for trouble, body in (
            ("ghost", {"until": "tomorrow"}),
            ("ghost", {"seconds": 5}),
            ("broken-engine", {"until": None}),
            ("timelock", {}),
            ("timelock", {"seconds": 0}),
        ):
            path = f"/_sim/sessions/default/{trouble}"
            assert (await waha.client.post(path, json=body)).status_code == 400
        for path in ("ghost", "heal"):
            answer = await waha.client.post(f"/_sim/sessions/x/{path}", json={})
            assert answer.status_code == 404
        await waha.text()
        assert len(waha.simulator.delivered) == 1


async def test_the_pace_of_a_session_is_told_and_what_was_too_fast(autojump_clock):
    async with running() as waha:
        path = "/_sim/sessions/default/pace"
        for _ in range(3):
            await waha.text()
        told = (await waha.client.get(path)).json()
        assert (told["sends"], told["per_minute"], told["violations"]) == (3, 3, [])
        limited = (await waha.client.get(f"{path}?per_minute=2&gap=0")).json()
        assert limited["violations"] == ["per_minute: 3, and 2 are allowed"]
        for wrong in ("?per_week=2", "?per_minute=many"):
            assert (await waha.client.get(path + wrong)).status_code == 400
        assert (await waha.client.get("/_sim/sessions/x/pace")).status_code == 404
