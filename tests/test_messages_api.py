import math
from dataclasses import replace
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.desk import Desk
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.core.outcome import Sent, Unavailable, Unknown
from trio_wa.core.retry import Final, Inquire, Requeue
from trio_wa.core.status import Status
from trio_wa.core.turn import Waiting
from trio_wa.intake.cursor import read_cursor, write_cursor
from trio_wa.intake.recording import READ_SECONDS, RECORD_SECONDS
from trio_wa.intake.selection import BadSelection, read_selection
from trio_wa.intake.views import timestamp
from trio_wa.ports import (
    Attempt,
    Cursor,
    Filter,
    Ledger,
    Publish,
    Receipt,
    Record,
    StoreUnavailable,
)

RETRIED = (Status.FAILED, Status.UNKNOWN, Status.EXPIRED)
OTHERS = (Status.QUEUED, Status.SENT)
HELLO = {"to": "6281234567890", "message": "Hello"}


class BrokenStore(MemoryStore):
    """Fails in whatever was broken."""

    def __init__(self, publish: Publish) -> None:
        super().__init__(publish)
        self.broken: set[str] = set()

    async def cancel(self, message_id: str, at: float) -> bool:
        self._check("cancel")
        return await super().cancel(message_id, at)

    async def retry(self, message_id: str, at: float, expires_at: float) -> bool:
        self._check("retry")
        return await super().retry(message_id, at, expires_at)

    async def get(self, message_id: str) -> Record | None:
        self._check("get")
        return await super().get(message_id)

    async def find(self, wanted: Filter, limit: int) -> Any:
        self._check("find")
        return await super().find(wanted, limit)

    async def ledger(self) -> Ledger:
        self._check("ledger")
        return await super().ledger()

    def _check(self, name: str) -> None:
        if name in self.broken:
            raise StoreUnavailable("the disk is full")


class SlowStore(MemoryStore):
    """Takes its time; what began ends, even for a caller that is gone."""

    def __init__(self, publish: Publish) -> None:
        super().__init__(publish)
        self.seconds = 0.0

    async def cancel(self, message_id: str, at: float) -> bool:
        await trio.sleep(self.seconds)
        return await super().cancel(message_id, at)

    async def retry(self, message_id: str, at: float, expires_at: float) -> bool:
        await trio.sleep(self.seconds)
        return await super().retry(message_id, at, expires_at)


def slow(desk: Desk, seconds: float) -> None:
    assert isinstance(desk.store, SlowStore)
    desk.store.seconds = seconds


async def test_the_location_of_an_accepted_message_shows_it(autojump_clock: MockClock) -> None:
    desk = Desk()
    accepted = await desk.ask("POST", "/send", given={"to": "+62 812-3456", "message": "secret"})
    shown = await desk.ask("GET", accepted.headers["Location"])
    assert shown.status == 200
    assert shown.body == {
        "id": accepted.body["id"],
        "to": "+62 812-3456",
        "chat_id": "628123456@c.us",
        "type": "text",
        "priority": "normal",
        "status": "queued",
        "waiting_for": "turn",
        "next_attempt_at": None,
        "session": None,
        "waha_message_id": None,
        "accepted_at": timestamp(desk.clock.now()),
        "expires_at": timestamp(desk.clock.now() + 86_400),
        "settled_at": None,
        "error": None,
        "attempts": [],
        "timeline": [{"at": timestamp(desk.clock.now()), "status": "queued"}],
    }
    head = await desk.ask("HEAD", accepted.headers["Location"])
    assert (head.status, head.body) == (200, shown.body)


