"""What WAHA's answers beside those to sends mean: ids, look-ups, contacts, sessions, refusals."""

import json
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from tests.test_waha_answers import HTML, NOW, engine_error, not_working
from trio_wa.adapters.waha.about import about, about_sessions
from trio_wa.adapters.waha.answer import Answer
from trio_wa.adapters.waha.contact import check_of
from trio_wa.adapters.waha.exchange import Silence
from trio_wa.adapters.waha.finding import finding_of
from trio_wa.adapters.waha.lid import number_of
from trio_wa.adapters.waha.new_id import new_id_of
from trio_wa.adapters.waha.picture import picture_of
from trio_wa.adapters.waha.refusal import refusal_of
from trio_wa.core.outcome import Unavailable
from trio_wa.core.waha_id import RAW_ID
from trio_wa.ports import (
    Contact,
    Found,
    Missing,
    NoMessageIds,
    Picture,
    Refusal,
    Uncheckable,
    Unreadable,
    WahaInfo,
)

ID = "3EB0FF"
CHAT = "5511987654321@c.us"
URL = "http://waha:3000"
PLUS = {"message": "The feature is available only in Plus version", "statusCode": 422}
NOT_IMPLEMENTED = {"message": "The method is not implemented", "statusCode": 501}
ONE = {"a": "WORKING"}
TWO = {"a": "WORKING", "b": "FAILED"}
NO_SESSION = {"error": 'Session "default" does not exist', "session": "default"}


def answer(status: int, content: object = None, **headers: str) -> Answer:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Answer(status, {n.replace("_", "-"): v for n, v in headers.items()}, body, NOW)


def nest(message: str, status: int = 404) -> dict[str, Any]:
    return {"message": message, "error": "Not Found", "statusCode": status}


@pytest.mark.parametrize(
    ("content", "chat_id"),
    [
        ({"numberExists": True, "chatId": "551187654321@c.us"}, "551187654321@c.us"),
        ({"numberExists": True, "chatId": "100000000000001@lid"}, "100000000000001@lid"),
        ({"numberExists": True, "chatId": "551187654321@s.whatsapp.net"}, CHAT),
        ({"numberExists": True, "chatId": "551187654321@c.us\n"}, CHAT),
        ({"numberExists": True, "chatId": {"_serialized": CHAT}}, CHAT),
        ({"numberExists": True}, CHAT),
        ({"numberExists": False}, None),
        ({"numberExists": False, "chatId": CHAT}, None),
    ],
)
def test_a_number_that_was_checked(content: object, chat_id: str | None) -> None:
    assert check_of(answer(200, content), CHAT) == Contact(chat_id)


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (200, {}),
        (200, {"numberExists": "yes"}),
        (200, {"numberExists": 0}),
        (200, {"numberExists": None}),
        (200, HTML),
        (404, nest("Cannot GET /api/contacts/check-exists")),
        (405, b""),
        (501, NOT_IMPLEMENTED),
        (422, PLUS),
        (400, nest("phone is wrong", 400)),
        (500, engine_error("Timed Out")),
        (502, HTML),
    ],
)
def test_a_number_that_cannot_be_checked(status: int, content: object) -> None:
    check = check_of(answer(status, content), CHAT)
    assert isinstance(check, Uncheckable)
    assert str(status) in check.detail


@pytest.mark.parametrize(
    ("status", "content", "code"),
    [
        (422, not_working("FAILED"), "session_not_working"),
        (422, NO_SESSION, "session_missing"),
        (401, b"", "unauthorized"),
        (429, b"", "throttled"),
        (503, HTML, "proxy_unavailable"),
    ],
)
def test_a_check_that_has_to_wait(status: int, content: object, code: str) -> None:
    check = check_of(answer(status, content), CHAT)
    assert isinstance(check, Unavailable)
    assert check.code == code


