"""`POST /webhooks/waha`: whose events are taken, how often, and what they say."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.desk import Answer, Desk
from trio_wa.clock import Clock
from trio_wa.intake.recording import RECORD_SECONDS
from trio_wa.intake.waha_event import Acked, BadEvent, Incoming, StatusChanged, read_event
from trio_wa.intake.webhooks import REMEMBERED, STALE_SECONDS
from trio_wa.ports import Receipt, StoreUnavailable

SECRET = "secret-key"
PATH = "/webhooks/waha"
RECORDED = [
    json.loads(line)
    for line in (Path(__file__).parent / "simulator/waha-webhooks.jsonl").read_text().splitlines()
]
RECORDED_AT = 1_795_489_117.8
CHAT_ID = "true_79991112233@c.us_3EB0"


class ClockAt(Clock):
    """A clock that shows the time `at` when it is made."""

    def __init__(self, at: float) -> None:
        self._offset = at - trio.current_time()


def event(name: str, payload: Any = None, **members: Any) -> dict[str, Any]:
    at = int(RECORDED_AT * 1000)
    body = {"id": "evt_1", "timestamp": at, "event": name, "session": "a", "payload": payload}
    return body | members


def ack(value: int = 1, *, name: str = "message.ack", **members: Any) -> dict[str, Any]:
    payload = {"id": CHAT_ID, "from": "79991112233@c.us", "fromMe": True, "ack": value}
    return event(name, payload, **members)


def status(value: str, *, at: float = RECORDED_AT, **members: Any) -> dict[str, Any]:
    payload = {"name": "a", "status": value, "statuses": []}
    return event("session.status", payload, timestamp=int(at * 1000), **members)


def written(sender: Any, *, name: str = "message", **members: Any) -> dict[str, Any]:
    """What WAHA tells of a message that somebody wrote to the session."""
    payload = {"id": "false_1@c.us_3EB0", "from": sender, "fromMe": False, "body": "STOP"}
    return event(name, payload | members)


def sign(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha512).hexdigest()


def open_desk(*, at: float = RECORDED_AT, **overrides: Any) -> Desk:
    given_settings = {"waha_webhook_secret": SECRET, "sessions": "a,b,default"}
    return Desk(clock=ClockAt(at), **given_settings | overrides)


async def tell(desk: Desk, body: Any, headers: dict[str, str] | None = None) -> Answer:
    """Post an event, signed, as WAHA does from another machine."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    signed = {"x-webhook-hmac": sign(raw), "x-webhook-hmac-algorithm": "sha512"}
    return await desk.ask(
        "POST", PATH, given=raw, headers=signed | (headers or {}), peer="192.0.2.7"
    )


async def verdict(desk: Desk, body: Any) -> str:
    answer = await tell(desk, body)
    assert answer.status == 200, answer.body
    return str(answer.body["status"])


@pytest.mark.parametrize("later", [0.0, 86_400.0 * 30])
async def test_what_a_running_waha_sent_is_taken_and_its_acks_much_later_too(
    later: float, autojump_clock: MockClock
) -> None:
    desk = open_desk(at=RECORDED_AT + later)
    verdicts = []
    for webhook in RECORDED:
        answer = await desk.ask(
            "POST",
            PATH,
            given=webhook["raw_body"].encode(),
            headers=webhook["headers"],
            peer="192.0.2.7",
        )
        assert answer.status == 200, answer.body
        verdicts.append(answer.body["status"])
    statuses = ["stale", "stale"] if later else ["taken", "taken"]
    assert verdicts == [*statuses, *["taken"] * 6]
    raw_id = "3EB0FF12D68F449AC45CCF"
    assert desk.events.receipts == [
        Receipt("default", raw_id, 0, 1_795_489_115.687),
        Receipt("default", raw_id, 1, 1_795_489_115.71),
        Receipt("default", raw_id, 2, 1_795_489_115.799),
        Receipt("default", raw_id, 3, 1_795_489_116.079),
    ]
    written_at = 1_795_489_117.792
    writer = ("default", ("6289999999999@c.us",), "STOP", written_at)
    assert desk.events.writers == [writer] * 2
    told = [("default", "STARTING", 1_795_489_112.642), ("default", "WORKING", 1_795_489_112.995)]
    assert desk.events.statuses == ([] if later else told)
    assert [name for _, name in desk.events.signs] == [
        *["session.status"] * 2,
        "message.any",
        *["message.ack"] * 3,
        "message",
        "message.any",
    ]


