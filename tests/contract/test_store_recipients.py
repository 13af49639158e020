"""Which recipients every store knows to which sessions, whichever way a message came to be sent."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from tests.contract.messages import (
    NOW,
    accept,
    begun,
    draft,
    finish,
    inquire,
    receive,
    requeue,
    settle,
)
from trio_wa.core.message import Message
from trio_wa.core.retry import Final, Requeue
from trio_wa.core.status import Status
from trio_wa.ports import Accepted, IdempotencyKey, Late, Replayed, Store

PERSON = "6281234567890@c.us"
"""Whom the messages are to, unless a test says otherwise."""


async def known_to(store: Store, chat_id: str = PERSON) -> tuple[str, ...]:
    """The sessions that a new message to the recipient names."""
    number = (await store.ledger()).accepted
    message = await accept(store, f"new{number}", chat_id=chat_id)
    assert (await store.queued("normal", message.seq - 1, 1))[0] == message
    return message.known_to


async def settled(store: Store) -> None:
    await settle(store, await begun(store, "a", "3EB0A"), Status.SENT, at=NOW + 2)


async def settled_at_the_second_attempt(store: Store) -> None:
    message = await begun(store, "a", "3EB0A")
    await requeue(store, message, message, at=NOW + 2)
    assert await known_to(store) == (), "it is not known yet that anything was sent"
    assert await store.begin(message, "default", NOW + 3)
    await settle(store, message, Status.SENT, at=NOW + 4)


async def joined_to_an_ack_of_the_id_that_waha_named(store: Store) -> None:
    message = await begun(store, "a", "3EB0A")
    await receive(store, "3EB0B", 3)
    assert await known_to(store) == ()
    state = await settle(store, message, Status.SENT, at=NOW + 2, waha_id="3EB0B")
    assert state is Status.READ


async def failed_but_for_an_ack(store: Store) -> None:
    message = await begun(store, "a", "3EB0A")
    await receive(store, "3EB0A", 2)
    assert await known_to(store) == ()
    assert await settle(store, message, Status.FAILED, at=NOW + 2) is Status.DELIVERED


async def asked_but_for_an_ack(store: Store) -> None:
    message = await begun(store, "a", "3EB0A")
    await receive(store, "3EB0A", 1)
    assert await inquire(store, message) is Status.SENT


async def requeued_but_for_an_ack(store: Store) -> None:
    message = await begun(store, "a", "3EB0A")
    await receive(store, "3EB0A", 2)
    assert await requeue(store, message, message, at=NOW + 2) is Status.DELIVERED


async def found_by_a_look_up(store: Store) -> None:
    message = await begun(store, "a", "3EB0A")
    await inquire(store, message)
    assert await known_to(store) == ()
    assert await store.resolve(message, "default", NOW + 9, Final(Status.SENT))


async def acked_while_it_was_looked_up(store: Store) -> None:
    await inquire(store, await begun(store, "a", "3EB0A"))
    assert await receive(store, "3EB0A", 1) is not None


async def acked_after_it_was_given_up(store: Store) -> None:
    message = await begun(store, "a", "3EB0A")
    await settle(store, message, Status.UNKNOWN, at=NOW + 2)
    assert await known_to(store) == ()
    assert await receive(store, "3EB0A", 3) is not None


async def told_of(store: Store) -> None:
    await store.remember_recipient("default", PERSON)


@pytest.mark.parametrize(
    "way",
    [
        settled,
        settled_at_the_second_attempt,
        joined_to_an_ack_of_the_id_that_waha_named,
        failed_but_for_an_ack,
        asked_but_for_an_ack,
        requeued_but_for_an_ack,
        found_by_a_look_up,
        acked_while_it_was_looked_up,
        acked_after_it_was_given_up,
        told_of,
    ],
)
async def test_a_recipient_is_known_from_then_on_and_beyond_the_message(
    store: Store, published: list[Message], way: Callable[[Store], Awaitable[None]]
) -> None:
    await way(store)
    assert await known_to(store) == ("default",)
    assert published[-1].known_to == ("default",)
    assert await known_to(store, "0@c.us") == (), "nobody else is"
    await store.purge(NOW + 99, 1000)
    assert await store.get("a") is None
    await finish(store, await accept(store, "again"), Status.SENT)
    assert await known_to(store) == ("default",)


@pytest.mark.parametrize("status", [Status.FAILED, Status.UNKNOWN, Status.EXPIRED])
async def test_a_recipient_is_not_known_by_what_was_not_sent(store: Store, status: Status) -> None:
    await finish(store, await accept(store, "a"), status)
    assert await known_to(store) == ()
    await store.purge(NOW + 99, 10)
    assert await known_to(store) == ()


async def test_a_message_that_was_looked_up_in_vain_makes_nobody_known(store: Store) -> None:
    for message_id, decision in (
        ("a", Final(Status.FAILED, "timeout", "?")),
        ("b", Final(Status.UNKNOWN, "timeout", "?")),
    ):
        message = await begun(store, message_id)
        await inquire(store, message)
        assert await store.resolve(message, "default", NOW + 9, decision)
    message = await begun(store, "c")
    await inquire(store, message)
    again = Requeue(replace(message, attempts=1), "not_sent", "?")
    assert await store.resolve(message, "default", NOW + 9, again)
    assert await known_to(store) == ()


async def test_a_refusal_after_the_fact_leaves_the_recipient_known(store: Store) -> None:
    await settled(store)
    await receive(store, "3EB0A", -1)
    assert await known_to(store) == ("default",), "the chat is there, whatever became of it"


async def test_every_way_to_a_message_names_all_the_sessions_in_order(
    store: Store, published: list[Message]
) -> None:
    await accept(store, "queued")
    for message_id in ("failed", "resent"):
        status = Status.FAILED if message_id == "failed" else Status.SENT
        await finish(store, await accept(store, message_id, to="1", chat_id="1@c.us"), status)
    sending = await begun(store, "sending")
    asked = await begun(store, "asked")
    await inquire(store, asked)
    assert (sending.known_to, asked.known_to) == ((), ())
    for session in ("two", "default", "one", "two"):
        await store.remember_recipient(session, PERSON)
        await store.remember_recipient(session, "1@c.us")
    all_three = ("default", "one", "two")
    assert await store.retry("failed", NOW + 9, NOW + 99)
    assert await store.resend("resent", NOW + 9)
    assert [message.known_to for message in published[-2:]] == [all_three] * 2
    queued = await store.queued("normal", 0, 10)
    assert [(message.id, message.known_to) for message in queued] == [
        ("queued", all_three),
        ("failed", all_three),
        ("resent", all_three),
    ]
    attempts = await store.open_attempts()
    assert [(each.message.id, each.message.known_to) for each in attempts] == [
        ("sending", all_three),
        ("asked", all_three),
    ]


async def test_a_recipient_is_known_to_the_session_that_sent_and_to_no_other(store: Store) -> None:
    await finish(store, await accept(store, "a"), Status.FAILED, session="one")
    assert await store.retry("a", NOW + 3, NOW + 99)
    again = (await store.queued("normal", 0, 1))[0]
    await finish(store, again, Status.SENT, session="two")
    assert await known_to(store) == ("two",)


async def test_groups_are_remembered_like_people(store: Store) -> None:
    group = "120363025246125888@g.us"
    await finish(store, await accept(store, "a", chat_id=group), Status.SENT)
    assert await known_to(store, group) == ("default",)


async def test_a_malformed_recipient_is_remembered_without_harm(store: Store) -> None:
    await store.remember_recipient("default", "\ud800@c.us")
    await store.remember_recipient("default", "\ud800@c.us")
    assert await known_to(store) == ()


async def test_what_would_be_late_to_a_new_contact_is_taken_to_known_ones_alone(
    store: Store, published: list[Message]
) -> None:
    key = IdempotencyKey("k", "payload")
    await store.remember_recipient("two", PERSON)
    late = replace(draft("late", chat_id="9@c.us", key=key), new_at=NOW + 4000)
    drafts = [
        late,
        replace(draft("known"), new_at=NOW + 4000),
        replace(draft("new"), chat_id="9@c.us"),
        replace(draft("allowed", sessions=("one", "two")), new_at=NOW + 4000),
        replace(draft("elsewhere", sessions=("one",)), new_at=NOW + 4000),
    ]
    answers = await store.accept_all(drafts)
    refused = Late(NOW + 4000, late.expires_at)
    assert [answers[0], answers[4]] == [refused, refused]
    assert [message.id for message in published] == ["known", "new", "allowed"]
    assert (await store.ledger()).accepted == 3
    assert await store.replayed(late) is None, "its key is still free"
    assert isinstance(await store.accept(replace(late, new_at=None)), Accepted)
    assert await store.accept(replace(late, id="again")) == Replayed("late")