@pytest.mark.parametrize(
    ("status", "content", "statuses"),
    [
        (200, [{"name": "a", "status": "WORKING"}, {"name": "b", "status": "FAILED"}], TWO),
        (200, [{"name": "a", "status": "WORKING"}, 5, {"name": 1}, {"name": "b"}], ONE),
        (200, [], {}),
        (200, [5, "a", {"id": 1}, {"name": "a"}, {"name": "a", "status": None}], None),
        (200, {"name": "default", "status": "WORKING"}, None),
        (200, HTML, None),
        (404, nest("Cannot GET /api/sessions"), None),
        (405, b"", None),
        (501, NOT_IMPLEMENTED, None),
        (400, b"", None),
        (302, b"", None),
    ],
)
def test_the_statuses_of_sessions(
    status: int, content: object, statuses: dict[str, str] | None
) -> None:
    assert about_sessions(URL, answer(status, content)) == WahaInfo(URL, statuses=statuses)


@pytest.mark.parametrize(
    ("status", "content", "problem"),
    [
        (401, b"", "WAHA refuses the key: check WAHA_API_KEY"),
        (403, b"", "WAHA refuses the key: check WAHA_API_KEY"),
        (429, b"", "WAHA answered 429: no reason given"),
        (500, engine_error("Timed Out"), "WAHA answered 500: Timed Out"),
        (503, HTML, "WAHA answered 503: no reason given"),
        (520, HTML, "WAHA answered 520: no reason given"),
    ],
)
def test_sessions_that_cannot_be_read_now(status: int, content: object, problem: str) -> None:
    assert about_sessions(URL, answer(status, content)) == WahaInfo(URL, problem=problem)


@pytest.mark.parametrize(
    ("status", "content", "code"),
    [
        (404, nest("Session not found"), "session_missing"),
        (422, NO_SESSION, "session_missing"),
        (404, nest("Cannot POST /api/sessions/default/restart"), "waha_refused"),
        (404, HTML, "waha_refused"),
        (401, nest("Unauthorized", 401), "waha_refused"),
        (400, nest("no", 400), "waha_refused"),
        (422, PLUS, "waha_refused"),
        (500, engine_error("Timed Out"), "waha_refused"),
        (302, b"", "waha_refused"),
        (429, b"", "waha_unavailable"),
        (502, HTML, "waha_unavailable"),
        (503, HTML, "waha_unavailable"),
        (504, HTML, "waha_unavailable"),
    ],
)
def test_what_waha_would_not_do(status: int, content: object, code: str) -> None:
    refusal = refusal_of(answer(status, content))
    assert refusal.code == code
    assert refusal.detail.startswith(f"WAHA answered {status}: ")


def test_a_session_that_waits_for_no_scan_is_told_with_its_status() -> None:
    refused = {**not_working("WORKING"), "expected": ["SCAN_QR_CODE"]}
    expected = Refusal("session_not_scanning", "the session is WORKING, not SCAN_QR_CODE")
    assert refusal_of(answer(422, refused)) == expected
    assert picture_of(answer(422, refused)) == expected


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("image/png", "image/png"),
        ("Image/JPEG; charset=binary", "image/jpeg"),
        ("text/html", None),
        ("application/json", None),
        ("image/", None),
        ("image/png\r\nX: y", None),
        ("", None),
    ],
)
def test_only_an_image_is_a_picture(content_type: str, expected: str | None) -> None:
    found = picture_of(answer(200, b"\x89PNG", content_type=content_type))
    if expected is None:
        assert isinstance(found, Refusal)
        assert found.code == "waha_refused"
    else:
        assert found == Picture(expected, b"\x89PNG")


def test_an_image_that_is_empty_or_has_no_end_is_no_picture() -> None:
    headers = {"content-type": "image/png"}
    for cut in (Answer(200, headers, b"", NOW), Answer(200, headers, b"x", NOW, whole=False)):
        found = picture_of(cut)
        assert isinstance(found, Refusal)
        assert found.code == "waha_refused"


NAMES = [
    *("id", "_data", "key", "_serialized", "ack", "status", "numberExists", "chatId"),
    *("message", "statusCode", "error", "session", "expected", "exception", "name", "version"),
]
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from([ID, CHAT, "WORKING", "SCAN_QR_CODE", "READ", "Cannot GET", "\ud800"])
)
json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=12,
)
statuses = st.sampled_from([200, 201, 204, 400, 404, 405, 422, 500, 501, 503]) | st.integers(
    100, 599
)
bodies = st.binary(max_size=50) | json_values.map(lambda value: json.dumps(value).encode())


