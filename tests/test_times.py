"""When a message may leave: `send_at`, `expires_at`, `ttl`, and what is refused for them."""

from typing import Any

import pytest

from tests.desk import Answer, Desk
from trio_wa.telemetry import timestamp

DAY = 86_400.0


async def send(desk: Desk, **members: Any) -> Answer:
    given = {"to": "6281234567890", "message": "Hello", **members}
    return await desk.ask("POST", "/send", given=given)


async def test_a_scheduled_message_says_when_it_leaves_and_waits_in_the_store() -> None:
    desk = Desk()
    now = float(int(desk.clock.now()))
    answer = await send(desk, send_at=timestamp(now + 3600))
    assert answer.status == 202
    assert answer.body["estimated_at"] == timestamp(now + 3600)
    assert desk.published() == []
    assert (desk.window.backlog, desk.window.places("scheduled").taken) == (0, 1)
    shown = await desk.ask("GET", f"/messages/{answer.body['id']}")
    assert shown.body["status"] == "queued"
    assert shown.body["waiting_for"] == "schedule"
    assert shown.body["next_attempt_at"] == shown.body["send_at"] == timestamp(now + 3600)


async def test_what_is_scheduled_for_the_past_goes_at_once() -> None:
    desk = Desk()
    answer = await send(desk, send_at=timestamp(desk.clock.now() - 60))
    assert answer.status == 202
    assert [each.id for each in desk.published()] == [answer.body["id"]]


async def test_its_time_to_live_counts_from_when_it_is_sent() -> None:
    desk = Desk(message_ttl="2h")
    now = float(int(desk.clock.now()))
    for members, expires_at in [
        ({"send_at": timestamp(now + 600)}, now + 600 + 7200),
        ({"send_at": timestamp(now + 600), "ttl": 60}, now + 660),
        ({"send_at": timestamp(now + 600), "expires_at": timestamp(now + 900)}, now + 900),
        ({"expires_at": timestamp(now + 30)}, now + 30),
    ]:
        accepted = await send(desk, **members)
        assert accepted.status == 202, accepted.body
        record = await desk.store.get(accepted.body["id"])
        assert record is not None
        assert record.expires_at == pytest.approx(expires_at, abs=0.002)


async def test_a_ttl_without_a_schedule_counts_from_now() -> None:
    desk = Desk()
    accepted = await send(desk, ttl="5m")
    record = await desk.store.get(accepted.body["id"])
    assert record is not None
    assert record.expires_at == pytest.approx(record.accepted_at + 300)


async def test_what_is_too_late_already_is_refused() -> None:
    desk = Desk()
    answer = await send(desk, expires_at=timestamp(desk.clock.now() - 1))
    assert (answer.status, answer.body["code"]) == (422, "cannot_meet_ttl")
    assert answer.body["errors"] == [{"field": "expires_at", "detail": answer.body["detail"]}]
    assert answer.body["detail"].startswith("expires_at is past, ")  # no priority would help
    assert (await send(desk, expires_at="1970-01-01T00:00:00Z")).status == 422
    assert desk.window.backlog == 0


async def test_what_cannot_leave_in_time_is_refused_though_it_were_queued() -> None:
    desk = Desk()
    desk.dispatch.estimated_at = desk.clock.now() + 61
    answer = await send(desk, ttl=60)
    assert (answer.status, answer.body["code"]) == (422, "cannot_meet_ttl")
    assert timestamp(desk.dispatch.estimated_at) in answer.body["detail"]
    assert answer.body["errors"] == [{"field": "ttl", "detail": answer.body["detail"]}]
    by_then = timestamp(desk.clock.now() + 60)
    [error] = (await send(desk, expires_at=by_then)).body["errors"]
    assert error["field"] == "expires_at"
    assert desk.window.backlog == 0
    desk.dispatch.estimated_at = desk.clock.now() + 59
    assert (await send(desk, ttl=60)).status == 202


async def test_what_is_late_to_a_new_contact_alone_goes_to_known_ones() -> None:
    desk = Desk()
    desk.dispatch.estimated_at, desk.dispatch.new_after = desk.clock.now() + 10, 60.0
    new_at = timestamp(desk.dispatch.estimated_at + 60)
    late = await send(desk, ttl=60)
    assert (late.status, late.body["code"]) == (422, "cannot_meet_ttl")
    assert new_at in late.body["detail"]
    assert desk.window.backlog == 0
    assert (await send(desk, ttl=75)).status == 202
    await desk.store.remember_recipient("b", "6281234567890@c.us")
    assert (await send(desk, ttl=60)).status == 202
    assert (await send(desk, ttl=60, session="b")).status == 202
    assert (await send(desk, ttl=60, session="a")).status == 422
    assert (await send(desk, ttl=9)).status == 422
    assert desk.window.backlog == 3


