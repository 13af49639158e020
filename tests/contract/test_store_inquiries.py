"""What every store does with an attempt whose outcome is looked up, and with its id."""

from dataclasses import replace

import pytest

from tests.contract.messages import (
    NOW,
    accept,
    begun,
    inquire,
    receive,
    record_of,
    requeue,
    settle,
    status_of,
)
from trio_wa.core.content import Text
from trio_wa.core.message import Message
from trio_wa.core.outcome import Sent
from trio_wa.core.retry import Final, Requeue
from trio_wa.core.status import Status
from trio_wa.ports import Attempt, Event, OpenAttempt, Store


def known(message: Message, session: str = "default") -> Message:
    """As the store gives out a message that bears an id."""
    return replace(message, prefer=session)


async def test_an_id_is_recorded_with_the_begin(store: Store) -> None:
    message = await begun(store, "a", "3EB0A", session="one")
    assert (await record_of(store, "a")).waha_id == "3EB0A"
    assert await store.open_attempts() == [
        OpenAttempt(known(message, "one"), "one", NOW + 1, asked=False)
    ]


@pytest.mark.parametrize(("answered", "kept"), [("3EB0B", "3EB0B"), (None, "3EB0A")])
async def test_the_id_that_waha_names_counts(store: Store, answered: str | None, kept: str) -> None:
    message = await begun(store, "a", "3EB0A")
    attempt = Attempt("default", NOW + 1, NOW + 2, Sent(answered))
    await store.settle(message, attempt, Final(Status.SENT, waha_id=answered))
    assert (await record_of(store, "a")).waha_id == kept
    moved = await receive(store, kept, 2)
    assert moved is not None
    assert await receive(store, "3EB0A" if answered else "3EB0B", 3) is None


async def test_an_attempt_that_is_looked_up_is_unknown_and_not_settled(store: Store) -> None:
    message = await begun(store, "a", "3EB0A")
    assert await inquire(store, message) is Status.UNKNOWN
    record = await record_of(store, "a")
    assert (record.status, record.settled_at, record.waha_id) == (Status.UNKNOWN, None, "3EB0A")
    assert (record.code, record.detail) == ("timeout", "?")
    assert record.events[-1] == Event(NOW + 2, Status.UNKNOWN, "default", "timeout", "?", NOW + 1)
    assert await store.open_attempts() == [
        OpenAttempt(known(message), "default", NOW + 1, asked=True)
    ]
    ledger = await store.ledger()
    assert ledger.counts[Status.UNKNOWN] == 1
    assert ledger.balanced


async def test_an_open_attempt_is_left_alone_by_all_but_its_look_up(store: Store) -> None:
    message = await begun(store, "a", "3EB0A")
    await inquire(store, message)
    before = await store.get("a")
    assert not await store.retry("a", NOW + 3, NOW + 999)
    assert not await store.resend("a", NOW + 3)
    assert not await store.cancel("a", NOW + 3)
    assert not await store.expire(message, NOW + 3)
    assert not await store.begin(message, "default", NOW + 3)
    assert not await store.mark_unconfirmed("a", NOW + 3)
    assert await settle(store, message, Status.SENT, at=NOW + 3) is Status.UNKNOWN
    assert await store.expire_overdue("normal", 0, NOW + 99_999, 10) == 0
    assert await store.erase_texts(NOW + 99_999, 10) == 0
    assert await store.purge(NOW + 99_999, 10) == 0
    assert await store.queued("normal", 0, 10) == []
    assert await store.get("a") == before


async def test_open_attempts_come_by_seq(store: Store) -> None:
    for n in range(4):
        message = await begun(store, f"m{n}", session="one")
        if n % 2:
            await inquire(store, message, session="one")
    found = [(each.message.id, each.asked) for each in await store.open_attempts()]
    assert found == [("m0", False), ("m1", True), ("m2", False), ("m3", True)]
    assert {each.session for each in await store.open_attempts()} == {"one"}


async def test_an_open_attempt_tells_when_it_began_not_when_an_earlier_one_did(
    store: Store,
) -> None:
    message = await begun(store, "a")
    await requeue(store, message, message, at=NOW + 2)
    await store.begin(message, "default", NOW + 8)
    assert [each.began_at for each in await store.open_attempts()] == [NOW + 8]
    await inquire(store, message, at=NOW + 9.5)
    assert [each.began_at for each in await store.open_attempts()] == [NOW + 8.5]


async def test_what_a_look_up_found_is_settled(store: Store) -> None:
    message = await begun(store, "a", "3EB0A")
    await inquire(store, message)
    assert await store.resolve(message, "default", NOW + 9, Final(Status.SENT))
    record = await record_of(store, "a")
    assert (record.status, record.settled_at, record.waha_id) == (Status.SENT, NOW + 9, "3EB0A")
    assert (record.code, record.detail) == (None, None)
    assert record.events[-1] == Event(NOW + 9, Status.SENT, "default")
    assert await store.resolve(message, "default", NOW + 10, Final(Status.FAILED)) is None
    assert await status_of(store, "a") is Status.SENT
    assert not await store.open_attempts()


