"""What WAHA's answers mean, row by row of what was observed on a running WAHA."""

import json
import time
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from trio_wa.adapters.waha.answer import Answer
from trio_wa.adapters.waha.outcome import message_id, outcome_of
from trio_wa.core.outcome import Fault, Outcome, Rejected, Sent, Unavailable, Unknown
from trio_wa.core.retry import RETRY_AFTER_MAX
from trio_wa.core.waha_id import raw_id

NOW = 784_111_000.0
"""Shortly before Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110."""

SECRET = "the text of the message"
HTML = b"<html><head><title>Bad Gateway</title></head><body>nginx</body></html>"


def read(
    status: int, answer: object = None, *, body: bytes | None = None, **headers: str
) -> Outcome:
    named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    content = json.dumps(answer).encode() if body is None else body
    return outcome_of(Answer(status, named, content, NOW))


def engine_error(message: object, name: str = "Error") -> dict[str, Any]:
    """WAHA's 500, which echoes the request."""
    return {
        "statusCode": 500,
        "timestamp": "2026-11-24T04:00:00.000Z",
        "exception": {"message": message, "isBoom": True, "name": name, "stack": "Error: …"},
        "request": {"path": "/api/sendText", "method": "POST", "body": {"text": SECRET}},
        "version": {"version": "2026.2.1", "engine": "NOWEB", "tier": "CORE"},
    }


def not_working(status: str) -> dict[str, Any]:
    return {
        "error": "Session status is not as expected. Try again later or restart the session",
        "session": "default",
        "status": status,
        "expected": ["WORKING"],
    }


@pytest.mark.parametrize("status", [200, 201, 202, 204])
@pytest.mark.parametrize(
    "body",
    [
        *(b"", b" ", b"{}", b"[]", b"null", b"true", b'"<html>"', b'{"key":{"id":5}}', b"\xff"),
        *(b"OK", b'{"text":"<b>', b'[{"cut":', b"\xef\xbb\xbf{}"),
    ],
)
def test_any_2xx_is_a_success_whatever_its_body(status: int, body: bytes) -> None:
    assert read(status, body=body) == Sent(None)


@pytest.mark.parametrize("status", [200, 201, 203])
@pytest.mark.parametrize(
    "body",
    [
        *(HTML, b"<!DOCTYPE html>", b"\n" * 500 + b"<html>", b"\xef\xbb\xbf<html>", b"<"),
        *(b"<?xml version='1.0'?><Error/>", b'<!-- {"key":{"id":"3EB0FF"}} -->'),
    ],
)
def test_a_page_with_a_2xx_is_no_answer_of_waha_and_says_nothing_of_the_message(
    status: int, body: bytes
) -> None:
    outcome = read(status, body=body, Content_Type="application/json")
    assert isinstance(outcome, Unknown)
    assert (outcome.code, outcome.answered) == ("not_waha", True)
    assert "WAHA_URL" in outcome.detail


def test_a_success_in_json_is_one_though_it_is_called_html_or_was_cut() -> None:
    body = b'{"key":{"id":"3EB0FF"},"message":"<html>'
    assert read(201, body=body, Content_Type="text/html; charset=utf-8") == Sent(None)
    answer = Answer(201, {"content-type": "text/html"}, body, NOW, whole=False)
    assert outcome_of(answer) == Sent("3EB0FF")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"key": {"remoteJid": "628@s.whatsapp.net", "fromMe": True, "id": "3EB0FF"}}, "3EB0FF"),
        ({"id": "true_6281234567890@c.us_3EB0FF"}, "3EB0FF"),
        ({"id": "true_120363025@g.us_3EB0FF_6281234567890@c.us"}, "3EB0FF"),
        ({"id": {"fromMe": True, "_serialized": "true_628@c.us_3EB0FF", "id": "3EB0FF"}}, "3EB0FF"),
        ({"id": {"fromMe": True, "id": "3EB0FF"}}, "3EB0FF"),
        ({"_data": {"id": {"id": "3EB0FF", "_serialized": "true_628@c.us_3EB0FF"}}}, "3EB0FF"),
        ({"_data": {"id": {"_serialized": "true_628@c.us_3EB0FF"}}}, "3EB0FF"),
        ({"_data": {"id": "true_628@c.us_3EB0FF"}}, "3EB0FF"),
        ({"id": "3EB0FF"}, "3EB0FF"),
        ({"key": {}, "id": "3EB0FF"}, "3EB0FF"),
        ({"key": {"id": 5}, "id": "3EB0FF"}, "3EB0FF"),
        ({"key": {"id": ""}}, None),
        ({"id": ""}, None),
        ({"id": "true_628@c.us_"}, None),
        ({"id": {}}, None),
        ({"id": None, "_data": None}, None),
        ({}, None),
    ],
)
def test_the_raw_id_of_every_engines_answer(answer: object, expected: str | None) -> None:
    assert message_id(Answer(200, {}, json.dumps(answer).encode(), NOW)) == expected
    assert read(201, answer) == Sent(expected)