async def test_a_message_that_was_sent_tells_its_attempts_in_order(
    autojump_clock: MockClock,
) -> None:
    desk = Desk()
    message_id = await desk.send()
    (message,) = desk.published()
    start = desk.clock.now()
    refused = Unavailable("session_not_working", "it is stopped", "session")
    requeued = replace(message, due_at=start + 60, deferrals=1)
    await desk.attempt(message, Requeue(requeued, "session_not_working", "it is stopped"), refused)

    waiting = (await desk.ask("GET", f"/messages/{message_id}")).body
    assert (waiting["waiting_for"], waiting["next_attempt_at"]) == ("retry", timestamp(start + 60))
    assert waiting["error"] == {"code": "session_not_working", "detail": "it is stopped"}

    await trio.sleep(60)
    assert await desk.store.begin(requeued, "b", desk.clock.now())
    sending = (await desk.ask("GET", f"/messages/{message_id}")).body
    assert sending["status"] == "sending"
    assert sending["session"] == "b"
    assert "waiting_for" not in sending
    assert [attempt["outcome"] for attempt in sending["attempts"]] == ["retried", None]

    await trio.sleep(0.25)
    attempt = Attempt("b", start + 60, desk.clock.now(), Sent("3EB0"))
    await desk.store.settle(requeued, attempt, Final(Status.SENT, waha_id="3EB0"))
    sent = (await desk.ask("GET", f"/messages/{message_id}")).body
    assert (sent["status"], sent["waha_message_id"], sent["error"]) == ("sent", "3EB0", None)
    assert sent["settled_at"] == timestamp(desk.clock.now())
    assert sent["attempts"] == [
        {
            "n": 1,
            "at": timestamp(start),
            "session": "a",
            "outcome": "retried",
            "code": "session_not_working",
            "seconds": 0.5,
        },
        {
            "n": 2,
            "at": timestamp(start + 60),
            "session": "b",
            "outcome": "sent",
            "code": None,
            "seconds": 0.25,
        },
    ]
    statuses = [event["status"] for event in sent["timeline"]]
    assert statuses == ["queued", "sending", "queued", "sending", "sent"]


@pytest.mark.parametrize(
    ("waiting", "shown"),
    [
        (Waiting("recipient"), None),
        (Waiting("session", 2_000_000_000.5), "2033-05-18T03:33:20.500Z"),
        (Waiting("turn"), None),
    ],
)
async def test_what_the_dispatcher_says_a_message_waits_for_is_shown_alone_and_in_a_list(
    waiting: Waiting, shown: str | None
) -> None:
    desk = Desk()
    message_id = await desk.send()
    desk.dispatch.waits[message_id] = waiting
    alone = (await desk.ask("GET", f"/messages/{message_id}")).body
    (listed,) = (await desk.ask("GET", "/messages")).body["data"]
    for view in (alone, listed):
        assert (view["waiting_for"], view["next_attempt_at"]) == (waiting.reason, shown)


@pytest.mark.parametrize(
    ("waiting", "shown"),
    [
        (Waiting("turn"), "2033-05-18T03:33:20.000Z"),
        (Waiting("pace", 1_999_999_999.0), "2033-05-18T03:33:20.000Z"),
        (Waiting("quiet_hours", 2_000_000_060.0), "2033-05-18T03:34:20.000Z"),
    ],
)
async def test_when_a_message_is_about_to_begin_is_shown_with_it_and_not_in_a_list(
    waiting: Waiting, shown: str
) -> None:
    desk = Desk()
    message_id = await desk.send(session=["b"])
    desk.dispatch.estimated_at = 2_000_000_000.0
    (message,) = desk.published()
    desk.dispatch.waits[message_id] = waiting
    desk.dispatch.estimated.clear()
    alone = (await desk.ask("GET", f"/messages/{message_id}")).body
    assert alone["estimated_at"] == shown
    [asked] = desk.dispatch.estimated
    assert (asked.id, asked.seq, asked.chat_id) == (message.id, message.seq, message.chat_id)
    assert (asked.sessions, asked.priority) == (("b",), "normal")
    (listed,) = (await desk.ask("GET", "/messages")).body["data"]
    assert "estimated_at" not in listed


@pytest.mark.parametrize("paced", [False, True])
async def test_without_a_pace_or_once_it_has_begun_no_time_is_shown(paced: bool) -> None:
    desk = Desk()
    message_id = await desk.send()
    desk.dispatch.estimated_at = 2_000_000_000.0 if paced else None
    if paced:
        (message,) = desk.published()
        assert await desk.store.begin(message, "a", desk.clock.now())
    assert "estimated_at" not in (await desk.ask("GET", f"/messages/{message_id}")).body


async def test_a_settled_message_waits_for_nothing_even_if_the_dispatcher_lags_behind() -> None:
    desk = Desk()
    message_id = await desk.send_and_end(Status.FAILED)
    desk.dispatch.waits[message_id] = Waiting("turn")
    shown = (await desk.ask("GET", f"/messages/{message_id}")).body
    assert "waiting_for" not in shown
    assert "next_attempt_at" not in shown
    assert shown["error"] == {"code": "why", "detail": "because"}


async def look_up(desk: Desk, **sending: Any) -> str:
    """Have a message sent under an id, with an outcome that is being looked up; its own id."""
    message_id = await desk.send(**sending)
    (message,) = desk.published()
    silent = Unknown("timeout", "it fell silent")
    named = replace(message, waha_id=f"3EB0-{message.seq}")
    await desk.attempt(named, Inquire(silent.code, silent.detail), silent)
    return message_id


