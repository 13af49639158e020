import hashlib
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.desk import Answer, Desk, entry
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.intake.idempotency import BadKey, InFlight, fingerprint, read_key
from trio_wa.ports import Acceptance, Draft, StoreUnavailable

HELLO = {"to": "6281234567890", "message": "Hello"}


class SlowStore(MemoryStore):
    """Takes a second to accept."""

    async def accept(self, draft: Draft) -> Acceptance:
        await trio.sleep(1)
        return await super().accept(draft)


async def send(desk: Desk, key: str, given: Any = HELLO, by: str | None = None) -> Answer:
    return await desk.ask("POST", "/send", given=given, headers={"idempotency-key": key}, by=by)


async def test_the_same_request_again_gets_the_first_answer_and_records_nothing() -> None:
    desk = Desk()
    first = await send(desk, "k-1")
    again = await send(desk, "k-1")
    assert (first.status, again.status) == (202, 202)
    assert first.body == again.body
    assert first.headers["Location"] == again.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(desk.published()) == 1
    assert desk.window.backlog == 1


async def test_a_key_in_quotes_is_the_bare_key() -> None:
    desk = Desk()
    await send(desk, '"k-1"')
    assert (await send(desk, "k-1")).headers["Idempotency-Replayed"] == "true"


async def test_another_payload_under_the_same_key_is_422() -> None:
    desk = Desk()
    await send(desk, "k")
    for change in ({"message": "Hullo"}, {"to": "6281234567891"}, {"session": "a"}):
        answer = await send(desk, "k", HELLO | change)
        assert (answer.status, answer.code) == (422, "idempotency_key_reused")
        assert [error["field"] for error in answer.body["errors"]] == ["Idempotency-Key"]
    assert len(desk.published()) == 1
    assert desk.window.backlog == 1


async def test_what_a_payload_says_counts_and_not_how_it_is_written() -> None:
    desk = Desk()
    await send(desk, "k", {"to": "6281234567890", "message": "Hello", "session": ["a", "b"]})
    same = b'{"session":["b","a"], "x":1, "message":"Hello","to":"+62 812-3456-7890"}'
    assert (await send(desk, "k", same)).headers["Idempotency-Replayed"] == "true"


async def test_what_a_message_chose_counts_where_it_chose() -> None:
    desk = Desk()
    plain, chosen = {"on_unknown": None}, {"on_unknown": "resend"}
    await send(desk, "plain")
    await send(desk, "chosen", HELLO | chosen)
    assert (await send(desk, "plain", HELLO | plain)).headers["Idempotency-Replayed"] == "true"
    assert (await send(desk, "chosen", HELLO | chosen)).headers["Idempotency-Replayed"] == "true"
    for key, change in (("plain", chosen), ("chosen", plain), ("chosen", {"on_unknown": "hold"})):
        assert (await send(desk, key, HELLO | change)).code == "idempotency_key_reused"


async def test_a_key_that_an_earlier_version_recorded_is_still_the_same() -> None:
    prints: list[str] = []

    class Noting(MemoryStore):
        async def accept(self, draft: Draft) -> Acceptance:
            assert draft.key is not None
            prints.append(draft.key.fingerprint)
            return await super().accept(draft)

    await send(Desk(opening=Noting), "k", HELLO | {"session": "a"})
    text = '["6281234567890@c.us","Hello",["a"]]'
    assert prints == [hashlib.sha256(text.encode()).hexdigest()]


async def test_a_request_without_a_key_is_always_new() -> None:
    desk = Desk()
    assert await desk.send() != await desk.send()


async def test_a_refused_request_leaves_its_key_free() -> None:
    desk = Desk(backlog=1)
    assert (await send(desk, "k", {"to": "x"})).status == 400
    message_id = await desk.send()
    assert (await send(desk, "k")).status == 503
    await desk.ask("POST", f"/messages/{message_id}/cancel")
    answer = await send(desk, "k")
    assert answer.status == 202
    assert "Idempotency-Replayed" not in answer.headers


