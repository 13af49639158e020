"""`POST /send` as the Go service had it, and what is answered to everything else."""

import itertools
import json
import uuid
from functools import partial
from typing import Any

import hypothesis.strategies as st
import pytest
import trio
import trio.testing
from hypothesis import given

from tests.desk import Answer, Desk, entry
from tests.fakes import cancelled_at
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.core.content import Text
from trio_wa.core.status import Status
from trio_wa.intake.caller import NOBODY
from trio_wa.intake.http import Request, Response, answer, problem
from trio_wa.intake.router import Route, Router
from trio_wa.intake.sending import BadSending, read_sending
from trio_wa.ports import Acceptance, Draft
from trio_wa.telemetry import timestamp

GOOD = {"to": "6281234567890", "message": "Hello"}


async def send(desk: Desk, body: object) -> Answer:
    return await desk.ask("POST", "/send", given=body)


async def test_an_accepted_message_gets_the_go_services_answer_and_an_id() -> None:
    desk = Desk()
    reply = await send(desk, GOOD)
    assert reply.status == 202
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.body["status"] == "queued"
    assert reply.body["message"] == "Pesan masuk antrean"
    assert uuid.UUID(reply.body["id"]).version == 7
    [message] = desk.published()
    assert message.id == reply.body["id"]
    assert (message.chat_id, message.content, message.sessions) == (
        "6281234567890@c.us",
        Text("Hello"),
        (),
    )


async def test_the_answer_says_when_the_message_is_about_to_begin() -> None:
    desk = Desk()
    desk.dispatch.estimated_at = estimated_at = float(int(desk.clock.now()) + 60)
    reply = await send(desk, GOOD | {"session": "b"})
    assert reply.body["estimated_at"] == timestamp(estimated_at)
    assert desk.dispatch.estimated == desk.published()


async def test_the_sessions_to_which_a_key_is_bound_decide_when_its_message_begins() -> None:
    desk = Desk(api_keys=entry("bound", "send", "b"))
    desk.dispatch.estimated_at = desk.clock.now() + 60
    await desk.ask("POST", "/send", given=GOOD, by="bound")
    assert [each.sessions for each in desk.dispatch.estimated] == [("b",)]


async def test_without_a_pace_the_answer_says_nothing_of_a_time() -> None:
    assert "estimated_at" not in (await send(Desk(), GOOD)).body


async def test_a_repeated_request_says_nothing_of_a_time_that_may_be_over() -> None:
    desk = Desk()
    desk.dispatch.estimated_at = desk.clock.now() + 60
    asking = {"given": GOOD, "headers": {"idempotency-key": "k"}}
    first, again = [await desk.ask("POST", "/send", **asking) for _ in range(2)]
    assert first.body["id"] == again.body["id"]
    assert "estimated_at" in first.body
    assert "estimated_at" not in again.body


async def test_messages_go_on_in_the_order_of_their_acceptance() -> None:
    desk = Desk()
    ids = [(await send(desk, GOOD)).body["id"] for _ in range(5)]
    published = desk.published()
    assert [message.id for message in published] == ids
    assert [message.seq for message in published] == sorted(message.seq for message in published)


@pytest.mark.parametrize(
    "body",
    [
        GOOD | {"urgency": 5, "nested": {"to": []}},
        GOOD | {"session": None},
        GOOD | {"on_unknown": None},
        b'{"to":"1","to":"6281234567890","message":"x","message":"Hello"}',
        b'{"To":"6281234567890","MESSAGE":"Hello"}',
        b'{"to":"1","To":"6281234567890","Message":"x","message":"Hello"}',
        b' \r\n\t{"to":"+62 812-3456-7890","message":"Hello"} ',
        b'{"to":"6281234567890","message":"\\u0048ello"}',
    ],
)
async def test_what_the_go_service_takes_is_taken(body: object) -> None:
    desk = Desk()
    assert (await send(desk, body)).status == 202
    [message] = desk.published()
    assert (message.chat_id, message.content) == ("6281234567890@c.us", Text("Hello"))