@pytest.mark.parametrize("webhook", RECORDED)
async def test_a_recorded_webhook_with_one_byte_changed_is_refused(webhook: Any) -> None:
    desk = open_desk()
    body = webhook["raw_body"].replace("2026.2.1", "2026.2.2", 1).encode()
    answer = await desk.ask("POST", PATH, given=body, headers=webhook["headers"])
    assert (answer.status, answer.code) == (401, "signature_wrong")
    assert desk.events.signs == []


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "signature_missing"),
        ({"x-webhook-hmac": ""}, "signature_missing"),
        ({"x-webhook-hmac": "ff"}, "signature_wrong"),
        ({"x-webhook-hmac": "é"}, "signature_wrong"),
        ({"x-webhook-hmac": "\ud800"}, "signature_wrong"),
        ({"x-webhook-hmac": sign(json.dumps(ack()).encode(), "other")}, "signature_wrong"),
        (
            {"x-webhook-hmac": sign(json.dumps(ack()).encode()), "x-webhook-hmac-algorithm": "md5"},
            "signature_wrong",
        ),
        ({"x-api-key": "key", "authorization": "Bearer key"}, "signature_missing"),
    ],
)
async def test_what_is_not_signed_by_waha_is_401_even_on_this_machine(
    headers: dict[str, str], code: str
) -> None:
    desk = open_desk()
    answer = await desk.ask("POST", PATH, given=ack(), headers=headers)
    assert (answer.status, answer.code) == (401, code)
    assert "WWW-Authenticate" in answer.headers
    assert SECRET not in json.dumps(answer.body)
    assert desk.events.receipts == []


async def test_a_signature_is_read_in_either_case_and_without_its_algorithm() -> None:
    desk = open_desk()
    body = json.dumps(ack()).encode()
    headers = {"x-webhook-hmac": sign(body).upper()}
    assert (await desk.ask("POST", PATH, given=body, headers=headers)).status == 200


async def test_the_body_does_not_matter_before_its_signature() -> None:
    answer = await open_desk().ask("POST", PATH, given=b"\xff", headers={"x-webhook-hmac": "ff"})
    assert answer.status == 401


async def test_without_a_secret_a_direct_request_on_this_machine_is_taken() -> None:
    desk = open_desk(waha_webhook_secret=None)
    answer = await desk.ask("POST", PATH, given=ack())
    assert (answer.status, answer.body) == (200, {"status": "taken"})
    assert len(desk.events.receipts) == 1


async def test_a_forged_time_in_a_header_makes_nothing_fresh() -> None:
    desk = open_desk()
    old = status("FAILED", at=RECORDED_AT - STALE_SECONDS - 1)
    now = str(int(RECORDED_AT * 1000))
    answer = await tell(desk, old, {"x-webhook-timestamp": now})
    assert answer.body == {"status": "stale"}
    answer = await tell(desk, ack(), {"x-webhook-timestamp": "1"})
    assert answer.body == {"status": "taken"}


@pytest.mark.parametrize(
    ("body", "receipt"),
    [
        (ack(-1), ("3EB0", -1)),
        (ack(4), ("3EB0", 4)),
        (ack(3, name="message.ack.group"), ("3EB0", 2)),
        (ack(1, name="message.ack.group"), ("3EB0", 1)),
        (event("message.ack", {"id": CHAT_ID, "fromMe": True, "ack": None}), ("3EB0", 0)),
        (event("message.any", {"id": CHAT_ID, "fromMe": True, "source": "api"}), ("3EB0", 0)),
        (event("message.any", {"id": CHAT_ID, "fromMe": True, "ack": 1}), ("3EB0", 1)),
        (
            event(
                "message.any",
                {"id": {"_serialized": CHAT_ID, "id": "3EB0", "fromMe": True}, "fromMe": True},
            ),
            ("3EB0", 0),
        ),
        (event("message.ack", {"id": {"id": "3EB0"}, "fromMe": True, "ack": 2}), ("3EB0", 2)),
        (
            event("message.ack", {"id": "true_1@g.us_3EB0_2@lid", "fromMe": True, "ack": 2}),
            ("3EB0", 2),
        ),
    ],
)
async def test_an_ack_is_a_receipt_under_the_raw_id(body: Any, receipt: tuple[str, int]) -> None:
    desk = open_desk()
    assert await verdict(desk, body) == "taken"
    (found,) = desk.events.receipts
    assert (found.session, found.waha_id, found.ack) == ("a", *receipt)
    assert found.at == pytest.approx(RECORDED_AT, abs=0.001)