async def test_a_message_that_is_being_looked_up_waits_for_evidence(
    autojump_clock: MockClock,
) -> None:
    desk = Desk()
    message_id = await look_up(desk)
    shown = (await desk.ask("GET", f"/messages/{message_id}")).body
    (listed,) = (await desk.ask("GET", "/messages")).body["data"]
    for view in (shown, listed):
        assert (view["status"], view["settled_at"]) == ("unknown", None)
        assert (view["waiting_for"], view["next_attempt_at"]) == ("evidence", None)
        assert view["error"] == {"code": "timeout", "detail": "it fell silent"}
    assert [attempt["outcome"] for attempt in shown["attempts"]] == ["unknown"]


async def test_a_settled_unknown_waits_for_nothing() -> None:
    desk = Desk()
    message_id = await desk.send_and_end(Status.UNKNOWN)
    assert "waiting_for" not in (await desk.ask("GET", f"/messages/{message_id}")).body


async def test_what_is_being_looked_up_is_not_retried_even_where_there_is_no_place(
    autojump_clock: MockClock,
) -> None:
    desk = Desk(backlog=1)
    message_id = await look_up(desk)
    answer = await desk.ask("POST", f"/messages/{message_id}/retry")
    assert (answer.status, answer.code) == (409, "not_retryable")
    assert "being looked up" in answer.body["detail"]
    assert answer.body["message_status"] == "unknown"
    assert desk.window.backlog == 1


async def test_a_bulk_retry_leaves_what_is_being_looked_up(autojump_clock: MockClock) -> None:
    desk = Desk()
    await look_up(desk)
    settled = await desk.send_and_end(Status.UNKNOWN)
    await look_up(desk)
    given = {"status": "unknown", "limit": 1}
    answer = await desk.ask("POST", "/messages/retry", given=given)
    assert (answer.status, answer.body) == (202, {"queued": 1, "remaining": 0})
    assert [message.id for message in desk.published()] == [settled]
    answer = await desk.ask("POST", "/messages/retry", given=given)
    assert (answer.status, answer.body) == (202, {"queued": 0, "remaining": 0})


async def test_receipts_lead_a_message_on_in_its_timeline(autojump_clock: MockClock) -> None:
    desk = Desk()
    message_id = await look_up(desk)
    waha_id = (await desk.ask("GET", f"/messages/{message_id}")).body["waha_message_id"]
    for ack in (1, 2, 3):
        await trio.sleep(1)
        assert await desk.store.receive(Receipt("a", waha_id, ack, desk.clock.now()))
    shown = (await desk.ask("GET", f"/messages/{message_id}")).body
    assert (shown["status"], shown["error"]) == ("read", None)
    assert "waiting_for" not in shown
    assert [event["status"] for event in shown["timeline"]] == [
        *("queued", "sending", "unknown"),
        *("sent", "delivered", "read"),
    ]
    assert [attempt["outcome"] for attempt in shown["attempts"]] == ["unknown"]


async def test_unconfirmed_messages_are_shown_as_such_and_can_be_listed(
    autojump_clock: MockClock,
) -> None:
    desk = Desk()
    ids = []
    for waha_id in ("3EB01", "3EB02"):
        ids.append(await desk.send())
        (message,) = desk.published()
        await desk.attempt(message, Final(Status.SENT, waha_id=waha_id))
    shown = (await desk.ask("GET", f"/messages/{ids[0]}")).body
    assert "unconfirmed" not in shown
    assert await listed(desk, unconfirmed="true") == []

    assert await desk.store.mark_unconfirmed(ids[0], desk.clock.now())
    shown = (await desk.ask("GET", f"/messages/{ids[0]}")).body
    assert (shown["status"], shown["unconfirmed"]) == ("sent", True)
    assert await listed(desk, unconfirmed="true") == ids[:1]
    assert await listed(desk, unconfirmed="true", status="failed") == []
    assert len(await listed(desk)) == 2


@pytest.mark.parametrize("on_unknown", ["hold", "resend"])
async def test_what_a_message_chose_for_itself_is_shown(on_unknown: str) -> None:
    desk = Desk()
    assert "on_unknown" not in (await desk.ask("GET", f"/messages/{await desk.send()}")).body
    accepted = await desk.ask("POST", "/send", given=HELLO | {"on_unknown": on_unknown})
    shown = (await desk.ask("GET", accepted.headers["Location"])).body
    assert shown["on_unknown"] == on_unknown