@pytest.mark.parametrize(
    "text", ["\u0000", " ", "\n", "a" * 900_000, "\U0001f44d\U0001f3fd", "\ufeff"]
)
async def test_any_unicode_text_is_taken_as_it_is(text: str) -> None:
    desk = Desk()
    assert (await send(desk, GOOD | {"message": text})).status == 202
    assert [message.content for message in desk.published()] == [Text(text)]


def deep(levels: int) -> bytes:
    return b'{"to":"628","message":"x","more":' + b"[" * levels + b"]" * levels + b"}"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["to", "message"]),
        ({"to": "6281234567890"}, ["message"]),
        ({"message": "x"}, ["to"]),
        ({"to": "", "message": ""}, ["to", "message"]),
        ({"to": 628, "message": ["x"]}, ["to", "message"]),
        ({"to": None, "message": {}}, ["to", "message"]),
        ({"to": True, "message": 1.5}, ["to", "message"]),
        (GOOD | {"to": "0812"}, ["to"]),
        (GOOD | {"to": "Budi"}, ["to"]),
        (GOOD | {"to": "\u0666\u0662"}, ["to"]),
        (GOOD | {"to": "628@x"}, ["to"]),
        (GOOD | {"session": ""}, ["session"]),
        (GOOD | {"session": []}, ["session"]),
        (GOOD | {"session": ["a", ""]}, ["session"]),
        (GOOD | {"session": [1]}, ["session"]),
        (GOOD | {"session": {"name": "a"}}, ["session"]),
        (GOOD | {"session": 1}, ["session"]),
        (GOOD | {"session": "stranger"}, ["session"]),
        (GOOD | {"session": ["a", "stranger"]}, ["session"]),
        (GOOD | {"on_unknown": "retry"}, ["on_unknown"]),
        (GOOD | {"on_unknown": "HOLD"}, ["on_unknown"]),
        (GOOD | {"on_unknown": ""}, ["on_unknown"]),
        (GOOD | {"on_unknown": True}, ["on_unknown"]),
        (GOOD | {"on_unknown": ["hold"]}, ["on_unknown"]),
        ([], ["body"]),
        (5, ["body"]),
        ("to", ["body"]),
        (b"null", ["body"]),
        (b"", ["body"]),
        (b"to=628&message=x", ["body"]),
        (b'{"to":"628","message":"x"', ["body"]),
        (b'{"to":"628","message":"x",}', ["body"]),
        (b"{'to':'628','message':'x'}", ["body"]),
        (b'\xef\xbb\xbf{"to":"628","message":"x"}', ["body"]),
        ('{"to":"628","message":"x"}'.encode("utf-16"), ["body"]),
        (b'{"to":"628","message":"\xff"}', ["body"]),
        (b'{"to":"628","message":"\xed\xa0\x80"}', ["body"]),
        (b'{"to":"628","message":"\\ud83d"}', ["body"]),
        (b'{"to":"628","message":"\\udc4d\\ud83d"}', ["body"]),
        (b'{"to":"628","message":"x","\\ud83d":1}', ["body"]),
        (b'{"to":"6281234567890","message":NaN}', ["message"]),
        (b'{"to":"628","message":-NaN}', ["body"]),
        (b'{"to":"628","message":"a\nb"}', ["body"]),
        (deep(100_000), ["body"]),
    ],
)
async def test_a_wrong_payload_names_each_wrong_field(body: object, fields: list[str]) -> None:
    desk = Desk()
    reply = await send(desk, body)
    assert reply.status == 400
    assert reply.code == "payload_invalid"
    assert reply.body["error"] == "Payload invalid"
    assert reply.body["title"] == "Bad Request"
    assert reply.body["status"] == 400
    assert reply.body["type"].endswith(":payload_invalid")
    assert [wrong["field"] for wrong in reply.body["errors"]] == fields
    assert all(len(wrong["detail"]) > len(wrong["field"]) for wrong in reply.body["errors"])
    assert reply.body["detail"]
    assert desk.published() == []
    assert desk.window.backlog == 0


