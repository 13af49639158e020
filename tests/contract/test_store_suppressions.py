"""What every store knows of who wants no messages, and does about it."""

from dataclasses import replace

import pytest

from tests.contract.messages import (
    NOW,
    accept,
    begun,
    draft,
    finish,
    held,
    inquire,
    receive,
    record_of,
    requeue,
    settle,
    status_of,
)
from trio_wa.core.message import Message
from trio_wa.core.retry import Requeue
from trio_wa.core.status import Status
from trio_wa.ports import (
    Accepted,
    Event,
    IdempotencyKey,
    Replayed,
    Store,
    Suppressed,
    Suppression,
)

BUDI = "6281234567890@c.us"
LID = "47110815@lid"
STOP = Suppression(BUDI, NOW + 10, "STOP", "default")
KEY = IdempotencyKey("k", "payload")


async def test_a_message_to_somebody_on_the_list_is_not_recorded(
    store: Store, published: list[Message]
) -> None:
    assert await store.suppress(STOP) == {}
    assert await store.accept(draft("a", key=KEY)) == Suppressed(STOP)
    assert await store.accept(draft("b", send_at=NOW + 99)) == Suppressed(STOP)
    assert await store.get("a") is None
    assert (await store.ledger()).accepted == 0
    assert published == []
    assert await held(store) == {}
    assert await store.replayed(draft("c", key=KEY)) is None, "its key is still new"
    await accept(store, "somebody else", chat_id="1@c.us")


async def test_a_message_that_ignores_the_list_passes(
    store: Store, published: list[Message]
) -> None:
    await store.suppress(STOP)
    message = await accept(store, "a", ignore_suppression=True)
    assert published == [message]


async def test_what_was_accepted_before_is_replayed_all_the_same(store: Store) -> None:
    await accept(store, "a", key=KEY)
    await store.suppress(STOP)
    assert await store.accept(draft("b", key=KEY)) == Replayed("a")


async def test_who_is_on_the_list_can_be_read(store: Store) -> None:
    assert await store.suppression(BUDI) is None
    await store.suppress(STOP)
    bare = Suppression("1@c.us", NOW)
    await store.suppress(bare)
    assert await store.suppression(BUDI) == STOP
    assert await store.suppression("1@c.us") == bare
    assert await store.suppression("2@c.us") is None


async def test_who_is_on_the_list_stays_there_as_they_are(store: Store) -> None:
    await store.suppress(STOP)
    await store.suppress(Suppression(BUDI, NOW + 99, "by mail"))
    assert await store.suppression(BUDI) == STOP
    assert await store.suppressions("", 10) == [STOP]


async def test_who_is_taken_off_the_list_gets_messages_again(
    store: Store, published: list[Message]
) -> None:
    await store.suppress(STOP)
    assert not await store.allow("1@c.us")
    assert await store.allow(BUDI)
    assert not await store.allow(BUDI)
    assert await store.suppression(BUDI) is None
    assert published == [await accept(store, "a")]


async def test_the_list_comes_by_chat_id_page_by_page(store: Store) -> None:
    entries = [Suppression(f"{n}@c.us", NOW - n) for n in (3, 1, 4, 5, 2)]
    for entry in entries:
        await store.suppress(entry)
    in_order = sorted(entries, key=lambda entry: entry.chat_id)
    assert await store.suppressions("", 10) == in_order
    assert await store.suppressions("", 2) == in_order[:2]
    assert await store.suppressions("2@c.us", 2) == in_order[2:4]
    assert await store.suppressions("2@c.us.", 10) == in_order[2:]
    assert await store.suppressions("5@c.us", 10) == []


@pytest.mark.parametrize("chat_id", ["", "a\0b", "\ud800", "x" * 10_000])
async def test_a_malformed_chat_id_is_on_no_list(store: Store, chat_id: str) -> None:
    await store.suppress(STOP)
    assert await store.suppression(chat_id) is None
    assert not await store.allow(chat_id)


async def test_what_waits_for_somebody_is_cancelled_with_its_place(
    store: Store, published: list[Message]
) -> None:
    await accept(store, "a")
    await accept(store, "b", priority="bulk")
    await accept(store, "c", send_at=NOW + 99, priority="urgent")
    await accept(store, "somebody else", chat_id="1@c.us")
    await accept(store, "somebody else later", chat_id="1@c.us", send_at=NOW + 99)
    assert await store.suppress(STOP) == {"a": "normal", "b": "bulk", "c": "scheduled"}
    record = await record_of(store, "c")
    assert (record.status, record.scheduled, record.settled_at) == (
        Status.CANCELLED,
        False,
        NOW + 10,
    )
    assert record.events[-1] == Event(NOW + 10, Status.CANCELLED)
    assert await held(store) == {"normal": 1, "scheduled": 1}
    assert [each.id for each in await store.release_due(NOW + 99, 10)] == ["somebody else later"]
    assert await store.suppress(STOP) == {}
    assert (await store.ledger()).balanced