@pytest.mark.parametrize(
    "message_id",
    ["01a20bc8-4ee1-7316-b873-e608c5219a5c", "x", "a b", "\0", "é", "..", "%", "x" * 65, "'", "*"],
)
@pytest.mark.parametrize(("method", "end"), [("GET", ""), ("POST", "/cancel"), ("POST", "/retry")])
async def test_an_unknown_or_malformed_id_is_404(method: str, end: str, message_id: str) -> None:
    answer = await Desk().ask(method, f"/messages/{message_id}{end}")
    assert (answer.status, answer.code) == (404, "message_not_found")


async def test_a_malformed_id_does_not_reach_the_store() -> None:
    desk = Desk(opening=BrokenStore)
    assert isinstance(desk.store, BrokenStore)
    desk.store.broken = {"get"}
    assert (await desk.ask("GET", "/messages/\0")).status == 404
    assert (await desk.ask("GET", "/messages/x")).status == 503


async def listed(desk: Desk, **query: str) -> list[str]:
    answer = await desk.ask("GET", "/messages", query=query)
    assert answer.status == 200, answer.body
    return [message["id"] for message in answer.body["data"]]


async def test_a_list_is_newest_first_and_has_no_attempts(autojump_clock: MockClock) -> None:
    desk = Desk()
    ids = []
    for _ in range(3):
        ids.append(await desk.send())
        await trio.sleep(1)
    answer = await desk.ask("GET", "/messages")
    assert [message["id"] for message in answer.body["data"]] == ids[::-1]
    assert answer.body["next_cursor"] is None
    assert not {"attempts", "timeline"} & answer.body["data"][0].keys()


async def test_pages_give_each_message_once_while_new_ones_arrive(
    autojump_clock: MockClock,
) -> None:
    desk = Desk()
    ids = [await desk.send() for _ in range(7)]  # all within one instant
    seen, query = [], {"limit": "3"}
    while True:
        answer = (await desk.ask("GET", "/messages", query=query)).body
        seen += [message["id"] for message in answer["data"]]
        await desk.send()
        if answer["next_cursor"] is None:
            break
        query["cursor"] = answer["next_cursor"]
    assert seen == ids[::-1]


async def test_a_page_that_ends_with_the_list_has_no_next() -> None:
    desk = Desk()
    for _ in range(3):
        await desk.send()
    answer = await desk.ask("GET", "/messages", query={"limit": "3"})
    assert (len(answer.body["data"]), answer.body["next_cursor"]) == (3, None)


async def test_fifty_are_listed_by_default() -> None:
    desk = Desk()
    for _ in range(51):
        await desk.send()
    answer = await desk.ask("GET", "/messages")
    assert len(answer.body["data"]) == 50
    assert answer.body["next_cursor"] is not None


async def test_filters_select(autojump_clock: MockClock) -> None:
    desk = Desk()
    failed = await desk.send_and_end(Status.FAILED, to="6281110001")
    sent = await desk.send_and_end(Status.SENT, to="6281110002")
    await trio.sleep(10)
    middle = desk.clock.now()
    await trio.sleep(10)
    late = await desk.send(to="6281110001")
    assert await listed(desk, status="failed") == [failed]
    assert await listed(desk, to="+62 811-10002") == [sent]
    assert await listed(desk, to="6281110001@c.us") == [late, failed]
    assert await listed(desk, to="12@c.us") == []  # an earlier version may have accepted it
    assert await listed(desk, session="a") == [sent, failed]
    assert await listed(desk, session="b") == []
    assert await listed(desk, after=timestamp(middle)) == [late]
    assert await listed(desk, before=str(middle)) == [sent, failed]
    assert await listed(desk, status="queued", to="6281110001", after=str(middle)) == [late]


@pytest.mark.parametrize(
    ("name", "value", "detail"),
    [
        ("status", "done", "status must be one of queued, sending, sent, delivered"),
        ("status", "", "status must be one of"),
        ("to", "0812", "to is too short"),
        ("to", "nobody", "to is not a phone number"),
        ("session", "", "session must be a session's name"),
        ("limit", "0", "limit must be a whole number from 1 to 1000"),
        ("limit", "1001", "limit must be a whole number from 1 to 1000"),
        ("limit", "-1", "limit must be"),
        ("limit", "٣", "limit must be"),
        ("after", "yesterday", "after must be a time such as 2026-11-24T08:30:00Z"),
        ("before", "2026-11-24T08:30:00", "before must be a time"),
        ("before", "2026-13-24T08:30:00Z", "before must be a time"),
        ("before", "1700000000000", "before must be a time"),
        ("cursor", "abc", "cursor must be a next_cursor of an earlier answer"),
        ("stats", "failed", "stats is no parameter here: did you mean status?"),
        ("unconfirmed", "false", "unconfirmed must be true: without it, all are listed"),
        ("q", "x", "q is no parameter here: there are status, to, session, after"),
    ],
)
async def test_a_bad_parameter_is_named_with_what_would_be_right(
    name: str, value: str, detail: str
) -> None:
    answer = await Desk().ask("GET", "/messages", query={"limit": "5", name: value})
    assert (answer.status, answer.code) == (400, "parameter_invalid")
    (error,) = answer.body["errors"]
    assert error["field"] == name
    assert error["detail"].startswith(detail)