def test_raw_ids_from_acks() -> None:
    assert raw_id("true_79991112233@c.us_3EB0FF") == "3EB0FF"
    assert raw_id("false_79991112233@lid_3EB0FF") == "3EB0FF"
    assert raw_id("3EB0_FF") == "3EB0_FF"


@pytest.mark.parametrize(
    ("status", "answer", "code"),
    [
        (
            400,
            {"message": "Session name is required", "error": "Bad Request", "statusCode": 400},
            "rejected",
        ),
        (400, {"message": ["text must be a string", "chatId should not be empty"]}, "rejected"),
        (422, {"message": "The feature is available only in Plus version"}, "plan_required"),
        (422, {"message": "chatId is wrong"}, "rejected"),
        (501, {"message": "The method is not implemented", "statusCode": 501}, "not_implemented"),
        (413, {"message": "request entity too large"}, "payload_too_large"),
        (
            500,
            engine_error("request entity too large", "PayloadTooLargeError"),
            "payload_too_large",
        ),
        (500, engine_error("no LID found for 628@s.whatsapp.net from server"), "not_on_whatsapp"),
    ],
)
def test_what_waha_refuses_for_good(status: int, answer: object, code: str) -> None:
    outcome = read(status, answer)
    assert isinstance(outcome, Rejected)
    assert outcome.code == code


@pytest.mark.parametrize(
    ("status", "answer", "code", "fault"),
    [
        (422, not_working("SCAN_QR_CODE"), "session_not_working", "session"),
        (422, not_working("STOPPED"), "session_not_working", "session"),
        (
            422,
            {"error": 'Session "default" does not exist', "session": "default"},
            "session_missing",
            "session",
        ),
        (401, {"message": "Unauthorized", "statusCode": 401}, "unauthorized", "origin"),
        (403, {"message": "Forbidden", "statusCode": 403}, "unauthorized", "origin"),
        (404, {"message": "Cannot POST /api/sendText", "statusCode": 404}, "not_found", "origin"),
        (405, None, "not_found", "origin"),
        (301, None, "not_found", "origin"),
        (302, None, "not_found", "origin"),
        (303, None, "not_found", "origin"),
        (307, None, "not_found", "origin"),
        (308, None, "not_found", "origin"),
        (429, {"message": "Too many requests"}, "throttled", "origin"),
        (503, None, "proxy_unavailable", "origin"),
        (503, {"message": "no healthy upstream"}, "proxy_unavailable", "origin"),
        (500, engine_error("server returned error 463"), "timelock", "contact"),
        (500, engine_error("server returned error 475"), "timelock", "contact"),
    ],
)
def test_what_was_certainly_not_sent(status: int, answer: object, code: str, fault: Fault) -> None:
    outcome = read(status, answer)
    assert isinstance(outcome, Unavailable)
    assert (outcome.code, outcome.fault, outcome.retry_after) == (code, fault, None)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (not_working("SCAN_QR_CODE"), "SCAN_QR_CODE"),
        (not_working("STOPPED"), "STOPPED"),
        ({"expected": ["WORKING"]}, None),
        ({"expected": ["WORKING"], "status": 5}, None),
        ({"error": 'Session "b" does not exist', "session": "b"}, "MISSING"),
    ],
)
def test_a_session_at_fault_is_told_with_its_status(answer: object, status: str | None) -> None:
    outcome = read(422, answer)
    assert isinstance(outcome, Unavailable)
    assert (outcome.fault, outcome.status) == ("session", status)


def test_no_other_answer_tells_a_sessions_status() -> None:
    for code in (401, 404, 429, 503):
        outcome = read(code, {"status": "STOPPED"})
        assert isinstance(outcome, Unavailable)
        assert outcome.status is None