async def test_what_waits_and_ignores_the_list_goes_on_waiting(store: Store) -> None:
    kept = await accept(store, "a", ignore_suppression=True)
    await accept(store, "b", ignore_suppression=True, send_at=NOW + 99)
    assert await store.suppress(STOP) == {}
    assert await store.queued("normal", 0, 10) == [kept]
    assert [each.id for each in await store.release_due(NOW + 99, 10)] == ["b"]


async def test_what_is_on_its_way_or_has_ended_is_left_alone(store: Store) -> None:
    sending = await begun(store, "sending")
    await inquire(store, await begun(store, "asked"))
    for status in (Status.SENT, Status.FAILED, Status.EXPIRED, Status.UNKNOWN):
        await finish(store, await accept(store, status.value), status)
    ids = ("sending", "asked", "sent", "failed", "expired", "unknown")
    before = [await store.get(message_id) for message_id in ids]
    assert await store.suppress(STOP) == {}
    assert [await store.get(message_id) for message_id in ids] == before
    assert await settle(store, sending, Status.SENT, at=NOW + 11) is Status.SENT


CALLED_OFF = ("suppressed", "the recipient wants no more messages; before that: timeout")


@pytest.mark.parametrize("chat_id", [BUDI, LID])
async def test_what_is_on_its_way_is_not_tried_again(store: Store, chat_id: str) -> None:
    await store.remember_contact(BUDI, LID)
    message = await begun(store, "a", "3EB0A", chat_id=chat_id)
    await store.suppress(STOP)
    later = replace(message, due_at=NOW + 30)
    assert await requeue(store, message, later, at=NOW + 12) is Status.CANCELLED
    record = await record_of(store, "a")
    assert (record.status, record.settled_at) == (Status.CANCELLED, NOW + 12)
    assert (record.code, record.detail) == CALLED_OFF
    assert record.events[-1] == Event(
        NOW + 12, Status.CANCELLED, "default", *CALLED_OFF, began_at=NOW + 11
    )
    assert await store.queued("normal", 0, 10) == []
    assert await held(store) == {}
    assert await store.open_attempts() == []
    assert not await store.retry("a", NOW + 13, NOW + 99)


async def test_what_is_looked_up_is_not_tried_again(store: Store) -> None:
    message = await begun(store, "a", "3EB0A")
    await inquire(store, message)
    await store.suppress(STOP)
    decision = Requeue(replace(message, due_at=NOW + 30), "timeout", "?")
    assert await store.resolve(message, "default", NOW + 12, decision) is Status.CANCELLED
    record = await record_of(store, "a")
    assert (record.status, record.settled_at) == (Status.CANCELLED, NOW + 12)
    assert record.events[-1] == Event(NOW + 12, Status.CANCELLED, "default", *CALLED_OFF)
    assert await held(store) == {}
    assert await store.open_attempts() == []
    assert await store.resolve(message, "default", NOW + 13, decision) is None


async def test_what_is_on_its_way_and_ignores_the_list_is_tried_again(store: Store) -> None:
    message = await begun(store, "a", "3EB0A", ignore_suppression=True)
    await store.suppress(STOP)
    assert await requeue(store, message, message, at=NOW + 12) is Status.QUEUED
    assert await store.begin(message, "default", NOW + 13)
    await inquire(store, message, at=NOW + 14)
    decision = Requeue(message, "not_sent", "?")
    assert await store.resolve(message, "default", NOW + 15, decision) is Status.QUEUED
    assert await store.queued("normal", 0, 10) == [replace(message, prefer="default")]


async def test_who_was_taken_off_the_list_in_time_is_tried_again(store: Store) -> None:
    message = await begun(store, "a")
    await store.suppress(STOP)
    await store.allow(BUDI)
    assert await requeue(store, message, message, at=NOW + 12) is Status.QUEUED


async def test_what_turns_out_to_have_been_sent_is_not_cancelled(store: Store) -> None:
    message = await begun(store, "a", "3EB0A")
    await store.suppress(STOP)
    await receive(store, "3EB0A", 2)
    assert await requeue(store, message, message, at=NOW + 12) is Status.DELIVERED
    record = await record_of(store, "a")
    assert (record.status, record.ack, record.code) == (Status.DELIVERED, 2, None)


async def test_who_comes_on_the_list_again_has_what_waits_cancelled(store: Store) -> None:
    """It can wait for a person on the list whose chat ids were not known to be one's."""
    await store.suppress(Suppression(LID, NOW))
    await accept(store, "a")
    await store.remember_contact(BUDI, LID)
    assert await store.suppress(Suppression(LID, NOW + 99)) == {"a": "normal"}
    assert (await store.suppressions("", 10))[0].at == NOW