@pytest.mark.parametrize(
    "body",
    [
        event("message", {"id": "false_1@c.us_3EB0", "fromMe": False, "body": "STOP"}),
        event("message.any", {"id": "false_1@c.us_3EB0", "fromMe": False}),
        event("message.any", {"id": CHAT_ID, "fromMe": True, "source": "app"}),
        event("message.ack", {"id": "false_1@c.us_3EB0", "fromMe": False, "ack": 2}),
        event("message.reaction", {"id": CHAT_ID, "fromMe": True, "ack": 2}),
        event("engine.event"),
        event("an.event.of.tomorrow", ["anything"]),
    ],
)
async def test_other_events_are_ignored_but_signs_of_life(body: Any) -> None:
    desk = open_desk()
    assert await verdict(desk, body) == "ignored"
    assert desk.events.receipts == []
    assert desk.events.signs == [("a", body["event"])]


@pytest.mark.parametrize("name", ["message", "message.any"])
@pytest.mark.parametrize(
    ("sender", "chat_id"),
    [
        ("6289999999999@c.us", "6289999999999@c.us"),
        ("6289999999999@s.whatsapp.net", "6289999999999@c.us"),
        ("6289999999999:17@s.whatsapp.net", "6289999999999@c.us"),
        ("6289999999999:17@c.us", "6289999999999@c.us"),
        ("123456789012345@lid", "123456789012345@lid"),
    ],
)
async def test_who_writes_to_a_session_is_noted_as_messages_to_them_are_addressed(
    name: str, sender: str, chat_id: str
) -> None:
    desk = open_desk()
    assert await verdict(desk, written(sender, name=name)) == "taken"
    ((session, chat_ids, text, at),) = desk.events.writers
    assert (session, chat_ids, text) == ("a", (chat_id,), "STOP")
    assert at == pytest.approx(RECORDED_AT, abs=0.001)
    assert desk.events.receipts == []


LID, NUMBER = "123456789012345@lid", "6289999999999@c.us"


@pytest.mark.parametrize(
    ("sender", "data", "chat_ids"),
    [
        (LID, {"key": {"remoteJidAlt": "6289999999999@s.whatsapp.net"}}, (LID, NUMBER)),
        (LID, {"key": {"senderPn": "6289999999999@s.whatsapp.net"}}, (LID, NUMBER)),
        (LID, {"Info": {"SenderAlt": "6289999999999:4@s.whatsapp.net"}}, (LID, NUMBER)),
        (NUMBER, {"key": {"remoteJidAlt": LID}}, (NUMBER, LID)),
        (NUMBER, {"key": {"senderLid": LID}}, (NUMBER, LID)),
        (NUMBER, {"Info": {"SenderAlt": "123456789012345:4@lid"}}, (NUMBER, LID)),
        (LID, {"key": {"remoteJidAlt": "5@lid", "senderPn": "7@c.us"}}, (LID, "7@c.us")),
        (NUMBER, {"key": {"remoteJidAlt": "7@s.whatsapp.net"}}, (NUMBER,)),
        (LID, {"key": {"remoteJidAlt": "120363@g.us"}}, (LID,)),
        (LID, {"key": {"remoteJidAlt": None}, "Info": {"SenderAlt": ""}}, (LID,)),
        (LID, {"key": {"participantAlt": "7@s.whatsapp.net"}}, (LID,)),
        (LID, {"key": [], "Info": "x"}, (LID,)),
        (LID, [], (LID,)),
        (LID, None, (LID,)),
    ],
)
async def test_a_writer_is_noted_under_each_name_that_waha_gives(
    sender: str, data: Any, chat_ids: tuple[str, ...]
) -> None:
    desk = open_desk()
    assert await verdict(desk, written(sender, _data=data)) == "taken"
    assert [names for _, names, _, _ in desk.events.writers] == [chat_ids]


