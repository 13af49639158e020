"""`/sessions`: what is shown of each, and what an admin may do to it."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.desk import Desk, entry, session
from trio_wa.intake.recording import READ_SECONDS
from trio_wa.ports import Activity, Picture, Refusal, SessionView, StoreUnavailable
from trio_wa.telemetry import timestamp

KEYS = ",".join(
    [entry("reader", "read"), entry("root", "admin"), entry("bound", "read+admin", "b")]
)
ACTIONS = [("POST", "pause"), ("POST", "resume"), ("POST", "restart"), ("GET", "qr")]


async def shown(desk: Desk, name: str, **asking: Any) -> dict[str, Any]:
    sessions = (await desk.ask("GET", "/sessions", **asking)).body["data"]
    found: dict[str, Any] = {each["name"]: each for each in sessions}[name]
    return found


async def test_a_session_is_shown_with_all_that_is_known_of_it() -> None:
    desk = Desk()
    since = desk.clock.now()
    desk.sessions.views["a"] = SessionView(
        name="a",
        status="SCAN_QR_CODE",
        since=since,
        paused=True,
        in_flight=3,
        activity=Activity(minute=1, hour=3, day=70, confirmed=2),
        acks_seen=True,
        webhooks="silent",
        message_ids=True,
        look_ups=False,
        obstacle="session_not_working",
        ghost=True,
        breaker="half_open",
        next_send_at=since + 2,
        next_new_contact_at=since + 30,
        daily_cap=20,
        locked_until=since + 3600,
    )
    assert await shown(desk, "a") == {
        "name": "a",
        "status": "SCAN_QR_CODE",
        "since": timestamp(since),
        "paused": True,
        "in_flight": 3,
        "sent": {"minute": 1, "hour": 3, "day": 70},
        "confirmed_share": 0.667,
        "webhooks": "silent",
        "message_ids": True,
        "look_ups": False,
        "obstacle": "session_not_working",
        "ghost": True,
        "breaker": "half_open",
        "timelock_until": timestamp(since + 3600),
        "next_send_at": timestamp(since + 2),
        "next_new_contact_at": timestamp(since + 30),
        "daily_cap": 20,
    }


async def test_what_is_not_known_of_a_session_is_null_and_its_status_unreadable() -> None:
    desk = Desk()
    desk.sessions.views["b"] = session("b", status=None)
    view = await shown(desk, "b")
    assert view["status"] == "UNREADABLE"
    for name in ("since", "confirmed_share", "message_ids", "look_ups", "obstacle"):
        assert view[name] is None
    for name in ("timelock_until", "next_send_at", "next_new_contact_at", "daily_cap"):
        assert view[name] is None
    assert (view["ghost"], view["breaker"]) == (False, "closed")


@pytest.mark.parametrize(
    ("acks_seen", "activity", "share"),
    [
        (True, Activity(hour=8, day=8, confirmed=0), 0.0),
        (True, Activity(hour=8, day=8, confirmed=8), 1.0),
        (True, Activity(hour=0, day=8, confirmed=0), None),
        (False, Activity(hour=8, day=8, confirmed=0), None),
    ],
)
async def test_a_share_is_shown_where_there_is_one(
    acks_seen: bool, activity: Activity, share: float | None
) -> None:
    desk = Desk()
    desk.sessions.views["a"] = session("a", acks_seen=acks_seen, activity=activity)
    assert (await shown(desk, "a"))["confirmed_share"] == share


async def test_sessions_are_listed_in_their_order_and_a_bound_key_sees_its_own() -> None:
    desk = Desk(api_keys=KEYS)
    for by, names in (("reader", ["a", "b"]), ("root", ["a", "b"]), ("bound", ["b"])):
        answer = await desk.ask("GET", "/sessions", by=by)
        assert answer.status == 200
        assert [each["name"] for each in answer.body["data"]] == names


async def test_a_paused_session_is_shown_as_paused_until_it_is_resumed() -> None:
    desk = Desk()
    for action, paused in (("pause", True), ("pause", True), ("resume", False)):
        answer = await desk.ask("POST", f"/sessions/a/{action}")
        assert (answer.status, answer.body["name"]) == (200, "a")
        assert answer.body["paused"] == (await shown(desk, "a"))["paused"] == paused
    assert desk.sessions.asked == [("pause", "a"), ("pause", "a"), ("resume", "a")]


@pytest.mark.parametrize(("action", "paused"), [("pause", False), ("resume", True)])
async def test_a_pause_or_its_end_that_is_not_recorded_is_503(action: str, paused: bool) -> None:
    desk = Desk()
    desk.sessions.views["a"] = session("a", paused=paused)
    desk.sessions.problem = StoreUnavailable("the disk is full")
    answer = await desk.ask("POST", f"/sessions/a/{action}")
    assert (answer.status, answer.code) == (503, "store_unavailable")
    assert answer.headers["Retry-After"] == "1"
    assert (await shown(desk, "a"))["paused"] == paused


async def test_a_restart_is_202_with_the_session() -> None:
    desk = Desk()
    answer = await desk.ask("POST", "/sessions/b/restart")
    assert (answer.status, answer.body) == (202, await shown(desk, "b"))
    assert desk.sessions.asked == [("restart", "b")]


async def test_the_picture_that_links_a_phone_is_handed_on_and_never_kept() -> None:
    desk = Desk()
    desk.sessions.picture = Picture("image/jpeg", b"\xff\xd8")
    response = await desk.fetch("GET", "/sessions/a/qr")
    assert (response.status, response.body) == (200, b"\xff\xd8")
    assert response.headers == {"Content-Type": "image/jpeg", "Cache-Control": "no-store"}


@pytest.mark.parametrize(("method", "action"), [("POST", "restart"), ("GET", "qr")])
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("session_missing", 404),
        ("session_not_scanning", 409),
        ("waha_unavailable", 503),
        ("waha_refused", 502),
    ],
)
async def test_what_waha_refuses_is_told_by_its_code(
    method: str, action: str, code: str, status: int
) -> None:
    desk = Desk()
    desk.sessions.refusal = Refusal(code, "because")
    answer = await desk.ask(method, f"/sessions/a/{action}")
    assert (answer.status, answer.code, answer.body["detail"]) == (status, code, "because")
    assert answer.headers.get("Retry-After") == ("1" if status == 503 else None)


@pytest.mark.parametrize(("method", "action"), ACTIONS)
@pytest.mark.parametrize("name", ["c", "A", "..", "\0", "\ud800", "x" * 1000])
async def test_an_unknown_session_is_404_and_nothing_is_done(
    method: str, action: str, name: str
) -> None:
    desk = Desk()
    answer = await desk.ask(method, f"/sessions/{name}/{action}")
    assert (answer.status, answer.code) == (404, "session_not_found")
    assert desk.sessions.asked == []


@pytest.mark.parametrize(("method", "action"), ACTIONS)
async def test_a_session_to_which_a_key_is_not_bound_does_not_exist_for_it(
    method: str, action: str
) -> None:
    desk = Desk(api_keys=KEYS)
    other = await desk.ask(method, f"/sessions/a/{action}", by="bound")
    unknown = await desk.ask(method, f"/sessions/c/{action}", by="bound")
    assert (other.status, other.code) == (404, unknown.code)
    assert desk.sessions.asked == []
    assert (await desk.fetch(method, f"/sessions/b/{action}", by="bound")).status in (200, 202)


async def test_sessions_that_take_too_long_to_show_are_503(autojump_clock: MockClock) -> None:
    async def stuck() -> list[SessionView]:
        await trio.sleep_forever()

    desk = Desk()
    desk.sessions.view = stuck  # type: ignore[method-assign]  # a fake of the fake
    with trio.fail_after(READ_SECONDS + 1):
        answer = await desk.ask("GET", "/sessions")
    assert (answer.status, answer.code) == (503, "store_unavailable")


async def test_a_client_that_hangs_up_does_not_tear_a_pause(autojump_clock: MockClock) -> None:
    desk = Desk()
    pause = desk.sessions.pause

    async def slow(name: str) -> None:
        await trio.sleep(1)
        await pause(name)

    desk.sessions.pause = slow  # type: ignore[method-assign]  # a fake of the fake
    with trio.move_on_after(0.5):
        await desk.ask("POST", "/sessions/a/pause")
    assert desk.sessions.asked == [("pause", "a")]
