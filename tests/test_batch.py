"""`POST /send/batch`: many messages in one request, each accepted or refused by itself."""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from tests.desk import Answer, Desk, entry
from tests.fakes import cancelled_at
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.core.content import Text
from trio_wa.core.retry import Final
from trio_wa.core.status import Status
from trio_wa.ports import Acceptance, Draft, StoreUnavailable, Suppression
from trio_wa.telemetry import timestamp


def to(number: int) -> str:
    """One of many numbers that can exist."""
    return f"62812345{number:05}"


def messages(count: int, **members: Any) -> list[dict[str, Any]]:
    return [{"to": to(number), "message": f"Hello {number}", **members} for number in range(count)]


async def post(desk: Desk, batch: object, **asking: Any) -> Answer:
    return await desk.ask("POST", "/send/batch", given=batch, **asking)


def codes(answer: Answer) -> list[str]:
    """What came of each: its status, or the code of its refusal."""
    return [result.get("code", result["status"]) for result in answer.body["results"]]


async def test_a_batch_is_accepted_in_its_order_under_one_id() -> None:
    desk = Desk(backlog=1_000)
    answer = await post(desk, messages(1_000))
    assert answer.status == 202
    assert (answer.body["status"], answer.body["message"]) == ("queued", "Pesan masuk antrean")
    assert (answer.body["accepted"], answer.body["refused"]) == (1_000, 0)
    assert answer.headers["Location"] == f"/batches/{answer.body['id']}"
    published = desk.published()
    assert [each.content for each in published] == [Text(f"Hello {n}") for n in range(1_000)]
    assert [each.id for each in published] == [each["id"] for each in answer.body["results"]]
    assert desk.window.backlog == 1_000


@pytest.mark.parametrize(
    "headers", [{}, {"content-type": "application/x-ndjson"}, {"content-type": "text/plain"}]
)
async def test_a_batch_can_be_one_message_a_line(headers: dict[str, str]) -> None:
    lines = "\n".join(json.dumps(each) for each in messages(3)) + "\n"
    desk = Desk()
    answer = await post(desk, lines.encode(), headers=headers)
    assert (answer.status, codes(answer)) == (202, ["queued"] * 3)


async def test_what_is_wrong_with_one_refuses_that_one_alone() -> None:
    desk = Desk(api_keys=entry("shop", "send", "b"))
    batch = [
        {"to": to(1), "message": "Hello"},
        {"to": "nobody", "message": ""},
        {"to": to(2), "message": "Hello", "session": "a"},
        7,
        {"to": to(3), "message": "Hello"},
    ]
    answer = await post(desk, batch, by="shop")
    assert answer.status == 202
    assert codes(answer) == [
        "queued",
        "payload_invalid",
        "session_forbidden",
        "payload_invalid",
        "queued",
    ]
    fields = [error["field"] for error in answer.body["results"][1]["errors"]]
    assert fields == ["to", "message"]
    assert (answer.body["accepted"], answer.body["refused"]) == (2, 3)
    assert desk.window.backlog == 2


async def test_what_finds_no_place_is_refused_and_the_others_go_on() -> None:
    desk = Desk(backlog=2)
    answer = await post(desk, messages(3))
    assert (answer.status, codes(answer)) == (202, ["queued", "queued", "queue_full"])
    again = await post(desk, messages(1))
    assert (again.status, again.body["code"]) == (503, "queue_full")
    assert again.headers["Retry-After"] == "1"
    assert desk.window.backlog == 2


async def test_each_lane_has_places_of_its_own() -> None:
    desk = Desk(backlog=1)
    batch = [
        {"to": to(n), "message": "Hello", "priority": priority}
        for n, priority in enumerate(["bulk", "bulk", "urgent", "normal", "urgent"])
    ]
    answer = await post(desk, batch)
    assert codes(answer) == ["queued", "queue_full", "queued", "queued", "queue_full"]


async def test_a_batch_of_which_nothing_is_right_has_no_id() -> None:
    desk = Desk()
    answer = await post(desk, [{"to": "nobody"}])
    assert answer.status == 202
    assert (answer.body["status"], answer.body["id"], answer.body["accepted"]) == (
        "refused",
        None,
        0,
    )
    assert "Location" not in answer.headers


@pytest.mark.parametrize("batch", [b"", b"[]", b"\n\n", b"[1, 2", messages(1_001)])
async def test_what_is_no_batch_is_refused_whole(batch: object) -> None:
    desk = Desk(backlog=5_000)
    answer = await post(desk, batch)
    assert (answer.status, answer.body["code"]) == (400, "payload_invalid")
    assert [error["field"] for error in answer.body["errors"]] == ["body"]
    assert desk.window.backlog == 0


