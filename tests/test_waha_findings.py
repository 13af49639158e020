"""What WAHA's answers mean to who asks for a new id, or looks a message up."""

import pytest

from tests.test_waha_answers import HTML, engine_error, not_working
from tests.test_waha_readings import ID, NO_SESSION, NOT_IMPLEMENTED, PLUS, answer, nest
from trio_wa.adapters.waha.finding import finding_of
from trio_wa.adapters.waha.new_id import new_id_of
from trio_wa.core.outcome import Unavailable
from trio_wa.ports import Found, Missing, NoMessageIds, Unreadable

NO_STORE = {"message": 'Enable NOWEB store "config.noweb.store.enabled=True"', "statusCode": 400}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"id": ID}, ID),
        ({"id": "true_628@c.us_3EB0FF"}, ID),
        ({"key": {"id": ID}}, ID),
        ({"id": "3EB0 FF"}, NoMessageIds()),
        ({"id": "x" * 129}, NoMessageIds()),
        ({"id": ""}, NoMessageIds()),
        ({"id": 5}, NoMessageIds()),
        ({}, NoMessageIds()),
        ([], NoMessageIds()),
        (b"", NoMessageIds()),
        (HTML, NoMessageIds()),
    ],
)
def test_an_answer_with_a_new_id_or_without(content: object, expected: str | NoMessageIds) -> None:
    assert new_id_of(answer(200, content)) == expected


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (404, nest("Cannot GET /api/default/new-message-id")),
        (404, HTML),
        (405, b""),
        (501, NOT_IMPLEMENTED),
        (422, PLUS),
    ],
)
def test_a_waha_that_has_no_ids_to_give(status: int, content: object) -> None:
    assert new_id_of(answer(status, content)) == NoMessageIds()


@pytest.mark.parametrize(
    ("status", "content", "code", "fault"),
    [
        (422, not_working("STOPPED"), "session_not_working", "session"),
        (422, NO_SESSION, "session_missing", "session"),
        (401, nest("Unauthorized", 401), "unauthorized", "origin"),
        (429, b"", "throttled", "origin"),
        (503, HTML, "proxy_unavailable", "origin"),
        (500, engine_error("Timed Out"), "no_message_id", "message"),
        (500, engine_error("no LID found for 628"), "no_message_id", "message"),
        (502, HTML, "no_message_id", "message"),
        (400, nest("Bad Request", 400), "no_message_id", "message"),
    ],
)
def test_no_id_for_now(status: int, content: object, code: str, fault: str) -> None:
    unavailable = new_id_of(answer(status, content))
    assert isinstance(unavailable, Unavailable)
    assert (unavailable.code, unavailable.fault) == (code, fault)
    assert f"WAHA answered {status}: " in unavailable.detail


def test_a_session_that_gives_no_id_is_told_with_its_status() -> None:
    unavailable = new_id_of(answer(422, not_working("SCAN_QR_CODE")))
    assert isinstance(unavailable, Unavailable)
    assert unavailable.status == "SCAN_QR_CODE"


@pytest.mark.parametrize(
    ("content", "ack"),
    [
        ({"id": f"true_628@c.us_{ID}", "ack": 2}, 2),
        ({"id": f"true_120@g.us_{ID}_628@c.us", "ack": -1}, -1),
        ({"id": {"_serialized": f"true_628@c.us_{ID}", "id": ID}, "ack": 3}, 3),
        ({"key": {"id": ID}, "status": "SERVER_ACK"}, 1),
        ({"key": {"id": ID}, "status": "ERROR"}, -1),
        ({"_data": {"id": {"id": ID}, "ack": 1}}, 1),
        ({"id": ID, "_data": {"status": 3}}, 2),
        ({"id": ID, "_data": {"status": 0}}, 0),
        ({"id": ID, "_data": {"status": 6}}, 0),
        ({"id": ID, "ack": 0, "_data": {"ack": 3}}, 0),
        ({"id": ID, "ack": 99}, 4),
        ({"id": ID, "ack": -99}, -1),
        ({"id": ID, "ack": True}, 0),
        ({"id": ID, "ack": "3"}, 0),
        ({"id": ID, "ack": 2.0}, 0),
        ({"id": ID, "status": True}, 0),
        ({"id": ID, "status": ["READ"]}, 0),
        ({"id": ID, "ack": None, "_data": None}, 0),
        ({"id": ID}, 0),
    ],
)
def test_a_message_that_is_found_has_the_ack_that_waha_names(content: object, ack: int) -> None:
    assert finding_of(answer(200, content), ID) == Found(ack)


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (404, nest("Message not found")),
        (404, nest("Message with id '3EB0FF' not found")),
        (200, b"null"),
        (200, b" null\n"),
        (200, b""),
        (204, b""),
    ],
)
def test_a_message_that_waha_does_not_know(status: int, content: object) -> None:
    assert finding_of(answer(status, content), ID) == Missing()


@pytest.mark.parametrize(
    ("status", "content", "refused"),
    [
        (404, nest("Cannot GET /api/default/chats/all/messages/3EB0FF"), True),
        (404, HTML, True),
        (404, {"message": "no Route matched with those values"}, True),
        (404, b"", True),
        (405, b"", True),
        (400, NO_STORE, True),
        (501, NOT_IMPLEMENTED, True),
        (422, PLUS, True),
        (404, nest("Session not found"), False),
        (422, not_working("SCAN_QR_CODE"), False),
        (422, NO_SESSION, False),
        (401, nest("Unauthorized", 401), False),
        (429, b"", False),
        (500, engine_error("Timed Out"), False),
        (500, nest("Message not found"), False),
        (502, HTML, False),
        (503, HTML, False),
        (302, b"", False),
        (200, {"id": "true_628@c.us_OTHER", "ack": 3}, False),
        (200, {"id": ID.lower()}, False),
        (200, {}, False),
        (200, [], False),
        (200, HTML, False),
    ],
)
def test_an_answer_that_says_nothing_of_the_message(
    status: int, content: object, refused: bool
) -> None:
    finding = finding_of(answer(status, content), ID)
    assert isinstance(finding, Unreadable)
    assert finding.refused is refused
    assert str(status) in finding.detail
