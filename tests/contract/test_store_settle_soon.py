"""What every store does with the end of an attempt for whose record nobody waits."""

from dataclasses import replace
from functools import partial

import trio

from tests.contract.messages import NOW, accept, begun, draft, receive, record_of, status_of
from trio_wa.core.message import Message
from trio_wa.core.outcome import Outcome, Sent, Unavailable, Unknown
from trio_wa.core.retry import Decision, Final, Inquire, Requeue
from trio_wa.core.status import Status
from trio_wa.ports import Accepted, Attempt, Store, Suppression

SENT = Final(Status.SENT, waha_id="3EB0a")


def settle_soon(
    store: Store,
    message: Message,
    told: list[Status],
    decision: Decision = SENT,
    outcome: Outcome = Sent("3EB0a"),  # noqa: B008 - a frozen value
) -> None:
    attempt = Attempt("default", NOW + 1, NOW + 2, outcome)
    store.settle_soon(message, attempt, decision, told.append)


async def recorded(store: Store) -> None:
    """Wait for a write that was handed over after all others."""
    await store.cancel("nobody", NOW)


async def test_it_is_recorded_as_by_settle(store: Store) -> None:
    told: list[Status] = []
    first, second = await begun(store, "a"), await begun(store, "b")
    settle_soon(store, first, told)
    await store.settle(second, Attempt("default", NOW + 1, NOW + 2, Sent("3EB0a")), SENT)
    assert told == [Status.SENT]
    one, other = await record_of(store, "a"), await record_of(store, "b")
    same = replace(other, id="a", number=one.number, seq=one.seq, events=one.events)
    assert one == same
    assert [replace(event, at=0) for event in one.events] == [
        replace(event, at=0) for event in other.events
    ]
    [history] = (await store.histories(NOW + 3)).values()
    assert sum(count for _, count in history.begun) == 2


async def test_it_is_recorded_before_a_begin_that_is_called_later(store: Store) -> None:
    """One message after the other, each settled and the next begun in one step."""
    told: list[Status] = []
    message = await begun(store, "0")
    for n in range(1, 20):
        behind = await accept(store, f"{n}")
        settle_soon(store, message, told)
        assert await store.begin(behind, "default", NOW + 1)
        assert len(told) == n, "whoever begun knows that the one before is recorded"
        message = behind
    ledger = await store.ledger()
    assert ledger.counts[Status.SENT] == 19
    assert ledger.counts[Status.SENDING] == 1


async def test_the_same_message_can_be_begun_again_behind_it(store: Store) -> None:
    told: list[Status] = []
    message = await begun(store, "a")
    again = replace(message, deferrals=1)
    settle_soon(store, message, told, Requeue(again, "429", "?"), Unavailable("429", "?", "origin"))
    assert await store.begin(again, "default", NOW + 3)
    assert told == [Status.QUEUED]
    settle_soon(store, again, told)
    await recorded(store)
    assert told == [Status.QUEUED, Status.SENT]
    assert [event.status for event in (await record_of(store, "a")).events] == [
        Status.QUEUED,
        Status.SENDING,
        Status.QUEUED,
        Status.SENDING,
        Status.SENT,
    ]


async def test_an_ack_that_came_before_is_joined(store: Store) -> None:
    told: list[Status] = []
    messages = [await begun(store, message_id) for message_id in "abc"]
    await receive(store, "3EB0a", 2)
    settle_soon(store, messages[0], told)
    settle_soon(store, messages[1], told, Final(Status.SENT, waha_id="3EB0b"))
    settle_soon(store, messages[2], told, Final(Status.SENT, waha_id="3EB0c"))
    await recorded(store)
    assert told == [Status.DELIVERED, Status.SENT, Status.SENT]
    assert [await status_of(store, message_id) for message_id in "abc"] == told


async def test_a_requeue_is_called_off_for_who_wants_no_messages(store: Store) -> None:
    told: list[Status] = []
    message = await begun(store, "a")
    await store.suppress(Suppression(message.chat_id, NOW))
    settle_soon(store, message, told, Requeue(message, "timeout", "?"), Unknown("timeout", "?"))
    await recorded(store)
    assert told == [Status.CANCELLED]
    assert await status_of(store, "a") is Status.CANCELLED


async def test_what_is_not_being_sent_stays_as_it_is(store: Store) -> None:
    told: list[Status] = []
    waiting, unknown = await accept(store, "a"), await begun(store, "b")
    settle_soon(store, unknown, told, Inquire("timeout", "?"), Unknown("timeout", "?"))
    settle_soon(store, waiting, told)
    settle_soon(store, unknown, told)
    await recorded(store)
    assert told == [Status.UNKNOWN, Status.QUEUED, Status.UNKNOWN]


async def test_who_is_told_may_hand_over_more(store: Store) -> None:
    told: list[Status] = []
    first, second = await begun(store, "a"), await begun(store, "b")

    def then(status: Status) -> None:
        told.append(status)
        settle_soon(store, second, told)

    store.settle_soon(first, Attempt("default", NOW + 1, NOW + 2, Sent("3EB0a")), SENT, then)
    await recorded(store)
    await recorded(store)
    assert told == [Status.SENT] * 2


async def test_many_of_each_kind_at_once_each_get_their_own_answer(store: Store) -> None:
    """Accepts, begins and settles of many tasks, and in between what is not there any more."""
    told: dict[str, list[Status]] = {f"{n}": [] for n in range(300)}
    begins: dict[str, bool] = {}

    async def live(n: int) -> None:
        chat_id = f"{n % 7}@c.us"
        acceptance = await store.accept(draft(f"{n}", chat_id=chat_id))
        assert isinstance(acceptance, Accepted)
        message = replace(acceptance.message, waha_id=f"3EB0{n}" if n % 2 else None)
        if n % 10 == 0:
            await store.cancel(message.id, NOW)
        if n % 10 == 1:
            await receive(store, f"3EB0{n}", 3)
        begins[message.id] = await store.begin(message, f"s{n % 3}", NOW + n)
        attempt = Attempt(f"s{n % 3}", NOW + n, NOW + n + 1, Sent(f"3EB0{n}"))
        final = Final(Status.SENT, waha_id=f"3EB0{n}")
        store.settle_soon(message, attempt, final, told[message.id].append)

    async with trio.open_nursery() as nursery:
        for n in range(300):
            nursery.start_soon(partial(live, n))
    await recorded(store)
    for n in range(300):
        after = Status.CANCELLED if n % 10 == 0 else Status.SENT
        assert begins[f"{n}"] == (n % 10 != 0)
        assert told[f"{n}"] == [after]
        record = await record_of(store, f"{n}")
        assert record.status is after
        assert record.session == (None if n % 10 == 0 else f"s{n % 3}")
        assert record.settled_at == (NOW if n % 10 == 0 else NOW + n + 1)
    assert (await store.ledger()).balanced
    for chat in range(7):
        known_to = (await accept(store, f"to {chat}", chat_id=f"{chat}@c.us")).known_to
        assert known_to == ("s0", "s1", "s2")