async def test_a_dry_run_only_validates() -> None:
    desk = Desk()
    batch = [*messages(2), {"to": "nobody", "message": "Hello"}]
    answer = await post(desk, batch, query={"dry_run": "true"})
    assert answer.status == 200
    assert (answer.body["valid"], answer.body["refused"]) == (2, 1)
    assert codes(answer) == ["valid", "valid", "payload_invalid"]
    assert desk.published() == []
    assert (desk.window.backlog, (await desk.store.ledger()).accepted) == (0, 0)
    wrong = await post(desk, batch, query={"dry_run": "maybe"})
    assert (wrong.status, wrong.body["errors"][0]["field"]) == (400, "dry_run")
    for mistyped in ({"dryrun": "true"}, {"dry_run": "true", "dry": ""}):
        wrong = await post(desk, batch, query=mistyped)
        assert wrong.status == 400
        assert wrong.body["errors"][0]["detail"].endswith("is no parameter here: there is dry_run")
    assert desk.published() == []


async def test_a_batch_that_is_sent_again_replays_what_was_accepted() -> None:
    desk = Desk(backlog=2)
    asking = {"headers": {"idempotency-key": "campaign-7"}}
    first = await post(desk, messages(3), **asking)
    assert codes(first) == ["queued", "queued", "queue_full"]
    desk.window.places("normal").limit = 100
    again = await post(desk, messages(3), **asking)
    assert codes(again) == ["queued"] * 3
    ids = [[result["id"] for result in each.body["results"][:2]] for each in (first, again)]
    assert ids[0] == ids[1]
    assert [result.get("replayed") for result in again.body["results"]] == [True, True, None]
    assert first.body["id"] == again.body["id"]
    assert desk.window.backlog == (await desk.store.ledger()).accepted == 3


async def test_a_replay_needs_no_place() -> None:
    desk = Desk(backlog=2)
    asking = {"headers": {"idempotency-key": "campaign-7"}}
    first = await post(desk, messages(2), **asking)
    again = await post(desk, messages(2), **asking)
    assert (again.status, codes(again)) == (202, ["queued", "queued"])
    assert [each["id"] for each in again.body["results"]] == [
        each["id"] for each in first.body["results"]
    ]


async def test_a_key_with_another_payload_refuses_what_differs() -> None:
    desk = Desk()
    asking = {"headers": {"idempotency-key": "campaign-7"}}
    await post(desk, messages(2), **asking)
    changed = messages(2)
    changed[1]["message"] = "Goodbye"
    answer = await post(desk, changed, **asking)
    assert codes(answer) == ["queued", "idempotency_key_reused"]


async def test_the_keys_of_two_callers_are_two_batches() -> None:
    desk = Desk(api_keys=f"{entry('a', 'send')},{entry('b', 'send')}")
    asking = {"headers": {"idempotency-key": "k"}}
    first, second = [await post(desk, messages(1), by=name, **asking) for name in "ab"]
    assert first.body["id"] != second.body["id"]
    assert first.body["results"][0]["id"] != second.body["results"][0]["id"]


async def test_who_wants_no_messages_gets_none() -> None:
    desk = Desk()
    await desk.store.suppress(Suppression(f"{to(1)}@c.us", desk.clock.now()))
    answer = await post(desk, messages(3))
    assert codes(answer) == ["queued", "suppressed", "queued"]
    assert desk.window.backlog == 2


async def test_the_store_is_written_once(autojump_clock: trio.testing.MockClock) -> None:
    class Noting(MemoryStore):
        transactions: tuple[int, ...] = ()

        async def accept_all(self, drafts: Sequence[Draft]) -> Sequence[Acceptance]:
            self.transactions += (len(drafts),)
            return await super().accept_all(drafts)

    desk = Desk(opening=Noting)
    await post(desk, messages(50))
    assert isinstance(desk.store, Noting)
    assert desk.store.transactions == (50,)


async def test_a_store_that_fails_refuses_the_whole_and_keeps_no_place() -> None:
    class Failing(MemoryStore):
        async def accept_all(self, drafts: Sequence[Draft]) -> Sequence[Acceptance]:
            await trio.lowlevel.checkpoint()
            raise StoreUnavailable("the disk is full")

    desk = Desk(opening=Failing)
    answer = await post(desk, messages(50))
    assert (answer.status, answer.body["code"]) == (503, "store_unavailable")
    assert desk.window.backlog == 0