async def test_all_bad_parameters_are_named_at_once() -> None:
    answer = await Desk().ask("GET", "/messages", query={"limit": "x", "status": "y", "z": ""})
    assert [error["field"] for error in answer.body["errors"]] == ["limit", "status", "z"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1700000000", 1_700_000_000.0),
        ("1700000000.25", 1_700_000_000.25),
        ("2023-11-14T22:13:20Z", 1_700_000_000.0),
        ("2023-11-14t22:13:20.5z", 1_700_000_000.5),
        ("2023-11-15T05:13:20+07:00", 1_700_000_000.0),
        ("2023-11-15T05:13:20 07:00", 1_700_000_000.0),  # a `+` that a query made a blank
        ("2023-11-14T22:13:20.123456789-00:00", 1_700_000_000.123456),
    ],
)
def test_times_are_read_in_the_forms_people_write(text: str, seconds: float) -> None:
    assert read_selection({"after": text}, owner=None, region=None).wanted.after == pytest.approx(
        seconds
    )


CURSORS = st.builds(
    Cursor, st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 2**63 - 1)
)


@given(CURSORS)
def test_a_cursor_is_read_back_as_it_was(cursor: Cursor) -> None:
    text = write_cursor(cursor)
    assert text.replace("-", "").replace("_", "").isalnum()
    assert read_cursor(text) == cursor


@given(st.one_of(st.text(), st.binary(min_size=16, max_size=16).map(lambda raw: raw.hex())))
def test_whatever_a_cursor_holds_is_read_or_refused(text: str) -> None:
    try:
        cursor = read_cursor(text)
    except ValueError:
        return
    assert math.isfinite(cursor.accepted_at)
    assert 0 <= cursor.number < 2**63


@given(
    st.dictionaries(
        st.sampled_from(
            ["status", "to", "session", "after", "before", "unconfirmed", "limit", "cursor", "x"]
        ),
        st.one_of(
            st.text(),
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(),
            st.lists(st.integers()),
            st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", fullmatch=True),
        ),
    )
)
def test_whatever_parameters_hold_is_read_or_refused_by_name(params: dict[str, object]) -> None:
    fields: set[str] = set()
    try:
        selection = read_selection(params, owner="me", region="ID")
    except BadSelection as error:
        fields = {each["field"] for each in error.errors}
        selection = read_selection(
            {name: value for name, value in params.items() if name not in fields},
            owner="me",
            region="ID",
        )
    assert fields <= params.keys()
    assert selection.wanted.owner == "me"
    assert 1 <= selection.limit <= 1000


async def test_a_queued_message_is_cancelled_and_its_place_is_free() -> None:
    desk = Desk(backlog=1)
    message_id = await desk.send()
    assert (await desk.ask("POST", "/send", given=HELLO)).status == 503
    answer = await desk.ask("POST", f"/messages/{message_id}/cancel")
    assert (answer.status, answer.body["status"]) == (200, "cancelled")
    assert desk.dispatch.discarded == [message_id]
    assert (await desk.ask("POST", "/send", given=HELLO)).status == 202


@pytest.mark.parametrize("status", [Status.SENT, *RETRIED])
async def test_what_is_not_queued_is_not_cancelled(status: Status) -> None:
    desk = Desk()
    message_id = await desk.send_and_end(status)
    answer = await desk.ask("POST", f"/messages/{message_id}/cancel")
    assert (answer.status, answer.code) == (409, "not_queued")
    assert answer.body["message_status"] == status.value
    assert desk.window.backlog == 0
    assert desk.dispatch.discarded == []


async def test_two_cancels_at_once_free_one_place(autojump_clock: MockClock) -> None:
    desk = Desk(opening=SlowStore)
    message_id = await desk.send()
    await desk.send()
    slow(desk, 1.0)
    answers = []

    async def cancel() -> None:
        answers.append((await desk.ask("POST", f"/messages/{message_id}/cancel")).status)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(cancel)
        nursery.start_soon(cancel)
    assert sorted(answers) == [200, 409]
    assert desk.window.backlog == 1