async def test_what_else_is_known_of_a_writer_is_noted_with_it() -> None:
    desk = open_desk()
    desk.events.numbers[LID] = NUMBER
    assert await verdict(desk, written(LID)) == "taken"
    assert [names for _, names, _, _ in desk.events.writers] == [(LID, NUMBER)]


@pytest.mark.parametrize(
    ("body", "text"), [("  berhenti\n", "  berhenti\n"), (None, ""), (7, ""), (["STOP"], "")]
)
async def test_what_somebody_wrote_is_passed_on_as_it_is(body: Any, text: str) -> None:
    desk = open_desk()
    assert await verdict(desk, written(NUMBER, body=body)) == "taken"
    assert [each for _, _, each, _ in desk.events.writers] == [text]


async def test_nobody_wrote_at_a_time_that_is_not_yet() -> None:
    """A WAHA whose clock is ahead."""
    desk = open_desk(at=RECORDED_AT - 3600)
    assert await verdict(desk, written(NUMBER)) == "taken"
    ((*_, at),) = desk.events.writers
    assert at == pytest.approx(desk.clock.now(), abs=60)


@pytest.mark.parametrize(
    "body",
    [
        written("120363@g.us", participant="6289999999999@c.us"),
        written("120363@newsletter"),
        written("status@broadcast"),
        written("6289999999999@c.us", fromMe=True),
        written("6289999999999@c.us", fromMe=None),
        written("6289999999999@c.us", fromMe="false"),
        written("6289999999999@c.us", name="message.reaction"),
        written("6289999999999@c.us", name="message.ack"),
        written("@c.us"),
        written("\u0666\u0662@c.us"),
        written("628 999@c.us"),
        written("6289999999999@c.us\0"),
        written("6289999999999@c.us@lid"),
        written("9" * 100_000 + "@c.us"),
        written(None),
        written(6289999999999),
        written(["6289999999999@c.us"]),
        event("message"),
        event("message", "6289999999999@c.us"),
        event("message", {"fromMe": False}),
    ],
)
async def test_a_group_a_message_of_our_own_and_garbage_make_nobody_known(body: Any) -> None:
    desk = open_desk()
    assert await verdict(desk, body) == "ignored"
    assert desk.events.writers == []
    assert desk.events.signs == [("a", body["event"])]


async def test_events_of_sessions_that_are_not_ours_are_ignored() -> None:
    desk = open_desk()
    assert await verdict(desk, written("1@c.us") | {"session": "stranger"}) == "ignored"
    assert desk.events.writers == []
    assert await verdict(desk, ack(session="stranger")) == "ignored"
    assert await verdict(desk, status("WORKING", session="stranger")) == "ignored"
    assert (desk.events.receipts, desk.events.statuses, desk.events.signs) == ([], [], [])


async def test_an_event_is_taken_once_by_its_id_and_its_name() -> None:
    desk = open_desk()
    both = {"id": CHAT_ID, "fromMe": True, "ack": 1}
    assert await verdict(desk, event("message.ack", both)) == "taken"
    assert await verdict(desk, event("message.any", both)) == "taken"
    assert await verdict(desk, event("message.ack", both)) == "repeated"
    assert await verdict(desk, event("message.ack", both, id="evt_2")) == "taken"
    assert len(desk.events.receipts) == 3


@pytest.mark.parametrize("body", [ack(), written("6289999999999@c.us")])
async def test_an_event_that_could_not_be_recorded_is_503_and_taken_when_waha_repeats_it(
    body: Any,
) -> None:
    desk = open_desk()
    desk.events.problem = StoreUnavailable("the disk is full")
    for _ in range(2):
        answer = await tell(desk, body)
        assert (answer.status, answer.code) == (503, "store_unavailable")
        assert answer.headers["Retry-After"] == "1"
    assert len(desk.events.receipts) + len(desk.events.writers) == 0
    desk.events.problem = None
    assert await verdict(desk, body) == "taken"
    assert await verdict(desk, body) == "repeated"
    assert len(desk.events.receipts) + len(desk.events.writers) == 1