async def test_a_hang_up_at_any_await_keeps_places_and_ledger_equal(
    autojump_clock: trio.testing.MockClock,
) -> None:
    for step in range(1, 12):
        desk = Desk()
        reached = await cancelled_at(step, partial(post, desk, messages(5)))
        accepted = (await desk.store.ledger()).accepted
        assert desk.window.backlog == accepted == len(desk.published())
        assert accepted in (0, 5)
        if not reached:
            break
    else:
        raise AssertionError("it never ran to its end")


async def test_each_says_when_it_leaves_behind_those_before_it() -> None:
    desk = Desk()
    desk.dispatch.estimated_at = desk.clock.now() + 60
    answer = await post(desk, messages(3))
    assert all("estimated_at" in each for each in answer.body["results"])
    assert desk.dispatch.estimated == desk.published()


async def test_a_batch_shows_how_its_messages_stand() -> None:
    desk = Desk(api_keys=f"{entry('shop', 'send+read')},{entry('other', 'read')}")
    later = desk.clock.now() + 3600
    batch = [*messages(3), {"to": to(9), "message": "Later", "send_at": timestamp(later)}]
    accepted = await post(desk, batch, by="shop")
    path = f"/batches/{accepted.body['id']}"
    [first, *_] = desk.published()
    assert await desk.store.begin(first, "a", desk.clock.now())
    shown = await desk.ask("GET", path, by="shop")
    assert shown.status == 200
    assert (shown.body["total"], shown.body["scheduled"]) == (4, 1)
    counts = {name: n for name, n in shown.body["counts"].items() if n}
    assert counts == {"queued": 3, "sending": 1}
    assert (await desk.ask("GET", path, by="other")).status == 404
    listed = await desk.ask("GET", "/messages", by="shop", query={"batch": accepted.body["id"]})
    assert len(listed.body["data"]) == 4
    assert {each["batch"] for each in listed.body["data"]} == {accepted.body["id"]}


async def test_a_cancelled_batch_sends_no_more_and_gives_its_places_back() -> None:
    desk = Desk(backlog=1_000)
    later = desk.clock.now() + 3600
    batch = [
        *messages(500),
        *({"to": to(900 + n), "message": "x", "send_at": timestamp(later)} for n in range(3)),
        *({"to": to(950 + n), "message": "x", "priority": "bulk"} for n in range(3)),
    ]
    other = await desk.send()
    accepted = await post(desk, batch)
    [_, first, *_] = desk.published()
    assert await desk.store.begin(first, "a", desk.clock.now())
    answer = await desk.ask("POST", f"/batches/{accepted.body['id']}/cancel")
    assert answer.status == 200
    assert answer.body["cancelled"] == 505
    assert answer.body["counts"]["cancelled"] == 505
    assert answer.body["counts"]["sending"] == 1
    assert desk.window.places("normal").taken == 2
    assert desk.window.places("bulk").taken == desk.window.places("scheduled").taken == 0
    assert len(desk.dispatch.discarded) == 505
    ledger = await desk.store.ledger()
    assert ledger.balanced
    assert ledger.counts[Status.CANCELLED] == 505
    record = await desk.store.get(other)
    assert record is not None
    assert record.status is Status.QUEUED
    again = await desk.ask("POST", f"/batches/{accepted.body['id']}/cancel")
    assert again.body["cancelled"] == 0


@pytest.mark.parametrize("name", ["nobody", "0" * 36, "a" * 300])
async def test_what_is_no_batch_is_not_found(name: str) -> None:
    desk = Desk()
    for method, path in (("GET", ""), ("POST", "/cancel")):
        answer = await desk.ask(method, f"/batches/{name}{path}")
        assert (answer.status, answer.body["code"]) == (404, "batch_not_found")


async def test_what_failed_of_a_batch_is_retried_without_what_failed_elsewhere() -> None:
    desk = Desk()
    accepted = await post(desk, messages(2))
    elsewhere = await desk.send()
    for message in desk.published():
        await desk.attempt(message, Final(Status.FAILED, "why", "because", None))
    query = {"status": "failed", "batch": accepted.body["id"]}
    answer = await desk.ask("POST", "/messages/retry", query=query)
    assert (answer.status, answer.body) == (202, {"queued": 2, "remaining": 0})
    assert [each.id for each in desk.published()] == [
        each["id"] for each in accepted.body["results"]
    ]
    left = await desk.store.get(elsewhere)
    assert left is not None
    assert left.status is Status.FAILED