async def test_a_hangup_does_not_split_a_cancel(autojump_clock: MockClock) -> None:
    desk = Desk(opening=SlowStore)
    message_id = await desk.send()
    slow(desk, 1.0)
    with trio.move_on_after(0.5):
        await desk.ask("POST", f"/messages/{message_id}/cancel")
    assert (await desk.store.ledger()).counts[Status.CANCELLED] == 1
    assert desk.window.backlog == 0
    assert desk.dispatch.discarded == [message_id]


@pytest.mark.parametrize("operation", ["cancel", "retry"])
async def test_a_store_that_takes_too_long_is_503_and_changes_nothing(
    autojump_clock: MockClock, operation: str
) -> None:
    desk = Desk(opening=SlowStore)
    status = Status.QUEUED if operation == "cancel" else Status.FAILED
    message_id = await desk.send_and_end(status)
    places = desk.window.backlog
    slow(desk, 2 * RECORD_SECONDS)
    with trio.fail_after(RECORD_SECONDS + 1):
        answer = await desk.ask("POST", f"/messages/{message_id}/{operation}")
    assert (answer.status, answer.code) == (503, "store_unavailable")
    assert answer.headers["Retry-After"] == "1"
    assert desk.window.backlog == places
    assert desk.dispatch.discarded == []


@pytest.mark.parametrize("status", RETRIED)
async def test_what_was_not_sent_is_retried_with_a_new_time_to_live(
    autojump_clock: MockClock, status: Status
) -> None:
    desk = Desk(message_ttl=100.0)
    message_id = await desk.send_and_end(status)
    await trio.sleep(1000)
    answer = await desk.ask("POST", f"/messages/{message_id}/retry")
    assert (answer.status, answer.body["status"]) == (202, "queued")
    assert answer.body["expires_at"] == timestamp(desk.clock.now() + 100)
    assert [message.id for message in desk.published()] == [message_id]
    assert desk.window.backlog == 1


@pytest.mark.parametrize("status", OTHERS)
async def test_other_states_are_not_retried(status: Status) -> None:
    desk = Desk()
    message_id = await desk.send_and_end(status)
    places = desk.window.backlog
    answer = await desk.ask("POST", f"/messages/{message_id}/retry")
    assert (answer.status, answer.code) == (409, "not_retryable")
    assert answer.body["message_status"] == status.value
    assert desk.window.backlog == places
    assert desk.published() == []


async def test_two_retries_at_once_take_one_place(autojump_clock: MockClock) -> None:
    desk = Desk(opening=SlowStore)
    message_id = await desk.send_and_end(Status.FAILED)
    slow(desk, 1.0)
    answers = []

    async def retry() -> None:
        answers.append((await desk.ask("POST", f"/messages/{message_id}/retry")).status)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(retry)
        nursery.start_soon(retry)
    assert sorted(answers) == [202, 409]
    assert desk.window.backlog == 1


async def test_a_hangup_does_not_split_a_retry(autojump_clock: MockClock) -> None:
    desk = Desk(opening=SlowStore)
    message_id = await desk.send_and_end(Status.FAILED)
    slow(desk, 1.0)
    with trio.move_on_after(0.5):
        await desk.ask("POST", f"/messages/{message_id}/retry")
    assert [message.id for message in desk.published()] == [message_id]
    assert desk.window.backlog == 1


async def test_a_retry_without_a_place_is_503() -> None:
    desk = Desk(backlog=1)
    message_id = await desk.send_and_end(Status.FAILED)
    await desk.send()
    answer = await desk.ask("POST", f"/messages/{message_id}/retry")
    assert (answer.status, answer.code) == (503, "queue_full")
    assert answer.headers["Retry-After"] == "1"
    assert (await desk.ask("GET", f"/messages/{message_id}")).body["status"] == "failed"


@pytest.mark.parametrize("path", ["/messages/{}/retry", "/messages/retry"])
async def test_nothing_is_retried_while_the_service_stops(path: str) -> None:
    desk = Desk()
    message_id = await desk.send_and_end(Status.FAILED)
    desk.window.close()
    answer = await desk.ask("POST", path.format(message_id), given={"status": "failed"})
    assert (answer.status, answer.code) == (503, "stopping")
    assert desk.window.backlog == 0


