"""`/suppressions` over a fake list: what callers may read, keep and change of it."""

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.desk import Answer
from tests.fake_list import FakeList, FakeWaiting
from trio_wa.clock import Clock
from trio_wa.intake.caller import LOCAL
from trio_wa.intake.http import Request, Response
from trio_wa.intake.router import Route, Router
from trio_wa.intake.suppressions import Suppressions
from trio_wa.ports import Suppression
from trio_wa.telemetry import timestamp
from trio_wa.window import Window

NUMBER = "6281234567890@c.us"
PATH = "/suppressions/6281234567890"


class Bench:
    """The handlers behind a router, for a caller who may do everything."""

    def __init__(self, region: str | None = "ID") -> None:
        self.list = FakeList()
        self.window = Window(capacity=10, max_backlog=10, max_scheduled=10)
        self.waiting = FakeWaiting(self.window)
        self.clock = Clock()
        handlers = Suppressions(self.list, self.waiting, self.clock, region)
        one = {"GET": handlers.show, "PUT": handlers.add, "DELETE": handlers.remove}
        routes = {
            "/suppressions": {"GET": Route(handlers.list, "read", query="read")},
            "/suppressions/{number}": {
                method: Route(handler, "admin") for method, handler in one.items()
            },
        }
        self.router = Router(routes, lambda _request, _access: LOCAL)

    async def fetch(
        self, method: str, path: str = PATH, given: Any = None, **query: str
    ) -> Response:
        body = given if isinstance(given, bytes) else json.dumps(given).encode()
        return await self.router(Request(method, path, query, body=b"" if given is None else body))

    async def ask(self, *asking: Any, **query: str) -> Answer:
        response = await self.fetch(*asking, **query)
        return Answer(response.status, response.headers, json.loads(response.body))


async def test_who_is_put_on_the_list_is_shown(autojump_clock: MockClock) -> None:
    bench = Bench()
    assert (await bench.ask("GET")).code == "not_suppressed"
    since = timestamp(bench.clock.now())
    view = {
        "number": "6281234567890",
        "chat_id": NUMBER,
        "since": since,
        "reason": "asked by mail",
        "session": None,
    }
    answer = await bench.ask("PUT", PATH, {"reason": "asked by mail"})
    assert (answer.status, answer.body) == (201, {**view, "cancelled": 0})
    answer = await bench.ask("GET")
    assert (answer.status, answer.body) == (200, view)


async def test_who_stands_there_already_stays_there_as_they_are(autojump_clock: MockClock) -> None:
    bench = Bench()
    first = await bench.ask("PUT", PATH, {"reason": "asked by mail"})
    await trio.sleep(60)
    again = await bench.ask("PUT", PATH, {"reason": "asked again"})
    assert again.status == 200
    assert again.body == first.body


async def test_what_is_queued_for_them_is_cancelled() -> None:
    bench = Bench()
    bench.list.queued[NUMBER] = {"m": "bulk", "n": "scheduled"}
    for place in bench.list.queued[NUMBER].values():
        assert bench.window.reserve(place)
    answer = await bench.ask("PUT")
    assert answer.body["cancelled"] == 2
    assert answer.body["reason"] is None
    assert bench.waiting.discarded == ["m", "n"]
    assert bench.window.backlog + bench.window.places("scheduled").taken == 0
    assert (await bench.ask("PUT")).body["cancelled"] == 0


async def test_who_is_taken_off_is_not_there_any_more() -> None:
    bench = Bench()
    await bench.ask("PUT")
    response = await bench.fetch("DELETE")
    assert (response.status, response.body) == (204, b"")
    assert (await bench.ask("GET")).status == 404
    assert (await bench.ask("DELETE")).status == 404


@pytest.mark.parametrize(
    ("path", "chat_id"),
    [
        ("/suppressions/+62 812-3456-7890", NUMBER),
        ("/suppressions/0812-3456-7890", NUMBER),
        (f"/suppressions/{NUMBER}", NUMBER),
        ("/suppressions/123456789012345@lid", "123456789012345@lid"),
        ("/suppressions/12@c.us", "12@c.us"),  # whoever WAHA's webhooks named can be taken off it
    ],
)
async def test_a_number_is_read_as_to_is(path: str, chat_id: str) -> None:
    bench = Bench()
    assert (await bench.ask("PUT", path)).status == 201
    assert set(bench.list.listed) == {chat_id}
    assert (await bench.ask("GET", path)).body["chat_id"] == chat_id
    assert (await bench.fetch("DELETE", path)).status == 204


