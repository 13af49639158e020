"""What every store tells of messages that WAHA took and that no ack confirmed."""

import pytest
import trio

from tests.contract.messages import NOW, begun, receive, record_of, settle, status_of
from trio_wa.core.message import Message
from trio_wa.core.status import Status
from trio_wa.ports import Event, Filter, Store, Unconfirmed


async def sent(
    store: Store, message_id: str, *, at: float = NOW + 2, session: str = "default"
) -> Message:
    """A message that went out under the id `3EB0<message_id>`."""
    message = await begun(store, message_id, session=session)
    await settle(store, message, Status.SENT, at=at, session=session)
    return message


async def waiting(store: Store, *, after: float = NOW, limit: int = 10) -> list[str]:
    return [each.message_id for each in await store.unconfirmed("default", after, limit)]


async def flagged(store: Store) -> list[str]:
    return [record.id for record in await store.find(Filter(unconfirmed=True), 10)]


async def test_what_waits_for_an_ack_comes_by_age_and_session(store: Store) -> None:
    for n, at in enumerate([7, 3, 5, 1]):
        await sent(store, f"m{n}", at=NOW + at)
    await sent(store, "other", session="other")
    assert await waiting(store) == ["m3", "m1", "m2", "m0"]
    assert await waiting(store, after=NOW + 1) == ["m1", "m2", "m0"]
    assert await waiting(store, limit=2) == ["m3", "m1"]
    assert await store.unconfirmed("other", NOW, 10) == [
        Unconfirmed("other", "6281234567890@c.us", "3EB0other", NOW + 2)
    ]


async def test_only_sent_messages_without_a_first_ack_wait_for_one(store: Store) -> None:
    for ack in (-1, 0, 1, 2):
        await sent(store, f"ack{ack}")
        await receive(store, f"3EB0ack{ack}", ack)
    for status in (Status.FAILED, Status.UNKNOWN):
        await settle(store, await begun(store, status.value, status), status, at=NOW + 2)
    await begun(store, "sending", "3EB0S")
    assert await waiting(store) == ["ack0"]


@pytest.mark.parametrize("early", [True, False])
async def test_an_ack_that_came_before_the_settle_confirms(store: Store, early: bool) -> None:
    message = await begun(store, "a", None if early else "3EB0a")
    await receive(store, "3EB0a", 1)
    await settle(store, message, Status.SENT, at=NOW + 2)
    assert await status_of(store, "a") is Status.SENT
    assert await waiting(store) == []


async def test_a_flag_shows_what_is_overdue_and_leaves_it_to_be_looked_up(store: Store) -> None:
    for n in range(4):
        await sent(store, f"m{n}", at=NOW + n)
    await sent(store, "other", at=NOW + 1, session="other")
    assert await store.flag_unconfirmed("default", NOW, NOW + 2) == 2
    assert await store.flag_unconfirmed("default", NOW, NOW + 2) == 0
    assert await flagged(store) == ["m2", "m1"]
    assert await waiting(store) == ["m1", "m2", "m3"]
    record = await record_of(store, "m1")
    assert (record.status, record.unconfirmed) == (Status.SENT, True)
    assert len(record.events) == 3, "the flag is no event"


async def test_what_was_looked_up_in_vain_stays_flagged_and_is_not_looked_up_again(
    store: Store,
) -> None:
    for message_id in ("a", "b"):
        await sent(store, message_id)
    await store.flag_unconfirmed("default", NOW, NOW + 2)
    assert await store.mark_unconfirmed("a", NOW + 60)
    assert not await store.mark_unconfirmed("a", NOW + 61)
    assert await waiting(store) == ["b"]
    assert await store.flag_unconfirmed("default", NOW, NOW + 2) == 0
    record = await record_of(store, "a")
    assert (record.status, record.unconfirmed, record.settled_at) == (Status.SENT, True, NOW + 2)
    assert record.events[-1] == Event(NOW + 60, Status.SENT, "default", "unconfirmed")


@pytest.mark.parametrize("looked_up", [True, False])
@pytest.mark.parametrize("ack", [-1, 1, 2])
async def test_a_late_ack_takes_the_flag_away(store: Store, looked_up: bool, ack: int) -> None:
    await sent(store, "a")
    await store.flag_unconfirmed("default", NOW, NOW + 2)
    if looked_up:
        await store.mark_unconfirmed("a", NOW + 60)
    await receive(store, "3EB0a", 0)
    assert await flagged(store) == ["a"]
    await receive(store, "3EB0a", ack)
    assert await flagged(store) == []
    assert not (await record_of(store, "a")).unconfirmed
    assert not await store.mark_unconfirmed("a", NOW + 61)
    assert await waiting(store) == []
    assert await store.flag_unconfirmed("default", NOW, NOW + 99) == 0