async def test_one_session_or_a_list_of_them_bounds_a_message() -> None:
    desk = Desk()
    for session in ("b", ["b"], ["b", "a", "b"]):
        assert (await send(desk, GOOD | {"session": session})).status == 202
    assert [message.sessions for message in desk.published()] == [("b",), ("b",), ("a", "b")]


async def test_a_message_may_choose_what_follows_when_nothing_can_tell_whether_it_was_sent() -> (
    None
):
    desk = Desk()
    for choice in ({}, {"on_unknown": "hold"}, {"On_Unknown": "resend"}):
        assert (await send(desk, GOOD | choice)).status == 202
    assert [message.on_unknown for message in desk.published()] == [None, "hold", "resend"]


async def test_a_wrong_choice_is_told_with_the_right_ones() -> None:
    reply = await send(Desk(), GOOD | {"on_unknown": "retry"})
    assert reply.body["errors"] == [
        {"field": "on_unknown", "detail": "on_unknown must be hold or resend"}
    ]


async def test_a_full_queue_is_the_go_services_503_with_retry_after() -> None:
    desk = Desk(backlog=2)
    for _ in range(2):
        assert (await send(desk, GOOD)).status == 202
    reply = await send(desk, GOOD)
    assert (reply.status, reply.code) == (503, "queue_full")
    assert reply.body["error"] == "Server sibuk, antrean penuh"
    assert int(reply.headers["Retry-After"]) >= 1
    desk.window.release("normal")
    assert (await send(desk, GOOD)).status == 202


async def test_a_wrong_payload_is_told_before_a_full_queue() -> None:
    desk = Desk(backlog=0)
    assert (await send(desk, {})).status == 400


async def test_a_stopping_service_takes_nothing() -> None:
    desk = Desk()
    desk.window.close()
    reply = await send(desk, GOOD)
    assert (reply.status, reply.code) == (503, "stopping")
    assert reply.body["error"] == "Server sibuk, antrean penuh"
    assert "Retry-After" in reply.headers


class SlowStore(MemoryStore):
    """Takes steps before it records, and after."""

    async def accept(self, draft: Draft) -> Acceptance:
        for _ in range(3):
            await trio.lowlevel.checkpoint()
        acceptance = await super().accept(draft)
        for _ in range(3):
            await trio.lowlevel.checkpoint()
        return acceptance


@pytest.mark.parametrize("opening", [MemoryStore, SlowStore])
async def test_hangup_does_not_split_accept(opening: type[MemoryStore]) -> None:
    """Whatever the step: recorded, on its way and holding a place, or none of the three."""
    recorded = []
    for step in itertools.count(1):
        desk = Desk(opening=opening)
        cut = await cancelled_at(step, partial(send, desk, GOOD))
        ledger = await desk.store.ledger()
        assert ledger.balanced
        assert ledger.accepted == ledger.counts.get(Status.QUEUED, 0)
        assert len(desk.published()) == desk.window.backlog == ledger.accepted
        recorded.append(ledger.accepted)
        if not cut:
            break
    assert len(recorded) >= 2
    assert recorded[-1] == 1


async def test_many_callers_at_once_share_the_places_there_are() -> None:
    desk = Desk(backlog=30, opening=SlowStore)
    statuses: list[int] = []

    async def call() -> None:
        statuses.append((await send(desk, GOOD)).status)

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(call)
    assert sorted(statuses) == [202] * 30 + [503] * 70
    assert len(desk.published()) == desk.window.backlog == 30


async def route(request: Request) -> Response:
    if request.body == b"raise":
        raise RuntimeError("a bug")
    if request.body == b"group":
        raise ExceptionGroup("bugs", [RuntimeError("a bug"), ValueError("another")])
    return answer(200, {"path": request.path})


def router() -> Router:
    routes = {"/send": {"POST": Route(route, "send")}, "/livez": {"GET": Route(route, "open")}}
    return Router(routes, lambda _request, _access: NOBODY)


def members(response: Response) -> dict[str, Any]:
    assert response.headers["Content-Type"] == "application/problem+json"
    found: dict[str, Any] = json.loads(response.body)
    assert found["status"] == response.status
    assert {"type", "title", "detail", "code", "error"} <= found.keys()
    return found


