"""What goes beside a message's content, and what stands for it all in a fingerprint."""

import hashlib
from typing import Any

import pytest

from tests.sendings import ID, errors_of, sent
from trio_wa.core.content import Text
from trio_wa.intake.idempotency import fingerprint
from trio_wa.intake.sending import BadSending, Sending, read_sending
from trio_wa.telemetry import timestamp

HELLO = {"message": "Hello"}
AT = 1_795_509_000.0  # 2026-11-24T08:30:00Z


def test_what_is_not_given_is_left_to_the_service() -> None:
    assert sent(HELLO) == Sending("6281234567890", "6281234567890@c.us", Text("Hello"))


def test_a_null_is_as_if_it_were_not_there() -> None:
    names = ["session", "on_unknown", "priority", "send_at", "expires_at", "ttl", "metadata"]
    nothing = dict.fromkeys([*names, "ignore_suppression", "type", "mentions", "link_preview"])
    assert sent(HELLO | nothing) == sent(HELLO)


def test_names_of_members_are_taken_in_any_case() -> None:
    assert sent({"TYPE": "location", "Latitude": 1, "longitude": 2, "Priority": "bulk"}) == sent(
        {"type": "location", "latitude": 1, "longitude": 2, "priority": "bulk"}
    )


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"session": "b"}, {"sessions": ("b",)}),
        ({"session": ["b", "a", "b"]}, {"sessions": ("a", "b")}),
        ({"on_unknown": "resend"}, {"on_unknown": "resend"}),
        ({"priority": "urgent"}, {"priority": "urgent"}),
        ({"send_at": "2026-11-24T08:30:00Z"}, {"send_at": AT}),
        ({"send_at": "2026-11-24t15:30:00.5+07:00"}, {"send_at": AT + 0.5}),
        ({"expires_at": "2026-11-24 08:30:00.123456789-00:00"}, {"expires_at": AT + 0.123456}),
        ({"ttl": 90}, {"ttl": 90.0}),
        ({"ttl": 0.5}, {"ttl": 0.5}),
        ({"ttl": "90"}, {"ttl": 90.0}),
        ({"ttl": "90s"}, {"ttl": 90.0}),
        ({"ttl": "5m"}, {"ttl": 300.0}),
        ({"ttl": "24h"}, {"ttl": 86_400.0}),
        ({"ttl": "365d"}, {"ttl": 31_536_000.0}),
        ({"metadata": {}}, {"metadata": "{}"}),
        ({"metadata": {"a": [1, None], "é": "\n"}}, {"metadata": '{"a":[1,null],"é":"\\n"}'}),
        (
            {"priority": "urgent", "ignore_suppression": True},
            {"priority": "urgent", "ignore_suppression": True},
        ),
        ({"priority": "bulk", "ignore_suppression": False}, {"priority": "bulk"}),
    ],
)
def test_every_kind_takes_what_goes_beside_it(
    members: dict[str, Any], expected: dict[str, Any]
) -> None:
    for kind in (HELLO, {"type": "forward", "message_id": ID}):
        sending, plain = sent(kind | members), sent(kind)
        changed = {name: getattr(plain, name) for name in Sending.__dataclass_fields__} | expected
        assert sending == Sending(**changed)


TIME = "must be a time with its offset (RFC 3339), such as 2026-11-24T08:30:00+07:00"


@pytest.mark.parametrize(
    ("members", "field", "detail"),
    [
        ({"priority": "high"}, "priority", "must be urgent, normal or bulk"),
        ({"priority": 5}, "priority", "must be urgent, normal or bulk"),
        ({"send_at": "2026-11-24T08:30:00"}, "send_at", TIME),
        ({"send_at": "2026-11-24T08:30:00 07:00"}, "send_at", TIME),
        ({"send_at": "2026-11-24"}, "send_at", TIME),
        ({"send_at": "2026-02-30T08:30:00Z"}, "send_at", TIME),
        ({"send_at": "2026-11-24T08:30:00+25:00"}, "send_at", TIME),
        ({"send_at": "9999-12-31T23:59:59-12:00"}, "send_at", TIME),
        ({"send_at": "9999-12-31T23:59:59.999999Z"}, "send_at", TIME),
        ({"send_at": "0001-01-01T00:00:00+12:00"}, "send_at", TIME),
        ({"send_at": "tomorrow"}, "send_at", TIME),
        ({"send_at": "1795509000"}, "send_at", TIME),
        ({"send_at": 1_795_509_000}, "send_at", TIME),
        ({"expires_at": True}, "expires_at", TIME),
        ({"ttl": 0}, "ttl", "must be more than 0 and at most 365d"),
        ({"ttl": "0s"}, "ttl", "must be more than 0 and at most 365d"),
        ({"ttl": -1}, "ttl", "must be more than 0 and at most 365d"),
        ({"ttl": 10**400}, "ttl", "must be more than 0 and at most 365d"),
        ({"ttl": float("nan")}, "ttl", "must be more than 0 and at most 365d"),
        ({"ttl": "366d"}, "ttl", "must be more than 0 and at most 365d"),
        ({"ttl": "soon"}, "ttl", "must be a duration such as 90,"),
        ({"ttl": True}, "ttl", "must be a duration such as 90,"),
        ({"ttl": [90]}, "ttl", "must be a duration such as 90,"),
        (
            {"ttl": 90, "expires_at": "2026-11-24T08:30:00Z"},
            "ttl",
            "cannot stand beside expires_at: give one of them",
        ),
        ({"metadata": "x"}, "metadata", "must be a JSON object"),
        ({"metadata": [1]}, "metadata", "must be a JSON object"),
        ({"metadata": {"a": float("inf")}}, "metadata", "must hold finite numbers only"),
        ({"metadata": {"a": "é" * 509}}, "metadata", "has 1,026 bytes: 1,024 are the most"),
        ({"ignore_suppression": "yes"}, "ignore_suppression", "must be true or false"),
        (
            {"ignore_suppression": True, "priority": "bulk"},
            "ignore_suppression",
            "needs priority urgent: only then may a message pass",
        ),
        (
            {"ignore_suppression": True},
            "ignore_suppression",
            "needs priority urgent: only then may a message pass",
        ),
    ],
)
def test_what_is_wrong_beside_it_is_named(members: dict[str, Any], field: str, detail: str) -> None:
    for kind in (HELLO, {"type": "location", "latitude": 1, "longitude": 2}):
        [error] = errors_of(kind | members)
        assert error["field"] == field
        assert error["detail"].startswith(f"{field} {detail}")


