"""Each kind of send needs its members, and what is remembered of a file is small."""

import base64
import copy
import hashlib
from functools import reduce

import pytest

from tests.simulator.running import running
from tests.simulator.test_sends import BODIES, CHAT, FILE
from trio_wa.simulator import ReceivedFile, SimulatorOptions

MEDIA = ("sendImage", "sendFile", "sendVoice", "sendVideo")
CARD = {"fullName": "Ann", "phoneNumber": "+62 812"}
ROW = {"title": "Rice", "rowId": "r1"}
MENU = {"title": "Menu", "button": "Choose", "sections": [{"title": "Food", "rows": [ROW]}]}
FULL = {
    **BODIES,
    "sendContactVcard": {"contacts": [CARD]},
    "sendList": {"message": MENU},
}
ABSENT = object()
WRONG = [
    *((kind, ("file",), value) for kind in MEDIA for value in (ABSENT, None, "a.png", [], {})),
    *((kind, ("file", "url"), value) for kind in MEDIA for value in (ABSENT, None, 7)),
    *((kind, ("file", "mimetype"), value) for kind in MEDIA for value in (ABSENT, None, 7)),
    *((kind, ("reply_to",), 7) for kind in BODIES if kind != "forwardMessage"),
    ("sendImage", ("file", "filename"), 7),
    ("sendFile", ("caption",), ["Hello"]),
    ("sendText", ("mentions",), "all"),
    ("sendText", ("mentions",), [7]),
    ("sendText", ("linkPreview",), "yes"),
    ("sendText", ("linkPreviewHighQuality",), 1),
    ("sendVoice", ("convert",), "yes"),
    ("sendVideo", ("asNote",), 1),
    ("sendPoll", ("poll",), ABSENT),
    ("sendPoll", ("poll", "name"), ABSENT),
    ("sendPoll", ("poll", "options"), "yes"),
    ("sendPoll", ("poll", "options"), ["yes", 7]),
    ("sendPoll", ("poll", "multipleAnswers"), "no"),
    ("sendLocation", ("latitude",), ABSENT),
    ("sendLocation", ("longitude",), "106.8"),
    ("sendLocation", ("longitude",), True),
    ("sendLocation", ("title",), 7),
    ("sendContactVcard", ("contacts",), ABSENT),
    ("sendContactVcard", ("contacts",), CARD),
    ("sendContactVcard", ("contacts", 0, "phoneNumber"), ABSENT),
    ("sendContactVcard", ("contacts", 0, "fullName"), None),
    ("sendContactVcard", ("contacts", 0, "organization"), 7),
    ("sendContactVcard", ("contacts", 0), {"vcard": 7}),
    ("sendList", ("message",), ABSENT),
    ("sendList", ("message", "title"), ABSENT),
    ("sendList", ("message", "button"), ABSENT),
    ("sendList", ("message", "sections"), ABSENT),
    ("sendList", ("message", "footer"), 7),
    ("sendList", ("message", "sections", 0, "title"), ABSENT),
    ("sendList", ("message", "sections", 0, "rows"), ABSENT),
    ("sendList", ("message", "sections", 0, "rows", 0, "rowId"), 7),
    ("sendList", ("message", "sections", 0, "rows", 0, "description"), 7),
    ("forwardMessage", ("messageId",), ABSENT),
    ("forwardMessage", ("messageId",), 7),
]


def changed(kind, path, value):
    """A good body in which one member is absent, or is `value`."""
    body = {"session": "default", "chatId": CHAT, **copy.deepcopy(FULL[kind])}
    *above, name = path
    holder = reduce(lambda inner, key: inner[key], above, body)
    if value is ABSENT:
        del holder[name]
    else:
        holder[name] = value
    return body