@pytest.mark.parametrize(
    ("status", "answer", "code"),
    [
        (500, engine_error("Timed Out"), "engine_error"),
        (500, engine_error("Connection Closed"), "engine_error"),
        (500, engine_error("server returned error 4630"), "engine_error"),
        (500, {"message": "Internal server error", "statusCode": 500}, "server_error"),
        (503, engine_error("Session is restarting"), "engine_error"),
        (502, None, "server_error"),
        (504, None, "server_error"),
        (501, None, "server_error"),
        (502, engine_error("no LID found for 628"), "engine_error"),
        (408, None, "server_error"),
        (520, None, "server_error"),
        (101, None, "server_error"),
    ],
)
def test_what_may_have_been_sent(status: int, answer: object, code: str) -> None:
    outcome = read(status, answer)
    assert isinstance(outcome, Unknown)
    assert (outcome.code, outcome.answered) == (code, True)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, Unavailable),  # such as nginx's for plain HTTP on its TLS port
        (401, Unavailable),
        (403, Unavailable),
        (404, Unavailable),
        (413, Rejected),
        (422, Unavailable),
        (429, Unavailable),
        (500, Unknown),
        (502, Unknown),
        (503, Unavailable),
        (504, Unknown),
    ],
)
@pytest.mark.parametrize("body", [HTML, b"", b"upstream connect error", b'"text"', b"[" * 100_000])
def test_a_proxys_answer(status: int, expected: type[Outcome], body: bytes) -> None:
    assert isinstance(read(status, body=body), expected)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("999999", RETRY_AFTER_MAX),
        ("9" * 500, RETRY_AFTER_MAX),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777.0 - NOW),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777.0 - NOW),
        ("Sun Nov  6 08:49:37 1994", 784_111_777.0 - NOW),
        ("Sat, 05 Nov 1994 08:49:37 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", RETRY_AFTER_MAX),
        ("-5", None),
        ("1.5", None),
        ("", None),
        ("inf", None),
        ("soon", None),
        ("Sun, 99 Nov 1994 08:49:37 GMT", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_both_forms_of_retry_after(
    status: int, value: str, seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Jakarta")
    time.tzset()
    try:
        outcome = read(status, Retry_After=value)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert isinstance(outcome, Unavailable)
    assert outcome.retry_after == seconds


def test_the_reason_is_told_and_the_echoed_text_is_not() -> None:
    outcome = read(500, engine_error("Timed Out"))
    assert isinstance(outcome, Unknown)
    assert outcome.detail == "WAHA answered 500: Timed Out"
    missing = read(422, not_working("SCAN_QR_CODE"))
    assert isinstance(missing, Unavailable)
    assert missing.detail.endswith("restart the session (SCAN_QR_CODE)")
    listed = read(400, {"message": ["no text", "no chat"], "error": "Bad Request"})
    assert isinstance(listed, Rejected)
    assert listed.detail == "WAHA answered 400: no text; no chat"


def test_what_is_told_is_valid_unicode() -> None:
    outcome = read(500, body=b'{"exception":{"message":"bad \\ud800"}}')
    assert isinstance(outcome, Unknown)
    assert outcome.detail == "WAHA answered 500: bad ?"
    assert read(201, body=b'{"id":"\\ud800"}') == Sent(None)


@pytest.mark.parametrize("status", [400, 422])
def test_an_answer_that_is_not_wahas_fails_no_message_and_shuts_no_gate(status: int) -> None:
    outcome = read(status, body=HTML)
    assert isinstance(outcome, Unavailable)
    assert (outcome.code, outcome.fault) == ("not_waha", "message")


def test_a_reason_is_cut_short() -> None:
    outcome = read(500, engine_error("x" * 100_000))
    assert isinstance(outcome, Unknown)
    assert len(outcome.detail) < 300
    odd = read(422, {"expected": ["WORKING"], "status": ["x" * 1_000] * 100})
    assert isinstance(odd, Unavailable)
    assert len(odd.detail) < 500


NAMES = [
    *("key", "id", "_data", "_serialized", "exception", "message"),
    *("name", "error", "session", "expected", "status"),
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(NAMES) | st.text(max_size=3),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(st.integers(100, 599), json_values, st.text())
def test_no_answer_raises(status: int, answer: object, retry_after: str) -> None:
    outcome = read(status, answer, Retry_After=retry_after)
    match outcome:
        case Sent(waha_id):
            assert 200 <= status < 300
            assert waha_id is None or waha_id
        case Rejected(code, detail) | Unknown(code, detail):
            assert code
            assert len(detail) < 500
        case Unavailable(code, detail, _, seconds):
            assert code
            assert len(detail) < 500
            assert seconds is None or 0 <= seconds <= RETRY_AFTER_MAX


@given(st.integers(100, 599), st.binary(max_size=200))
def test_no_garbage_raises(status: int, body: bytes) -> None:
    page = body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    assert isinstance(read(status, body=body), Sent) == (200 <= status < 300 and not page)