@pytest.mark.parametrize("path", ["/", "/Send", "/send/", "//send", "/send/x", "", "/\ud800", "*"])
async def test_a_path_that_is_not_there_is_a_404_problem(path: str) -> None:
    assert members(await router()(Request("POST", path)))["code"] == "not_found"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post", "\ud800"])
async def test_a_wrong_method_is_a_405_problem_that_tells_the_right_one(method: str) -> None:
    response = await router()(Request(method, "/send"))
    assert members(response)["code"] == "method_not_allowed"
    assert response.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/alerts"),
        ("GET", "/sessions"),
        ("GET", "/ledger"),
        ("GET", "/messages/x"),
        ("POST", "/messages/x/cancel"),
        ("POST", "/messages/x/retry"),
        ("GET", "/batches/x"),
        ("POST", "/batches/x/cancel"),
        ("GET", "/suppressions/6281234567890"),
        ("PUT", "/suppressions/6281234567890"),
        ("POST", "/sessions/a/pause"),
        ("GET", "/sessions/a/qr"),
    ],
)
async def test_a_parameter_where_there_are_none_is_refused(method: str, path: str) -> None:
    answer = await Desk().ask(method, path, query={"limit": "-1", "foo": ""})
    assert (answer.status, answer.code) == (400, "parameter_invalid")
    assert answer.body["errors"] == [
        {"field": name, "detail": f"{name} is no parameter here: there are none"}
        for name in ("limit", "foo")
    ]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/messages"),
        ("POST", "/messages/retry"),
        ("GET", "/suppressions"),
        ("POST", "/send/batch"),
    ],
)
async def test_a_parameter_that_is_given_twice_is_refused(method: str, path: str) -> None:
    answer = await Desk().ask(method, path, query={"limit": "1"}, repeated=("limit",))
    assert (answer.status, answer.code) == (400, "parameter_invalid")
    detail = "limit is given more than once: give it once"
    assert answer.body["errors"] == [{"field": "limit", "detail": detail}]


async def test_probes_webhooks_and_sends_may_have_any_query() -> None:
    desk = Desk()
    query: Any = {"query": {"foo": "1"}, "repeated": ("foo",)}
    for path in ("/livez", "/readyz"):
        assert (await desk.ask("GET", path, **query)).status == 200
    assert (await desk.ask("POST", "/send", given=GOOD, **query)).status == 202
    event = {"id": "1", "timestamp": 1.0, "event": "other", "session": "a"}
    assert (await desk.ask("POST", "/webhooks/waha", given=event, **query)).status == 200


async def test_head_is_answered_as_get() -> None:
    assert (await router()(Request("HEAD", "/livez"))).status == 200


@pytest.mark.parametrize("bug", [b"raise", b"group"])
async def test_a_handler_that_raises_is_a_500_problem_that_tells_no_secrets(bug: bytes) -> None:
    response = await router()(Request("POST", "/send", body=bug))
    assert response.status == 500
    assert members(response)["code"] == "internal_error"
    assert b"bug" not in response.body


def test_a_problem_names_headers_and_keeps_what_was_given() -> None:
    response = problem(503, "full", "no place", error="penuh", Retry_After="7")
    assert response.headers["Retry-After"] == "7"
    assert members(response)["error"] == "penuh"
    assert members(problem(404, "x", "no such thing"))["error"] == "no such thing"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["to", "message", "session", "on_unknown"]) | st.text(), inner
        )
    ),
    max_leaves=8,
)


@given(json_values | st.binary())
def test_any_body_is_a_message_or_named_faults(body: object) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    errors = []
    try:
        read = read_sending(content, "ID")
    except BadSending as error:
        errors = error.errors
    else:
        assert read.to
        assert isinstance(read.content, Text)
        assert read.content.text.encode()
        return
    assert errors
    fields = {"body", "to", "message", "session", "on_unknown"}
    assert {wrong["field"] for wrong in errors} <= fields
