"""The requests in which many messages come: an array, or lines."""

import codecs
import json
from typing import Any

import pytest

from tests.sendings import TO
from trio_wa.core.content import Content, Text
from trio_wa.intake.sending import MAX_BATCH, BadSending, read_sendings


def many(count: int) -> list[dict[str, Any]]:
    return [TO | {"message": f"Hello {number}"} for number in range(count)]


def lines(items: list[Any]) -> bytes:
    return "\n".join(map(json.dumps, items)).encode()


def text_of(content: Content) -> str:
    assert isinstance(content, Text)
    return content.text


def read(body: bytes, content_type: str = "") -> list[list[str] | str]:
    """The text of each message, or the fields that are wrong with it."""
    return [
        [error["field"] for error in item.errors]
        if isinstance(item, BadSending)
        else text_of(item.content)
        for item in read_sendings(body, content_type, "ID")
    ]


@pytest.mark.parametrize("count", [1, 3, MAX_BATCH])
def test_a_batch_is_an_array_or_lines(count: int) -> None:
    expected = [f"Hello {number}" for number in range(count)]
    for content_type in ("", "application/json", "text/plain", "application/x-ndjson"):
        assert read(lines(many(count)), content_type) == expected
        if "ndjson" not in content_type:
            assert read(json.dumps(many(count)).encode(), content_type) == expected
    assert read(b" \r\n" + json.dumps(many(count), indent=1).encode() + b"\n") == expected
    assert read(lines(many(count)).replace(b"\n", b"\r\n\n \n") + b"\n\n") == expected


@pytest.mark.parametrize("body", [lines(many(2)), json.dumps(many(2)).encode()])
def test_the_byte_order_mark_of_a_file_spoils_no_message(body: bytes) -> None:
    assert read(codecs.BOM_UTF8 + body) == ["Hello 0", "Hello 1"]


@pytest.mark.parametrize(
    "content_type",
    ["application/x-ndjson", "Application/NDJSON; charset=utf-8", "application/jsonl"],
)
def test_lines_that_begin_with_an_array_are_lines_where_the_type_says_so(content_type: str) -> None:
    assert read(lines([[], *many(1)]), content_type) == [["body"], "Hello 0"]


def test_each_of_a_batch_is_read_by_itself() -> None:
    items = [*many(1), 7, {"to": "nobody", "message": ""}, {"type": "poll", **TO}, *many(1)]
    expected = ["Hello 0", ["body"], ["to", "message"], ["poll"], "Hello 0"]
    assert read(json.dumps(items).encode()) == expected
    assert read(lines(items)) == expected
    assert read(lines(many(1)) + b'\n{"to":\n"\xff"\n' + lines(many(1))) == [
        "Hello 0",
        ["body"],
        ["body"],
        "Hello 0",
    ]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "is empty"),
        (b" \n\n ", "is empty"),
        (b"[]", "is empty"),
        (b"[", "is not JSON"),
        (b"[1, 2", "is not JSON"),
        (b'[{"to": "\\ud83d"}]', "is not JSON"),
        (b"[1]\n[2]", "is not JSON"),
        (
            b"to=628&message=x",
            "must be a JSON array of messages, or one message a line (NDJSON), and its first line "
            "is not JSON: ",
        ),
        (json.dumps(many(1)[0], indent=1).encode(), "must be a JSON array of messages"),
        (json.dumps(many(1_001)).encode(), "has 1,001 messages: 1,000 are the most"),
        (lines(many(1_001)), "has 1,001 messages: 1,000 are the most"),
        (lines(many(1_003)), "has 1,003 messages: 1,000 are the most"),
    ],
)
def test_what_is_no_batch_is_refused_whole(body: bytes, why: str) -> None:
    with pytest.raises(BadSending) as caught:
        read_sendings(body, "application/json", "ID")
    [error] = caught.value.errors
    assert error["field"] == "body"
    assert error["detail"].startswith(f"body {why}")
