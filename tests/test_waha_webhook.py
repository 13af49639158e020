"""A session's configuration comes to hold our webhook, and loses nothing by it."""

import json
from typing import Any

import hypothesis.strategies as st
import pytest
import trio
from hypothesis import given

from tests.fakes import http_answer, serve_tcp
from tests.waha_server import Script, session_at, waha
from trio_wa.adapters.waha.webhook import EVENTS, body_of, with_webhook
from trio_wa.ports import Refusal

URL = "https://trio-wa.example/webhooks/waha"
SECRET = "a-long-random-secret"
OK = http_answer("200 OK", b"{}")
ELSEWHERE = {"url": "https://crm.example/hook", "events": ["message"], "hmac": None}
NEEDED = ["message.ack", "message.any", "session.status"]


def hook(**members: object) -> dict[str, Any]:
    return {"url": URL, "events": list(EVENTS), **members}


@pytest.mark.parametrize("config", [None, {}, {"webhooks": None}, {"webhooks": "odd"}, "odd", []])
def test_a_session_without_webhooks_gets_ours(config: object) -> None:
    assert with_webhook(config, URL, None) == {"webhooks": [hook()]}
    assert with_webhook(config, URL, "s") == {"webhooks": [hook(hmac={"key": "s"})]}


def test_all_else_in_the_configuration_stays() -> None:
    config = {"proxy": {"server": "p:8080"}, "noweb": {"store": {}}, "webhooks": [ELSEWHERE, 5]}
    changed = with_webhook(config, URL, None)
    assert changed == {**config, "webhooks": [ELSEWHERE, 5, hook()]}
    assert config["webhooks"] == [ELSEWHERE, 5]


@pytest.mark.parametrize("events", [NEEDED, [*EVENTS], ["*"], [*NEEDED, "message.reaction"]])
@pytest.mark.parametrize(
    ("hmac", "secret"),
    [
        (None, None),
        ({"key": "s"}, "s"),
        ({"key": None}, "s"),  # not shown
        ({}, "s"),
        ({"key": "other"}, None),  # what nobody checks
    ],
)
def test_a_webhook_that_suffices_stays(events: list[str], hmac: object, secret: str | None) -> None:
    config = {"webhooks": [ELSEWHERE, hook(events=events, hmac=hmac)]}
    assert with_webhook(config, URL, secret) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"events": ["message"], "hmac": {"key": "s"}},
        {"events": NEEDED[1:], "hmac": {"key": "s"}},
        {"events": None, "hmac": {"key": "s"}},
        {"events": "*", "hmac": {"key": "s"}},
        {"events": [["*"]], "hmac": {"key": "s"}},
        {"hmac": {"key": "other"}},
        {"hmac": None},  # unsigned, as WAHA shows it
    ],
)
def test_a_webhook_that_does_not_suffice_is_replaced(wrong: dict[str, object]) -> None:
    header = [{"name": "X-Way", "value": "in"}]
    config = {"webhooks": [hook(**wrong, customHeaders=header), ELSEWHERE, hook(**wrong)]}
    assert with_webhook(config, URL, "s") == {
        "webhooks": [ELSEWHERE, hook(hmac={"key": "s"}, customHeaders=header)]
    }


def test_a_configuration_is_sent_as_a_whole_unless_it_is_bottomless() -> None:
    assert body_of({"proxy": None}) == '{"config": {"proxy": null}}'
    bottomless: dict[str, Any] = {}
    for _ in range(100_000):
        bottomless = {"a": bottomless}
    assert body_of(bottomless) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from([URL, "*"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["webhooks", "url", "events", "hmac", "key", "proxy"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@given(json_values, st.none() | st.text(min_size=1, max_size=5))
def test_registering_twice_changes_nothing_more(config: object, secret: str | None) -> None:
    changed = with_webhook(config, URL, secret)
    if changed is not None:
        assert with_webhook(changed, URL, secret) is None
        kept = config if isinstance(config, dict) else {}
        assert {k: v for k, v in changed.items() if k != "webhooks"} == {
            k: v for k, v in kept.items() if k != "webhooks"
        }


def shown(config: object, name: str = "default") -> bytes:
    session = {"name": name, "status": "WORKING", "config": config}
    return http_answer("200 OK", json.dumps(session).encode())


async def test_our_webhook_joins_the_configuration_of_a_session(nursery: trio.Nursery) -> None:
    config = {"proxy": None, "webhooks": [{"url": "http://crm", "events": ["message"]}]}
    server = Script(shown(config), OK)
    session = session_at(await serve_tcp(nursery, server))
    async with waha().observe() as observer:
        assert await observer.register_webhook(session, URL, SECRET) is True
    assert server.lines == ["GET /api/sessions/default", "PUT /api/sessions/default"]
    _, headers, body = server.requests[1]
    assert headers["content-type"] == "application/json"
    events = ["session.status", "message.any", "message.ack", "message.ack.group"]
    ours = {"url": URL, "events": events, "hmac": {"key": SECRET}}
    assert json.loads(body) == {"config": {**config, "webhooks": [*config["webhooks"], ours]}}


async def test_a_webhook_that_is_there_is_left_alone(nursery: trio.Nursery) -> None:
    server = Script(shown({"webhooks": [{"url": URL, "events": ["*"]}]}))
    session = session_at(await serve_tcp(nursery, server))
    async with waha().observe() as observer:
        assert await observer.register_webhook(session, URL, None) is False
    assert server.lines == ["GET /api/sessions/default"]


@pytest.mark.parametrize(
    ("answers", "code", "requests"),
    [
        ([http_answer("404 Not Found", b'{"message":"x","statusCode":404}')], "session_missing", 1),
        ([http_answer("401 Unauthorized", b"{}")], "waha_refused", 1),
        ([http_answer("503 Service Unavailable", b"")], "waha_unavailable", 1),
        ([http_answer("200 OK", b"<html>")], "waha_refused", 1),
        ([shown(None, "another")], "waha_refused", 1),
        ([shown(None), http_answer("400 Bad Request", b'{"message":"no"}')], "waha_refused", 2),
        ([shown(None)], "waha_unavailable", 2),
    ],
)
async def test_a_webhook_that_waha_does_not_take(
    nursery: trio.Nursery, answers: list[bytes], code: str, requests: int
) -> None:
    server = Script(*answers)
    session = session_at(await serve_tcp(nursery, server))
    async with waha().observe() as observer:
        refusal = await observer.register_webhook(session, URL, SECRET)
    assert isinstance(refusal, Refusal)
    assert refusal.code == code
    assert len(server.requests) == requests


@pytest.mark.parametrize("depth", [100, 980, 990, 50_000])
async def test_no_configuration_is_too_deep(nursery: trio.Nursery, depth: int) -> None:
    deep = b'{"name":"default","config":' + b'{"a":' * depth + b"1" + b"}" * (depth + 1)
    session = session_at(await serve_tcp(nursery, Script(http_answer("200 OK", deep), OK)))
    async with waha().observe() as observer:
        done = await observer.register_webhook(session, URL, SECRET)
    assert done is True or (isinstance(done, Refusal) and done.code == "waha_refused")


async def test_odd_text_in_a_configuration_goes_back_as_it_came(nursery: trio.Nursery) -> None:
    server = Script(shown({"note": "\ud800 ü"}), OK)
    session = session_at(await serve_tcp(nursery, server))
    async with waha().observe() as observer:
        assert await observer.register_webhook(session, URL, None) is True
    assert json.loads(server.requests[1][2])["config"]["note"] == "\ud800 ü"