@pytest.mark.parametrize("status", [Status.UNKNOWN, Status.FAILED])
async def test_a_look_up_that_is_given_up_settles_with_its_reason(
    store: Store, status: Status
) -> None:
    message = await begun(store, "a", "3EB0A")
    await inquire(store, message)
    final = Final(status, "no_evidence", "\ud800")
    assert await store.resolve(message, "default", NOW + 9, final)
    record = await record_of(store, "a")
    assert (record.status, record.settled_at, record.code) == (status, NOW + 9, "no_evidence")
    assert record.events[-1].code == "no_evidence"
    assert not await store.open_attempts()
    assert await store.resolve(message, "default", NOW + 10, final) is None
    assert await store.retry("a", NOW + 10, NOW + 99)


async def test_what_was_not_sent_waits_with_its_id_in_its_old_place(
    store: Store, published: list[Message]
) -> None:
    message, later = await begun(store, "a", "3EB0A", session="one"), await accept(store, "b")
    await inquire(store, message, session="one")
    again = replace(message, due_at=NOW + 30, attempts=1, deferrals=2, prefer="one")
    decision = Requeue(again, "not_sent", "a look-up showed it")
    assert await store.resolve(message, "one", NOW + 9, decision)
    assert await store.queued("normal", 0, 10) == [again, later]
    assert len(published) == 2, "whoever looked it up has it"
    record = await record_of(store, "a")
    assert (record.status, record.code, record.settled_at) == (Status.QUEUED, "not_sent", None)
    assert record.events[-1] == Event(
        NOW + 9, Status.QUEUED, "one", "not_sent", "a look-up showed it"
    )
    assert await store.resolve(message, "one", NOW + 10, decision) is None
    assert await store.begin(again, "one", NOW + 31)
    assert (await record_of(store, "a")).waha_id == "3EB0A"


async def test_a_resolve_takes_only_edges_from_unknown(store: Store) -> None:
    message = await begun(store, "a", "3EB0A")
    assert await store.resolve(message, "default", NOW + 2, Final(Status.SENT)) is None
    await inquire(store, message)
    assert await store.resolve(message, "default", NOW + 3, Final(Status.EXPIRED)) is None
    assert len(await store.open_attempts()) == 1
    await settle(store, await begun(store, "b"), Status.UNKNOWN, at=NOW + 2)
    for message_id in ("b", "nobody"):
        other = replace(message, id=message_id)
        assert await store.resolve(other, "default", NOW + 3, Final(Status.SENT)) is None


async def test_a_requeue_waits_for_a_fresh_id_if_it_bears_none(store: Store) -> None:
    message = await begun(store, "a", "3EB0A")
    await requeue(store, message, replace(message, waha_id=None), at=NOW + 2)
    assert [each.waha_id for each in await store.queued("normal", 0, 10)] == [None]
    assert [each.prefer for each in await store.queued("normal", 0, 10)] == [None]
    assert await receive(store, "3EB0A", 2) is None
    assert await status_of(store, "a") is Status.QUEUED


async def test_a_requeue_may_keep_its_id(store: Store) -> None:
    message = await begun(store, "a", "3EB0A")
    await requeue(store, message, message, at=NOW + 2)
    assert await store.queued("normal", 0, 10) == [known(message)]


async def test_a_retry_gets_a_new_id_and_forgets_the_old_ones_ack(
    store: Store, published: list[Message]
) -> None:
    message = await begun(store, "a", "3EB0A")
    await settle(store, message, Status.SENT, at=NOW + 2, waha_id="3EB0A")
    await receive(store, "3EB0A", -1)
    assert (await record_of(store, "a")).ack == -1
    assert await store.retry("a", NOW + 9, NOW + 99)
    record = await record_of(store, "a")
    assert (record.waha_id, record.ack) == (None, None)
    assert (published[-1].waha_id, published[-1].prefer) == (None, None)
    assert await receive(store, "3EB0A", 2) is None


async def test_another_id_starts_without_the_ack_of_the_old_one(store: Store) -> None:
    message = await begun(store, "a", "3EB0A")
    await receive(store, "3EB0A", 1)
    attempt = Attempt("default", NOW + 1, NOW + 2, Sent("3EB0B"))
    await store.settle(message, attempt, Final(Status.SENT, waha_id="3EB0B"))
    assert (await record_of(store, "a")).ack is None


async def test_the_end_of_an_attempt_of_an_unknown_message_changes_nothing(store: Store) -> None:
    nobody = Message("nobody", 1, "1@c.us", Text("Hello"), NOW, NOW + 3600, waha_id="3EB0N")
    assert await settle(store, nobody, Status.SENT, at=NOW) is Status.SENT
    assert await requeue(store, nobody, nobody, at=NOW) is Status.QUEUED
    assert await inquire(store, nobody, at=NOW) is Status.UNKNOWN
    assert await store.get("nobody") is None
    assert await receive(store, "3EB0N", 2) is None