async def test_a_bulk_retry_queues_the_oldest_first_and_says_what_remains(
    autojump_clock: MockClock,
) -> None:
    desk = Desk()
    ids = []
    for _ in range(5):
        ids.append(await desk.send_and_end(Status.FAILED))
        await trio.sleep(1)
    await desk.send_and_end(Status.UNKNOWN)
    answer = await desk.ask("POST", "/messages/retry", given={"status": "failed", "limit": 3})
    assert (answer.status, answer.body) == (202, {"queued": 3, "remaining": 2})
    assert [message.id for message in desk.published()] == ids[:3]
    answer = await desk.ask("POST", "/messages/retry", query={"status": "failed"})
    assert (answer.status, answer.body) == (202, {"queued": 2, "remaining": 0})
    assert [message.id for message in desk.published()] == ids[3:]
    answer = await desk.ask("POST", "/messages/retry", query={"status": "failed"})
    assert (answer.status, answer.body) == (202, {"queued": 0, "remaining": 0})


async def test_a_bulk_retry_keeps_to_its_filter(autojump_clock: MockClock) -> None:
    desk = Desk()
    wanted = await desk.send_and_end(Status.FAILED, to="6281110001")
    await desk.send_and_end(Status.FAILED, to="6281110002")
    given = {"status": "failed", "to": "6281110001", "session": "a", "before": desk.clock.now() + 1}
    answer = await desk.ask("POST", "/messages/retry", given=given)
    assert answer.body == {"queued": 1, "remaining": 0}
    assert [message.id for message in desk.published()] == [wanted]


async def test_a_bulk_retry_takes_the_places_there_are() -> None:
    desk = Desk(backlog=2)
    for _ in range(3):
        await desk.send_and_end(Status.FAILED)
    answer = await desk.ask("POST", "/messages/retry", given={"status": "failed"})
    assert (answer.status, answer.body) == (202, {"queued": 2, "remaining": 1})
    answer = await desk.ask("POST", "/messages/retry", given={"status": "failed"})
    assert (answer.status, answer.code) == (503, "queue_full")


async def test_a_full_lane_keeps_a_bulk_retry_from_no_other() -> None:
    desk = Desk(backlog=1)
    ids = {}
    for name, priority in [("first", "bulk"), ("second", "bulk"), ("code", "urgent")]:
        given = {"to": "6281234567890", "message": "Hello", "priority": priority}
        ids[name] = (await desk.ask("POST", "/send", given=given)).body["id"]
        (message,) = desk.published()
        await desk.attempt(message, Final(Status.FAILED, "why", "because"))
    answer = await desk.ask("POST", "/messages/retry", given={"status": "failed"})
    assert (answer.status, answer.body) == (202, {"queued": 2, "remaining": 1})
    assert {message.id for message in desk.published()} == {ids["first"], ids["code"]}
    answer = await desk.ask("POST", "/messages/retry", given={"status": "failed"})
    assert (answer.status, answer.code) == (503, "queue_full")
    assert "1 bulk messages wait already (MAX_BACKLOG)" in answer.body["detail"]


async def test_a_bulk_retry_ends_in_time_on_a_slow_store(autojump_clock: MockClock) -> None:
    desk = Desk(opening=SlowStore)
    for _ in range(10):
        await desk.send_and_end(Status.FAILED)
    slow(desk, 4.0)
    with trio.fail_after(13):
        answer = await desk.ask("POST", "/messages/retry", given={"status": "failed"})
    assert (answer.status, answer.body) == (202, {"queued": 3, "remaining": 7})
    assert desk.window.backlog == 3


@pytest.mark.parametrize("query", [{}, {"status": ""}, {"status": "bogus"}, {"status": "sent"}])
async def test_a_bulk_retry_names_the_statuses_that_it_takes(query: dict[str, str]) -> None:
    answer = await Desk().ask("POST", "/messages/retry", query=query)
    assert answer.status == 400
    assert answer.body["detail"] == "status must be one of failed, unknown, expired"


@pytest.mark.parametrize(
    ("given_body", "field"),
    [
        ({}, "status"),
        ({"status": "sent"}, "status"),
        ({"status": "queued"}, "status"),
        ({"status": ["failed"]}, "status"),
        ({"status": "failed", "limit": True}, "limit"),
        ({"status": "failed", "cursor": "x"}, "cursor"),
        ({"status": "failed", "too": "6281110001"}, "too"),
        (b"[1]", "body"),
        (b"{", "body"),
        (b"\xff", "body"),
        (b"[" * 100_000, "body"),
    ],
)
async def test_a_bulk_retry_names_what_is_wrong(given_body: Any, field: str) -> None:
    desk = Desk()
    await desk.send_and_end(Status.FAILED)
    answer = await desk.ask("POST", "/messages/retry", given=given_body)
    assert (answer.status, answer.code) == (400, "parameter_invalid")
    assert [error["field"] for error in answer.body["errors"]] == [field]
    assert desk.published() == []