async def test_while_the_first_is_in_flight_the_same_key_is_409(
    autojump_clock: MockClock,
) -> None:
    desk = Desk(opening=SlowStore)
    answers: list[Answer] = []

    async def ask() -> None:
        answers.append(await send(desk, "k"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.sleep(0.5)
        early = await send(desk, "k")
        nursery.start_soon(send, desk, "k-2")
    assert (early.status, early.code) == (409, "idempotency_in_flight")
    assert early.headers["Retry-After"] == "1"
    assert answers[0].status == 202
    assert (await send(desk, "k")).headers["Idempotency-Replayed"] == "true"
    assert desk.window.backlog == 2


async def test_a_caller_that_hung_up_finds_its_message_by_the_key(
    autojump_clock: MockClock,
) -> None:
    desk = Desk(opening=SlowStore)
    with trio.move_on_after(0.5) as hangup:
        await send(desk, "k")
    assert hangup.cancelled_caught or trio.current_time() == 1.0
    (message,) = desk.published()
    again = await send(desk, "k")
    assert again.body["id"] == message.id
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_a_record_that_fails_lets_go_of_the_key() -> None:
    class Failing(MemoryStore):
        async def accept(self, draft: Draft) -> Acceptance:
            raise StoreUnavailable("the disk is full")

    desk = Desk(opening=Failing)
    for _ in range(2):
        answer = await send(desk, "k")
        assert (answer.status, answer.code) == (503, "store_unavailable")
    assert desk.window.backlog == 0


async def test_an_unforeseen_error_lets_go_of_the_key_and_the_place() -> None:
    class Failing(MemoryStore):
        async def accept(self, draft: Draft) -> Acceptance:
            raise RuntimeError("a bug")

    desk = Desk(opening=Failing)
    for _ in range(2):
        assert (await send(desk, "k")).status == 500
    assert desk.window.backlog == 0


async def test_each_owner_has_keys_of_its_own() -> None:
    desk = Desk(api_keys=f"{entry('shop', 'send')},{entry('bank', 'send')}")
    first = await send(desk, "k", by="shop")
    other = await send(desk, "k", HELLO | {"message": "Hullo"}, by="bank")
    assert (first.status, other.status) == (202, 202)
    assert first.body["id"] != other.body["id"]
    assert (await send(desk, "k", by="shop")).body == first.body


@pytest.mark.parametrize("key", ["", '""', "a b", '"a', 'a"', "ключ", "x" * 256, '"a\\b"', "a\tb"])
async def test_a_key_of_another_form_is_400(key: str) -> None:
    desk = Desk()
    answer = await send(desk, key)
    assert (answer.status, answer.code) == (400, "idempotency_key_invalid")
    detail = answer.body["detail"]
    assert answer.body["errors"] == [{"field": "Idempotency-Key", "detail": detail}]
    assert ("must not be empty" in detail) == (key == "")
    assert "Idempotency-Key must" in answer.body["detail"]
    assert desk.published() == []


VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=255)
PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=255)


@given(VISIBLE.filter(lambda text: '"' not in text))
def test_a_bare_key_is_taken_as_it_is(key: str) -> None:
    assert read_key({"idempotency-key": key}) == key
    assert read_key({"idempotency-key": f" {key}\t"}) == key


@given(PRINTABLE)
def test_a_quoted_key_is_unescaped(key: str) -> None:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    assert read_key({"idempotency-key": f'"{escaped}"'}) == key


@given(st.text())
def test_whatever_the_header_holds_is_a_key_or_refused(text: str) -> None:
    try:
        key = read_key({"idempotency-key": text})
    except BadKey:
        return
    assert key is not None
    assert 1 <= len(key) <= 255
    assert key.isascii()
    assert key.isprintable()


@given(st.lists(st.text(), max_size=3), st.lists(st.text(), max_size=3))
def test_fingerprints_tell_payloads_apart(one: list[str], other: list[str]) -> None:
    prints = [fingerprint("k", payload).fingerprint for payload in (one, other)]
    assert (prints[0] == prints[1]) == (one == other)
    assert len(prints[0]) == hashlib.sha256().digest_size * 2


def test_a_key_is_held_once_and_free_again_afterwards() -> None:
    in_flight = InFlight()
    with in_flight.hold("shop", "k") as first:
        with in_flight.hold("shop", "k") as second, in_flight.hold("bank", "k") as third:
            assert (first, second, third) == (True, False, True)
        with in_flight.hold("shop", "k") as still:
            assert not still
    with in_flight.hold("shop", "k") as again, in_flight.hold("shop", None) as none:
        assert (again, none) == (True, True)