@pytest.mark.parametrize(("listed", "other"), [(BUDI, LID), (LID, BUDI)])
async def test_the_list_holds_for_all_chat_ids_of_a_person(
    store: Store, listed: str, other: str
) -> None:
    await store.remember_contact(BUDI, LID)
    entry = Suppression(listed, NOW, "STOP")
    await accept(store, "waits", chat_id=other)
    await accept(store, "waits too", chat_id=listed)
    assert await store.suppress(entry) == {"waits": "normal", "waits too": "normal"}
    for n, chat_id in enumerate((listed, other)):
        assert await store.accept(draft(f"m{n}", chat_id=chat_id)) == Suppressed(entry)
        assert await store.suppression(chat_id) == entry
    assert await store.suppressions("", 10) == [entry]
    assert await store.allow(other)
    assert not await store.allow(listed)
    assert await store.suppression(listed) is None
    await accept(store, "again", chat_id=listed)


async def test_two_numbers_of_one_person_are_on_the_list_together(store: Store) -> None:
    """As in Brazil, where a number is known with and without a ninth digit."""
    long, short = "5511987654321@c.us", "551187654321@c.us"
    await store.remember_contact(long, short)
    await store.remember_contact(short, short)
    await accept(store, "waits", chat_id=long)
    entry = Suppression(short, NOW)
    assert await store.suppress(entry) == {"waits": "normal"}
    assert await store.accept(draft("a", chat_id=long)) == Suppressed(entry)
    await store.remember_contact("551188887777@c.us", "551188887777@c.us")
    await accept(store, "somebody else", chat_id="551188887777@c.us")


async def test_a_chat_id_that_was_found_to_be_anothers_is_theirs(store: Store) -> None:
    await store.remember_contact(BUDI, LID)
    await store.remember_contact(BUDI, "1@lid")
    await accept(store, "a")
    assert await store.suppress(Suppression(LID, NOW)) == {}
    await accept(store, "b")
    assert await store.suppress(Suppression("1@lid", NOW)) == {"a": "normal", "b": "normal"}


async def test_each_chat_id_has_an_entry_of_its_own(store: Store) -> None:
    await store.remember_contact(BUDI, LID)
    other = Suppression(LID, NOW + 20, "BERHENTI", "two")
    await store.suppress(STOP)
    await store.suppress(other)
    assert await store.suppressions("", 10) == [other, STOP]
    assert await store.suppression(BUDI) == STOP
    assert await store.suppression(LID) == other
    assert await store.allow(BUDI)
    assert await store.suppressions("", 10) == []


async def test_an_id_that_stands_for_a_number_is_the_same_persons(store: Store) -> None:
    """As a message from it shows; what the number is known as, says nothing of it then."""
    await store.remember_contact(LID, BUDI)
    for known_as in (None, "1@lid", LID, BUDI):
        if known_as is not None:
            await store.remember_contact(BUDI, known_as)
        assert await store.contact(BUDI) == known_as
        for listed, other in ((BUDI, LID), (LID, BUDI)):
            await store.suppress(Suppression(listed, NOW))
            assert await store.suppression(other) == Suppression(listed, NOW)
            assert await store.allow(other)
            assert await store.suppressions("", 10) == []


async def test_who_is_known_as_an_id_that_stands_for_a_number_stays_the_same_person(
    store: Store,
) -> None:
    await store.remember_contact("1@c.us", LID)
    await store.remember_contact(LID, BUDI)
    await accept(store, "a", chat_id="1@c.us")
    assert await store.suppress(Suppression(LID, NOW)) == {"a": "normal"}
    assert await store.accept(draft("b", chat_id="1@c.us")) == Suppressed(Suppression(LID, NOW))


@pytest.mark.parametrize("status", [Status.FAILED, Status.UNKNOWN, Status.EXPIRED])
async def test_no_retry_goes_past_the_list(
    store: Store, published: list[Message], status: Status
) -> None:
    await finish(store, await accept(store, "a"), status)
    await finish(store, await accept(store, "b", ignore_suppression=True), status)
    await store.suppress(STOP)
    before = await store.get("a")
    assert not await store.retry("a", NOW + 11, NOW + 99)
    assert await store.get("a") == before
    assert await store.retry("b", NOW + 11, NOW + 99)
    assert [message.id for message in published] == ["a", "b", "b"]
    await store.allow(BUDI)
    assert await store.retry("a", NOW + 12, NOW + 99)


async def test_no_retry_goes_past_the_list_under_another_name(store: Store) -> None:
    await finish(store, await accept(store, "a"), Status.FAILED)
    await store.remember_contact(BUDI, LID)
    await store.suppress(Suppression(LID, NOW))
    assert not await store.retry("a", NOW + 11, NOW + 99)


async def test_nothing_is_resent_past_the_list(store: Store) -> None:
    await finish(store, await accept(store, "a"), Status.SENT)
    await finish(store, await accept(store, "b", ignore_suppression=True), Status.SENT)
    await store.suppress(STOP)
    assert not await store.resend("a", NOW + 11)
    assert await status_of(store, "a") is Status.SENT
    assert await store.resend("b", NOW + 11)


async def test_an_acceptance_after_the_list_is_empty_again(store: Store) -> None:
    await store.suppress(STOP)
    await store.allow(BUDI)
    assert isinstance(await store.accept(draft("a", key=KEY)), Accepted)