@pytest.mark.parametrize(("kind", "path", "value"), WRONG)
async def test_a_member_absent_or_of_another_type_is_a_type_error_that_names_it(kind, path, value):
    body = changed(kind, path, value)
    async with running() as waha:
        response = await waha.client.post(f"/api/{kind}", json=body)
        assert waha.simulator.delivered == []
    assert response.status_code == 500
    exception = response.json()["exception"]
    assert exception["name"] == "TypeError"
    assert repr(path[0]) in exception["message"]
    assert response.json()["request"]["body"] == body


@pytest.mark.parametrize("kind", BODIES)
async def test_optional_members_may_be_null_and_others_are_ignored(kind):
    optional = dict.fromkeys(["reply_to", "mentions", "caption", "convert", "id", "asNote"])
    body = {"session": "default", "chatId": CHAT, **FULL[kind], **optional, "new": 1}
    async with running() as waha:
        assert (await waha.client.post(f"/api/{kind}", json=body)).status_code == 201


@pytest.mark.parametrize("engine", ["NOWEB", "GOWS"])
@pytest.mark.parametrize("chat_id", ["120363000000000000@g.us", "123@newsletter"])
async def test_a_list_goes_to_people_only(engine, chat_id):
    body = {"session": "default", "chatId": chat_id, **FULL["sendList"]}
    async with running(SimulatorOptions(engine=engine)) as waha:
        response = await waha.client.post("/api/sendList", json=body)
        assert waha.simulator.delivered == []
    assert response.status_code == 422
    assert "direct message chat" in response.json()["message"]


@pytest.mark.parametrize("kind", MEDIA)
async def test_of_a_file_its_size_and_hash_are_kept_and_not_its_data(kind):
    data = bytes(range(256)) * 4_000
    encoded = base64.b64encode(data).decode()
    file = {"mimetype": "image/png", "filename": "a.png", "data": encoded}
    body = {"session": "default", "chatId": CHAT, "file": file}
    digest = hashlib.sha256(data).hexdigest()
    async with running() as waha:
        assert (await waha.client.post(f"/api/{kind}", json=body)).status_code == 201
        (message,) = waha.simulator.delivered
        listed = (await waha.client.get("/_sim/messages")).json()[0]["file"]
    expected = ReceivedFile("image/png", "a.png", None, len(data), digest)
    assert message.file == expected
    assert message.body["file"] == {"mimetype": "image/png", "filename": "a.png"}
    assert (listed["size"], listed["sha256"]) == (len(data), digest)
    assert encoded not in str(waha.simulator.requests)


async def test_a_file_behind_a_url_is_not_fetched():
    body = {"session": "default", "chatId": CHAT, "file": FILE}
    async with running() as waha:
        await waha.client.post("/api/sendImage", json=body)
        (message,) = waha.simulator.delivered
    assert message.file == ReceivedFile("image/png", None, FILE["url"])
    assert message.body == body


@pytest.mark.parametrize(
    ("encoded", "data"), [("QUI", b"AB"), ("QU\nI=", b"AB"), ("Q", b""), ("", b""), ("é", b"")]
)
async def test_base64_is_read_as_far_as_it_goes(encoded, data):
    file = {"mimetype": "image/png", "data": encoded}
    async with running() as waha:
        body = {"session": "default", "chatId": CHAT, "file": file}
        assert (await waha.client.post("/api/sendImage", json=body)).status_code == 201
        assert waha.simulator.delivered[0].file.sha256 == hashlib.sha256(data).hexdigest()


async def test_a_failure_echoes_the_data_of_a_file():
    encoded = base64.b64encode(bytes(100_000)).decode()
    file = {"mimetype": "image/png", "data": encoded}
    async with running() as waha:
        await waha.client.put("/_sim/faults", json={"engine_error": 1})
        body = {"session": "default", "chatId": CHAT, "file": file}
        response = await waha.client.post("/api/sendImage", json=body)
        assert encoded not in str(waha.simulator.requests)
    assert response.status_code == 500
    assert response.json()["request"]["body"] == body