async def test_an_id_shows_no_number() -> None:
    answer = await Bench().ask("PUT", "/suppressions/123456789012345@lid")
    assert answer.body["number"] is None


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("120363025246125486@g.us", "must be a person's: a group or channel is on no list"),
        ("120363025246125486@newsletter", "must be a person's"),
        ("status@broadcast", "is not a chat id"),
        ("62812", "is too short for a number of its country"),
        ("Budi", "is not a phone number"),
    ],
)
async def test_what_is_no_person_s_is_refused_and_named(method: str, number: str, why: str) -> None:
    bench = Bench()
    answer = await bench.ask(method, f"/suppressions/{number}")
    assert (answer.status, answer.code) == (400, "parameter_invalid")
    (error,) = answer.body["errors"]
    assert error["field"] == "number"
    assert error["detail"].startswith(f"number {why}")
    assert bench.list.listed == {}


async def test_without_a_region_a_leading_zero_is_refused() -> None:
    answer = await Bench(region=None).ask("PUT", "/suppressions/081234567890")
    assert answer.status == 400
    assert "starts with 0" in answer.body["detail"]


@pytest.mark.parametrize("body", [None, b"", b" \n", {}, {"reason": None}])
async def test_a_reason_need_not_be_given(body: Any) -> None:
    answer = await Bench().ask("PUT", PATH, body)
    assert (answer.status, answer.body["reason"]) == (201, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 201}, "reason"),
        ({"reason": 7}, "reason"),
        (b'{"reason": "\\ud800"}', "body"),
        ({"why": "x"}, "why"),
        (b"[]", "body"),
        (b"{", "body"),
        (b"\xff", "body"),
        (b"[" * 100_000, "body"),
    ],
)
async def test_a_wrong_body_is_refused_and_its_member_named(body: Any, field: str) -> None:
    bench = Bench()
    answer = await bench.ask("PUT", PATH, body)
    assert (answer.status, answer.code) == (400, "parameter_invalid")
    assert [error["field"] for error in answer.body["errors"]] == [field]
    assert bench.list.listed == {}


async def test_the_list_comes_in_pages() -> None:
    bench = Bench()
    numbers = [f"62812345678{number:02}" for number in range(25)]
    for number in numbers:
        bench.list.listed[f"{number}@c.us"] = Suppression(f"{number}@c.us", 1_795_489_115.25)
    shown: list[str] = []
    query = {"limit": "10"}
    sizes = []
    while True:
        page = (await bench.ask("GET", "/suppressions", **query)).body
        shown += [each["number"] for each in page["data"]]
        sizes.append(len(page["data"]))
        if page["next_cursor"] is None:
            break
        query = {"limit": "10", "cursor": page["next_cursor"]}
    assert shown == numbers
    assert sizes == [10, 10, 5]


async def test_a_list_that_just_fills_a_page_has_no_next_one() -> None:
    bench = Bench()
    await bench.ask("PUT")
    page = (await bench.ask("GET", "/suppressions", limit="1")).body
    assert [each["chat_id"] for each in page["data"]] == [NUMBER]
    assert page["next_cursor"] is None
    assert (await Bench().ask("GET", "/suppressions")).body == {"data": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"cursor": ""}, "cursor"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "é"}, "cursor"),
        ({"cursor": "_____w"}, "cursor"),
        ({"cursor": "aGVsbG8"}, "cursor"),
        ({"number": "1"}, "number"),
    ],
)
async def test_a_wrong_parameter_of_the_list_is_refused(query: dict[str, str], field: str) -> None:
    answer = await Bench().ask("GET", "/suppressions", **query)
    assert (answer.status, answer.code) == (400, "parameter_invalid")
    assert [error["field"] for error in answer.body["errors"]] == [field]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_list_that_cannot_be_written_is_503_and_changes_nothing(method: str) -> None:
    bench = Bench()
    bench.list.queued[NUMBER] = {"m": "normal"}
    bench.list.refusals = 1
    answer = await bench.ask(method)
    assert (answer.status, answer.code) == (503, "store_unavailable")
    assert bench.waiting.discarded == []