async def test_the_ledger_balances_and_counts_each_state() -> None:
    desk = Desk()
    for status in (Status.SENT, Status.FAILED, Status.UNKNOWN, Status.EXPIRED, Status.QUEUED):
        await desk.send_and_end(status)
    await desk.store.purge(math.inf, 1)
    body = (await desk.ask("GET", "/ledger")).body
    assert (body["accepted"], body["sum"], body["purged"], body["balanced"]) == (5, 5, 1, True)
    assert set(body["states"]) == set(Status)
    assert sum(body["states"].values()) == 4
    assert body["states"]["queued"] == 1


async def test_a_lost_row_shows_in_the_ledger() -> None:
    class Losing(MemoryStore):
        async def ledger(self) -> Ledger:
            return replace(await super().ledger(), accepted=7)

    desk = Desk(opening=Losing)
    await desk.send()
    body = (await desk.ask("GET", "/ledger")).body
    assert (body["accepted"], body["sum"], body["balanced"]) == (7, 1, False)


@pytest.mark.parametrize(
    ("method", "path", "broken"),
    [
        ("GET", "/messages/{}", "get"),
        ("GET", "/messages", "find"),
        ("GET", "/ledger", "ledger"),
        ("POST", "/messages/{}/cancel", "get"),
        ("POST", "/messages/{}/cancel", "cancel"),
        ("POST", "/messages/{}/retry", "retry"),
        ("POST", "/messages/retry", "find"),
        ("POST", "/messages/retry", "retry"),
    ],
)
async def test_a_store_that_fails_is_503_with_retry_after(
    method: str, path: str, broken: str
) -> None:
    desk = Desk(opening=BrokenStore)
    status = Status.QUEUED if path.endswith("cancel") else Status.FAILED
    message_id = await desk.send_and_end(status)
    places = desk.window.backlog
    assert isinstance(desk.store, BrokenStore)
    desk.store.broken = {broken}
    query = {"status": "failed"} if path == "/messages/retry" else {}
    answer = await desk.ask(method, path.format(message_id), query=query)
    assert (answer.status, answer.code) == (503, "store_unavailable")
    assert answer.headers["Retry-After"] == "1"
    assert "the disk is full" in answer.body["detail"]
    assert desk.window.backlog == places


@pytest.mark.parametrize("path", ["/messages/x", "/messages", "/ledger"])
async def test_a_read_that_takes_too_long_is_503(path: str, autojump_clock: MockClock) -> None:
    class Stuck(MemoryStore):
        async def get(self, message_id: str) -> Record | None:
            await trio.sleep_forever()

        async def find(self, wanted: Filter, limit: int) -> Any:
            await trio.sleep_forever()

        async def ledger(self) -> Ledger:
            await trio.sleep_forever()

    with trio.fail_after(READ_SECONDS + 1):
        answer = await Desk(opening=Stuck).ask("GET", path)
    assert (answer.status, answer.code) == (503, "store_unavailable")


async def test_a_cursor_that_no_list_gave_is_refused() -> None:
    for cursor in (Cursor(math.nan, 1), Cursor(math.inf, 1), Cursor(0.0, 2**63)):
        answer = await Desk().ask("GET", "/messages", query={"cursor": write_cursor(cursor)})
        assert (answer.status, answer.code) == (400, "parameter_invalid")


async def test_a_message_purged_meanwhile_is_404() -> None:
    class Purging(MemoryStore):
        async def cancel(self, message_id: str, at: float) -> bool:
            cancelled = await super().cancel(message_id, at)
            await self.purge(math.inf, 10)
            return cancelled

    desk = Desk(opening=Purging)
    message_id = await desk.send()
    assert (await desk.ask("POST", f"/messages/{message_id}/cancel")).status == 404
    assert desk.window.backlog == 0


@pytest.mark.parametrize("path", ["/messages/x/y", "/messages/", "/messages/x/cancel/", "/Send"])
async def test_other_paths_are_404(path: str) -> None:
    assert (await Desk().ask("GET", path)).code == "not_found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/messages/retry", "POST"),
        ("DELETE", "/messages/x", "GET"),
        ("GET", "/messages/x/cancel", "POST"),
        ("OPTIONS", "/messages", "GET"),
        ("POST", "/ledger", "GET"),
    ],
)
async def test_other_methods_are_405(method: str, path: str, allowed: str) -> None:
    answer = await Desk().ask(method, path)
    assert (answer.code, answer.headers["Allow"]) == ("method_not_allowed", allowed)