async def test_a_call_flags_a_thousand_messages_at_most(store: Store) -> None:
    async with trio.open_nursery() as nursery:
        for n in range(1001):
            nursery.start_soon(sent, store, f"m{n}")
    flags = [await store.flag_unconfirmed("default", NOW, NOW + 2) for _ in range(3)]
    assert flags == [1000, 1, 0]


async def test_a_resend_goes_out_under_the_same_id_behind_the_others(
    store: Store, published: list[Message]
) -> None:
    first = await sent(store, "a")
    second = await begun(store, "b")
    await receive(store, "3EB0a", 0)
    await store.mark_unconfirmed("a", NOW + 60)
    assert await store.resend("a", NOW + 61)
    again = published[-1]
    assert (again.id, again.waha_id, again.prefer) == ("a", "3EB0a", "default")
    assert again.seq > second.seq > first.seq
    assert await store.queued("normal", 0, 10) == [again]
    record = await record_of(store, "a")
    assert (record.status, record.settled_at, record.due_at) == (Status.QUEUED, None, 0.0)
    assert (record.waha_id, record.session, record.unconfirmed) == ("3EB0a", "default", False)
    assert record.events[-1] == Event(NOW + 61, Status.QUEUED, "default", "unconfirmed")
    assert await store.purge(NOW + 999, 10) == 0
    assert await store.begin(again, "default", NOW + 62)
    await settle(store, again, Status.SENT, at=NOW + 63)
    assert await waiting(store) == ["a"]
    assert not await store.resend("a", NOW + 64), "once at most"


async def test_only_what_has_no_ack_is_sent_again(store: Store, published: list[Message]) -> None:
    for ack in (-1, 1, 2):
        await sent(store, f"ack{ack}")
        await receive(store, f"3EB0ack{ack}", ack)
        assert not await store.resend(f"ack{ack}", NOW + 61)
    await sent(store, "erased")
    await store.erase_texts(NOW + 9, 10)
    assert not await store.resend("erased", NOW + 61)
    await sent(store, "late")
    assert not await store.resend("late", NOW + 3600)
    assert not await store.resend("nobody", NOW + 61)
    assert await store.resend("late", NOW + 3599)
    assert not await store.resend("late", NOW + 3599), "it is queued"
    assert [message.id for message in published].count("late") == 2


async def test_an_ack_of_the_first_send_ends_the_wait_for_the_second(store: Store) -> None:
    message = await sent(store, "a")
    await store.resend("a", NOW + 61)
    moved = await receive(store, "3EB0a", 1, at=NOW + 62)
    assert moved is not None
    assert (moved.before, moved.after, moved.open) == (Status.QUEUED, Status.SENT, False)
    assert not await store.begin(message, "default", NOW + 63)
    assert not await store.resend("a", NOW + 64)
    assert await waiting(store) == []


async def test_a_retry_may_be_sent_again_once_more(store: Store, published: list[Message]) -> None:
    await sent(store, "a")
    await store.resend("a", NOW + 61)
    await store.begin(published[-1], "default", NOW + 62)
    await settle(store, published[-1], Status.FAILED, at=NOW + 63)
    await store.retry("a", NOW + 64, NOW + 3600)
    await store.begin(published[-1], "default", NOW + 65)
    await settle(store, published[-1], Status.SENT, at=NOW + 66, waha_id="3EB0new")
    assert await waiting(store) == ["a"]
    assert await store.resend("a", NOW + 67)


async def test_the_list_of_the_unconfirmed_takes_the_other_conditions_too(store: Store) -> None:
    for n, session in enumerate(["default", "default", "other"]):
        await sent(store, f"m{n}", session=session)
        await store.mark_unconfirmed(f"m{n}", NOW + 60)
    await sent(store, "fresh")

    async def ids(wanted: Filter) -> list[str]:
        return [record.id for record in await store.find(wanted, 10)]

    assert await ids(Filter(unconfirmed=True)) == ["m2", "m1", "m0"]
    assert await ids(Filter(unconfirmed=True, session="default")) == ["m1", "m0"]
    assert await ids(Filter(unconfirmed=True, status=Status.SENT, session="other")) == ["m2"]
    assert await ids(Filter(unconfirmed=True, status=Status.FAILED)) == []
    assert await ids(Filter(unconfirmed=True, chat_id="nobody@c.us")) == []
    assert await ids(Filter(unconfirmed=True, before=NOW)) == []
