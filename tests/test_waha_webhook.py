"""A session's configuration comes to hold our webhook, and loses nothing by it."""

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from trio_wa.adapters.waha.webhook import EVENTS, body_of, with_webhook

URL = "https://trio-wa.example/webhooks/waha"
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
