"""`GET /alerts`: what is shown, and to whom."""

import pytest

from tests.desk import Desk, entry
from trio_wa.telemetry import timestamp

KEYS = ",".join(
    [
        entry("reader", "read"),
        entry("sender", "send"),
        entry("root", "admin"),
        entry("bound", "read+admin", "b"),
    ]
)


async def test_without_alerts_the_list_is_empty() -> None:
    answer = await Desk().ask("GET", "/alerts")
    assert (answer.status, answer.body) == (200, {"data": []})


async def test_alerts_are_shown_the_newest_first() -> None:
    desk = Desk()
    desk.alerts("session.timelock", "a", until=None, told_by_waha=True)
    desk.alerts("dispatch.paused", reasons="a: paused")
    newest, oldest = desk.alerts.latest()
    answer = await desk.ask("GET", "/alerts")
    assert answer.body["data"] == [
        {
            "alert": "dispatch.paused",
            "at": timestamp(newest.at),
            "session": None,
            "facts": {"reasons": "a: paused"},
        },
        {
            "alert": "session.timelock",
            "at": timestamp(oldest.at),
            "session": "a",
            "facts": {"until": None, "told_by_waha": True},
        },
    ]


@pytest.mark.parametrize(
    ("by", "sessions"), [("reader", [None, "b", "a"]), ("root", [None, "b", "a"]), ("bound", ["b"])]
)
async def test_a_key_sees_the_alerts_of_its_sessions(by: str, sessions: list[str | None]) -> None:
    desk = Desk(api_keys=KEYS)
    for session in ("a", "b", None):
        desk.alerts("breaker.open", session)
    answer = await desk.ask("GET", "/alerts", by=by)
    assert [each["session"] for each in answer.body["data"]] == sessions


@pytest.mark.parametrize(("by", "status"), [(None, 401), ("sender", 403)])
async def test_who_may_not_read_sees_no_alerts(by: str | None, status: int) -> None:
    desk = Desk(api_keys=KEYS)
    desk.alerts("breaker.open", "a")
    answer = await desk.ask("GET", "/alerts", by=by)
    assert (answer.status, "data" in answer.body) == (status, False)


async def test_alerts_are_only_read() -> None:
    answer = await Desk().ask("POST", "/alerts")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET")