async def test_a_replay_is_answered_though_it_would_be_late_to_a_new_contact_by_now() -> None:
    desk = Desk()
    asking: dict[str, Any] = {
        "given": {"to": "6281234567890", "message": "Hello", "ttl": 60},
        "headers": {"idempotency-key": "k"},
    }
    first = await desk.ask("POST", "/send", **asking)
    desk.dispatch.estimated_at, desk.dispatch.new_after = desk.clock.now(), DAY
    again = await desk.ask("POST", "/send", **asking)
    assert (again.status, again.body["id"]) == (202, first.body["id"])
    asking["headers"] = {"idempotency-key": "another"}
    refused = await desk.ask("POST", "/send", **asking)
    assert (refused.status, refused.body["code"]) == (422, "cannot_meet_ttl")
    desk.dispatch.new_after = 0.0
    accepted = await desk.ask("POST", "/send", **asking)
    assert accepted.status == 202
    assert "Idempotency-Replayed" not in accepted.headers


async def test_the_queue_of_today_says_nothing_of_a_scheduled_message() -> None:
    desk = Desk()
    desk.dispatch.estimated_at = desk.clock.now() + 7200
    answer = await send(desk, ttl=60, send_at=timestamp(desk.clock.now() + 3600))
    assert answer.status == 202


async def test_a_replay_is_answered_though_its_time_is_over_or_the_queue_full() -> None:
    desk = Desk(backlog=1)
    asking: dict[str, Any] = {
        "given": {"to": "6281234567890", "message": "Hello", "ttl": 60},
        "headers": {"idempotency-key": "k"},
    }
    first = await desk.ask("POST", "/send", **asking)
    full = await desk.ask("POST", "/send", **asking)
    desk.dispatch.estimated_at = desk.clock.now() + DAY
    late = await desk.ask("POST", "/send", **asking)
    for again in (full, late):
        assert (again.status, again.body["id"]) == (202, first.body["id"])
        assert again.headers["Idempotency-Replayed"] == "true"
    asking["given"]["message"] = "Other"
    reused = await desk.ask("POST", "/send", **asking)
    assert (reused.status, reused.body["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"send_at": 400 * DAY}, "send_at"),
        ({"send_at": 3600.0, "expires_at": 3600.0}, "expires_at"),
        ({"send_at": 3600.0, "expires_at": 60.0}, "expires_at"),
    ],
)
async def test_times_that_cannot_be_meant_are_refused(
    members: dict[str, float], field: str
) -> None:
    desk = Desk()
    now = desk.clock.now()
    answer = await send(desk, **{name: timestamp(now + each) for name, each in members.items()})
    assert (answer.status, answer.body["code"]) == (400, "payload_invalid")
    assert [error["field"] for error in answer.body["errors"]] == [field]


async def test_a_full_schedule_refuses_with_the_setting_and_urgent_ones_go_on() -> None:
    desk = Desk()
    desk.window.places("scheduled").limit = 1
    later = timestamp(desk.clock.now() + 3600)
    assert (await send(desk, send_at=later)).status == 202
    refused = await send(desk, send_at=later)
    assert (refused.status, refused.body["code"]) == (503, "schedule_full")
    assert "MAX_SCHEDULED" in refused.body["detail"]
    assert (await send(desk)).status == 202


async def test_a_cancelled_schedule_gives_its_own_place_back() -> None:
    desk = Desk()
    accepted = await send(desk, send_at=timestamp(desk.clock.now() + 3600), priority="bulk")
    answer = await desk.ask("POST", f"/messages/{accepted.body['id']}/cancel")
    assert answer.status == 200
    assert desk.window.places("scheduled").taken == desk.window.places("bulk").taken == 0


async def test_the_callers_own_metadata_comes_back() -> None:
    desk = Desk()
    metadata = {"order": 7, "kata": "terima kasih", "deep": {"a": [1, None, True]}}
    accepted = await send(desk, metadata=metadata, priority="urgent")
    shown = await desk.ask("GET", f"/messages/{accepted.body['id']}")
    assert shown.body["metadata"] == metadata
    assert (shown.body["type"], shown.body["priority"]) == ("text", "urgent")