async def test_it_is_answered_after_the_record_and_a_slow_one_is_503(
    autojump_clock: MockClock,
) -> None:
    desk = open_desk()
    acknowledge, seconds = desk.events.acknowledge, RECORD_SECONDS / 2

    async def slow(receipt: Receipt) -> None:
        await trio.sleep(seconds)
        await acknowledge(receipt)

    desk.events.acknowledge = slow  # type: ignore[method-assign]  # a fake of the fake
    began_at = trio.current_time()
    assert await verdict(desk, ack()) == "taken"
    assert trio.current_time() - began_at == pytest.approx(seconds)
    seconds = RECORD_SECONDS * 2
    assert (await tell(desk, ack(id="evt_2"))).status == 503
    assert len(desk.events.receipts) == 1


async def test_who_wrote_is_recorded_before_the_answer(autojump_clock: MockClock) -> None:
    desk = open_desk()
    written_by, seconds = desk.events.written_by, RECORD_SECONDS / 2

    async def slow(session: str, chat_ids: tuple[str, ...], text: str, at: float) -> None:
        await trio.sleep(seconds)
        await written_by(session, chat_ids, text, at)

    desk.events.written_by = slow  # type: ignore[method-assign]  # a fake of the fake
    body, began_at = written("6289999999999@c.us"), trio.current_time()
    assert await verdict(desk, body) == "taken"
    assert trio.current_time() - began_at == pytest.approx(seconds)
    assert len(desk.events.writers) == 1
    seconds = RECORD_SECONDS * 2
    assert (await tell(desk, body | {"id": "evt_2"})).status == 503
    assert len(desk.events.writers) == 1


async def test_a_waha_that_hangs_up_does_not_tear_the_record(autojump_clock: MockClock) -> None:
    desk = open_desk()
    acknowledge = desk.events.acknowledge

    async def slow(receipt: Receipt) -> None:
        await trio.sleep(1)
        await acknowledge(receipt)

    desk.events.acknowledge = slow  # type: ignore[method-assign]  # a fake of the fake
    with trio.move_on_after(0.5):
        await tell(desk, ack())
    assert len(desk.events.receipts) == 1
    assert await verdict(desk, ack()) == "repeated"


async def test_the_newest_events_are_known_again_and_older_ones_forgotten() -> None:
    desk = open_desk(waha_webhook_secret=None)
    for number in range(REMEMBERED):
        await desk.ask("POST", PATH, given=ack(id=f"evt_{number}"))
    again = await desk.ask("POST", PATH, given=ack(id="evt_0"))
    assert again.body == {"status": "repeated"}
    await desk.ask("POST", PATH, given=ack(id="evt_new"))
    for event_id, expected in (("evt_0", "repeated"), ("evt_1", "taken"), ("evt_new", "repeated")):
        answer = await desk.ask("POST", PATH, given=ack(id=event_id))
        assert (event_id, answer.body["status"]) == (event_id, expected)


async def test_a_status_that_is_older_than_one_told_before_is_stale() -> None:
    desk = open_desk()
    assert await verdict(desk, status("WORKING", at=RECORDED_AT - 1)) == "taken"
    assert await verdict(desk, status("STARTING", at=RECORDED_AT - 2, id="evt_2")) == "stale"
    assert await verdict(desk, status("FAILED", at=RECORDED_AT - 3, session="b")) == "repeated"
    assert (
        await verdict(desk, status("FAILED", at=RECORDED_AT - 3, session="b", id="evt_3"))
        == "taken"
    )
    assert await verdict(desk, status("STOPPED", at=RECORDED_AT - 1, id="evt_4")) == "taken"
    assert [(name, value) for name, value, _ in desk.events.statuses] == [
        ("a", "WORKING"),
        ("b", "FAILED"),
        ("a", "STOPPED"),
    ]
    assert len(desk.events.signs) == 5


async def test_a_status_is_stale_after_five_minutes(autojump_clock: MockClock) -> None:
    desk = open_desk()
    await trio.sleep(STALE_SECONDS - 1)
    assert await verdict(desk, status("WORKING")) == "taken"
    await trio.sleep(2)
    assert await verdict(desk, status("FAILED", id="evt_2")) == "stale"