@given(statuses, bodies, st.text(max_size=30), st.booleans())
def test_no_answer_raises(status: int, body: bytes, content_type: str, whole: bool) -> None:
    given_answer = Answer(status, {"content-type": content_type}, body, NOW, whole)
    new_id = new_id_of(given_answer)
    assert isinstance(new_id, NoMessageIds | Unavailable) or RAW_ID.fullmatch(new_id)
    finding = finding_of(given_answer, ID)
    assert isinstance(finding, Missing | Unreadable) or -1 <= finding.ack <= 4
    assert not isinstance(finding, Found) or given_answer.successful
    check = check_of(given_answer, CHAT)
    assert isinstance(check, Contact | Uncheckable | Unavailable)
    assert not isinstance(check, Contact) or given_answer.successful
    for info in (about(URL, given_answer), about_sessions(URL, given_answer)):
        assert info.problem is None or (info.version, info.statuses) == (None, None)
    refusal = refusal_of(given_answer)
    picture = picture_of(given_answer)
    told = [refusal.detail, getattr(finding, "detail", ""), getattr(picture, "detail", "")]
    assert all(len(detail.encode()) < 1000 for detail in told)  # and no lone surrogates


def test_no_depth_of_an_answer_raises() -> None:
    deep = answer(200, b'{"id":' + b"[" * 100_000)
    assert new_id_of(deep) == NoMessageIds()
    assert isinstance(finding_of(deep, ID), Unreadable)
    assert about_sessions(URL, deep) == WahaInfo(URL)


def test_silence_is_a_problem_and_a_refusal() -> None:
    timeout = Silence("timeout", "no answer within 5 s", "written")
    lost = Silence("connection_lost", "ConnectError: refused", "idle")
    assert about(URL, timeout).problem == "no answer within 5 s: is this WAHA?"
    problem = "cannot be reached (ConnectError: refused): is it running?"
    assert about_sessions(URL, lost).problem == problem
    assert refusal_of(lost) == Refusal("waha_unavailable", "ConnectError: refused")


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (200, {"lid": "1@lid", "pn": "628123@c.us"}, "628123@c.us"),
        (200, {"lid": "1@lid", "pn": "628123@s.whatsapp.net"}, "628123@c.us"),
        (200, {"lid": "1@lid", "pn": "628123:12@s.whatsapp.net"}, "628123@c.us"),
        (200, {"lid": "1@lid", "pn": None}, None),
        (200, {"lid": "1@lid", "pn": "2@lid"}, None),
        (200, {"lid": "1@lid", "pn": "628123"}, None),
        (200, {"lid": "1@lid", "pn": "628123@c.us\n"}, None),
        (200, {"lid": "1@lid", "pn": 628123}, None),
        (200, ["628123@c.us"], None),
        (200, HTML, None),
        (404, nest("Cannot GET /api/default/lids/1@lid"), None),
        (422, {"pn": "628123@c.us"}, None),
        (501, NOT_IMPLEMENTED, None),
    ],
)
def test_the_number_behind_a_hidden_one(status: int, content: object, expected: str | None) -> None:
    assert number_of(answer(status, content)) == expected


@given(st.integers(0, 600), st.binary(max_size=200))
def test_no_answer_to_a_question_for_a_number_raises(status: int, body: bytes) -> None:
    found = number_of(Answer(status, {}, body, NOW))
    assert found is None or found.endswith("@c.us")


WHOLE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.text(), WHOLE), st.data())
def test_of_an_answer_cut_short_only_whole_members_are_read(
    members: dict[str, Any], data: st.DataObject
) -> None:
    indent = data.draw(st.sampled_from([None, 2]))
    text = json.dumps(members, ensure_ascii=data.draw(st.booleans()), indent=indent)
    body = text.encode(errors="replace")
    end = data.draw(st.integers(0, len(body)))
    found = Answer(500, {}, body[:end], NOW, whole=False).members()
    assert list(found.items()) == list(members.items())[: len(found)]
    assert Answer(500, {}, body, NOW, whole=False).members() == members