def test_metadata_count_in_bytes_as_compact_json() -> None:
    text = sent(HELLO | {"metadata": {"a": "é" * 508}}).metadata
    assert text is not None
    assert len(text.encode()) == 1_024


def test_errors_stand_in_the_order_of_the_fields() -> None:
    wrong = {"ttl": 0, "caption": 7, "file": {"mimetype": 7}, "priority": 7, "to": 7}
    assert [error["field"] for error in errors_of({"type": "image", **wrong})] == [
        "to",
        "file.mimetype",
        "caption",
        "priority",
        "ttl",
    ]


def test_a_lone_surrogate_is_no_message() -> None:
    with pytest.raises(BadSending) as caught:
        read_sending(b'{"to": "6281234567890", "metadata": {"a": "\\ud83d"}}', None)
    assert [error["field"] for error in caught.value.errors] == ["body"]


def digest(members: dict[str, Any]) -> str:
    return fingerprint("k", sent(members).payload).fingerprint


@pytest.mark.parametrize(
    ("members", "recorded"),
    [
        (HELLO, '["6281234567890@c.us","Hello",[]]'),
        (HELLO | {"type": "text", "priority": "normal"}, '["6281234567890@c.us","Hello",[]]'),
        (HELLO | {"session": ["b", "a"]}, '["6281234567890@c.us","Hello",["a","b"]]'),
        (HELLO | {"on_unknown": "hold"}, '["6281234567890@c.us","Hello",[],"hold"]'),
        ({"message": "é"}, '["6281234567890@c.us","\\u00e9",[]]'),
    ],
)
def test_a_plain_text_has_the_fingerprint_that_earlier_versions_recorded(
    members: dict[str, Any], recorded: str
) -> None:
    assert digest(members) == hashlib.sha256(recorded.encode()).hexdigest()


def test_whatever_a_message_says_counts_for_its_fingerprint() -> None:
    file = {"mimetype": "text/plain", "data": "YQ=="}
    different: list[dict[str, Any]] = [
        HELLO,
        HELLO | {"session": "a"},
        HELLO | {"on_unknown": "hold"},
        HELLO | {"priority": "bulk"},
        HELLO | {"priority": "urgent"},
        HELLO | {"priority": "urgent", "ignore_suppression": True},
        HELLO | {"priority": "bulk", "on_unknown": "hold"},
        HELLO | {"send_at": timestamp(AT)},
        HELLO | {"expires_at": timestamp(AT)},
        HELLO | {"ttl": 90},
        HELLO | {"metadata": {}},
        HELLO | {"metadata": {"a": 1}},
        HELLO | {"reply_to": ID},
        HELLO | {"mentions": ["all"]},
        HELLO | {"link_preview": False},
        HELLO | {"link_preview": True},
        {"type": "file", "file": file},
        {"type": "file", "file": file | {"data": "YWI="}},
        {"type": "file", "file": file | {"filename": "a"}},
        {"type": "image", "file": {"mimetype": "image/png", "url": "http://a/"}},
        {"type": "image", "file": {"mimetype": "image/png", "url": "http://b/"}},
        {"type": "location", "latitude": 0, "longitude": 0},
        {"type": "location", "latitude": 0, "longitude": 1},
    ]
    assert len({digest(members) for members in different}) == len(different)


def test_how_a_message_is_written_does_not_count_for_its_fingerprint() -> None:
    one = {"metadata": {"a": 1, "b": 2}, "ttl": "5m", "send_at": "2026-11-24T08:30:00Z"}
    two = {"send_at": "2026-11-24T15:30:00+07:00", "ttl": 300, "metadata": {"b": 2, "a": 1}}
    assert digest(HELLO | one) == digest(HELLO | two | {"to": "+62 812-3456-7890", "poll": 7})