async def test_nothing_is_noted_for_a_time_that_is_not_yet(autojump_clock: MockClock) -> None:
    """A WAHA whose clock is ahead."""
    desk = open_desk(at=RECORDED_AT - 3600)
    assert await verdict(desk, status("STARTING")) == "taken"
    assert await verdict(desk, status("WORKING", at=RECORDED_AT + 1, id="evt_2")) == "taken"
    assert await verdict(desk, ack()) == "taken"
    now = desk.clock.now()
    assert [at for _, _, at in desk.events.statuses] == [now, now]
    assert desk.events.receipts[0].at == now


async def test_a_time_that_cannot_be_silences_no_later_status() -> None:
    desk = open_desk()
    assert await verdict(desk, status("STARTING", at=RECORDED_AT + 9e6)) == "taken"
    now = desk.clock.now()
    assert await verdict(desk, status("WORKING", at=now + 1, id="evt_2")) == "taken"
    assert await verdict(desk, status("FAILED", at=now, id="evt_3")) == "stale"
    assert [value for _, value, _ in desk.events.statuses] == ["STARTING", "WORKING"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"\xff", "body"),
        (b"[1]", "body"),
        (b"[" * 100_000, "body"),
        ({"event": "message.ack"}, "id"),
        (ack(id=""), "id"),
        (ack(id="x" * 129), "id"),
        (ack(id=7), "id"),
        (ack(timestamp="now"), "timestamp"),
        (ack(timestamp=0), "timestamp"),
        (ack(event=None), "event"),
        (ack(session=""), "session"),
        (event("message.ack"), "payload"),
        (event("message.ack", "x"), "payload"),
        (event("message.ack", {"fromMe": True, "ack": 1}), "payload.id"),
        (event("message.ack", {"fromMe": True, "id": "a b", "ack": 1}), "payload.id"),
        (event("message.ack", {"fromMe": True, "id": {}, "ack": 1}), "payload.id"),
        (ack(5), "payload.ack"),
        (ack(-2), "payload.ack"),
        (event("message.ack", {"fromMe": True, "id": CHAT_ID, "ack": "1"}), "payload.ack"),
        (event("session.status", {"name": "a"}), "payload.status"),
        (event("session.status", {"status": 1}), "payload.status"),
    ],
)
async def test_what_is_no_event_is_400_and_names_what_is_wrong(body: Any, field: str) -> None:
    desk = open_desk()
    answer = await tell(desk, body)
    assert (answer.status, answer.code) == (400, "event_invalid")
    assert answer.body["errors"][0]["field"] == field
    assert answer.body["errors"][0]["detail"].startswith(f"{field}: ")
    assert (desk.events.receipts, desk.events.statuses, desk.events.signs) == ([], [], [])


async def test_a_wrong_key_is_logged_once_until_it_is_right() -> None:
    desk = open_desk()
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            await tell(desk, ack(), {"x-webhook-hmac": "ff"})
        await tell(desk, ack())
        await tell(desk, ack(), {"x-webhook-hmac": "ff"})
    told = [entry for entry in logs if entry["event"] == "webhook.refused"]
    assert len(told) == 2
    assert "signature" in told[0]["reason"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "fromMe", "from", "ack", "source", "status", "_serialized", "body", "_data"]
            ),
            inner,
        )
    ),
    max_leaves=8,
)
events = st.fixed_dictionaries(
    {
        "id": json_values,
        "timestamp": json_values | st.just(1_795_489_115_687),
        "event": st.sampled_from(["message", "message.ack", "message.any", "session.status", "x"]),
        "session": st.just("a"),
        "payload": json_values,
    }
)


@given(events | json_values | st.binary())
def test_any_body_is_an_event_or_named_faults(body: Any) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    faults: list[dict[str, str]] = []
    try:
        found = read_event(raw)
    except BadEvent as error:
        faults = error.errors
    if faults:
        assert all(each["field"] and each["detail"] for each in faults)
        return
    assert found.at > 0
    match found.news:
        case Acked(waha_id, value):
            assert waha_id.isascii()
            assert -1 <= value <= 4
        case StatusChanged(value):
            assert value
        case Incoming(chat_ids, _text):
            assert all(each.endswith(("@c.us", "@lid")) for each in chat_ids)
        case None:
            pass
