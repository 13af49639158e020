"""What every store does with lanes: each has an order, a feed and places of its own."""

from dataclasses import replace

import pytest

from tests.contract.messages import (
    NOW,
    accept,
    begun,
    finish,
    held,
    inquire,
    receive,
    record_of,
    requeue,
    settle,
)
from trio_wa.core.message import LANES, Message, Priority
from trio_wa.core.retry import Final
from trio_wa.core.status import Status
from trio_wa.ports import Store


async def fill(store: Store) -> dict[Priority, list[Message]]:
    """Three messages in each lane, in turn."""
    lanes: dict[Priority, list[Message]] = {priority: [] for priority in LANES}
    for n in range(3):
        for priority in ("bulk", "urgent", "normal"):
            message = await accept(store, f"{priority}{n}", priority=priority)
            lanes[priority].append(message)
    return lanes


async def test_one_order_of_acceptance_spans_all_lanes(
    store: Store, published: list[Message]
) -> None:
    lanes = await fill(store)
    seqs = [message.seq for message in published]
    assert seqs == sorted(set(seqs))
    assert len(published) == sum(len(messages) for messages in lanes.values())
    assert [message.priority for message in published[:3]] == ["bulk", "urgent", "normal"]


@pytest.mark.parametrize("priority", LANES)
async def test_a_lane_is_read_by_itself_in_order(store: Store, priority: Priority) -> None:
    messages = (await fill(store))[priority]
    assert await store.queued(priority, 0, 10) == messages
    assert await store.queued(priority, messages[0].seq, 1) == messages[1:2]
    assert await store.queued(priority, messages[1].seq - 1, 10) == messages[1:]
    assert await store.queued(priority, messages[2].seq, 10) == []


async def test_a_requeued_message_keeps_its_place_in_its_lane(store: Store) -> None:
    first, second, third = (await fill(store))["bulk"]
    await store.begin(second, "default", NOW + 1)
    later = replace(second, due_at=NOW + 9, attempts=1)
    await requeue(store, second, later, at=NOW + 2)
    assert await store.queued("bulk", 0, 10) == [first, later, third]


async def test_a_retried_message_stays_in_its_lane(store: Store, published: list[Message]) -> None:
    first, second, third = (await fill(store))["urgent"]
    await finish(store, first, Status.EXPIRED)
    assert await store.retry(first.id, NOW + 3, NOW + 99)
    assert published[-1].priority == "urgent"
    assert await store.queued("urgent", 0, 10) == [second, third, published[-1]]


async def test_only_the_overdue_of_a_lane_expire(store: Store) -> None:
    lanes = await fill(store)
    after = lanes["normal"][0].seq
    assert await store.expire_overdue("normal", after, NOW + 3600, 1) == 1
    assert await store.expire_overdue("normal", after, NOW + 3600, 10) == 1
    assert await store.queued("normal", 0, 10) == lanes["normal"][:1]
    assert await store.queued("urgent", 0, 10) == lanes["urgent"]
    assert await store.queued("bulk", 0, 10) == lanes["bulk"]


async def test_a_cancelled_message_gives_the_place_in_its_lane(store: Store) -> None:
    await fill(store)
    for priority in LANES:
        assert await store.cancel(f"{priority}0", NOW + 1) == priority
        assert await store.cancel(f"{priority}0", NOW + 1) is None


async def test_a_place_is_held_until_a_message_is_settled(store: Store) -> None:
    lanes = await fill(store)
    assert await held(store) == {"urgent": 3, "normal": 3, "bulk": 3}
    asked = replace(lanes["normal"][0], waha_id="3EB0")
    await store.begin(asked, "default", NOW + 1)
    await inquire(store, asked)
    await store.begin(lanes["bulk"][0], "default", NOW + 1)
    assert await held(store) == {"urgent": 3, "normal": 3, "bulk": 3}
    await store.resolve(asked, "default", NOW + 3, Final(Status.UNKNOWN, "gave_up", "?"))
    await settle(store, lanes["bulk"][0], Status.SENT, at=NOW + 3)
    await store.expire(lanes["urgent"][0], NOW + 3)
    await store.cancel("urgent1", NOW + 3)
    assert await held(store) == {"urgent": 1, "normal": 2, "bulk": 2}
    await store.retry("urgent0", NOW + 4, NOW + 99)
    assert await held(store) == {"urgent": 2, "normal": 2, "bulk": 2}


async def test_an_empty_store_holds_no_places(store: Store) -> None:
    assert await held(store) == {}


@pytest.mark.parametrize("priority", LANES)
async def test_what_is_learned_of_a_message_names_its_lane(
    store: Store, priority: Priority
) -> None:
    message = await begun(store, "a", "3EB0", priority=priority)
    await settle(store, message, Status.SENT, at=NOW + 2, waha_id="3EB0")
    [waiting] = await store.unconfirmed("default", NOW, 10)
    assert waiting.priority == priority
    moved = await receive(store, "3EB0", 2)
    assert moved is not None
    assert moved.priority == priority
    assert (await record_of(store, "a")).priority == priority
    assert await store.resend("a", NOW + 9) is False


async def test_an_attempt_that_was_left_open_names_its_lane(store: Store) -> None:
    await begun(store, "a", priority="bulk")
    [attempt] = await store.open_attempts()
    assert attempt.message.priority == "bulk"


async def test_open_attempts_come_by_seq_whatever_their_lane(store: Store) -> None:
    lanes = await fill(store)
    for message in (lanes["normal"][0], lanes["urgent"][1], lanes["bulk"][0]):
        await store.begin(message, "default", NOW + 1)
    ids = [attempt.message.id for attempt in await store.open_attempts()]
    assert ids == ["bulk0", "normal0", "urgent1"]


async def test_open_attempts_come_by_their_last_place(store: Store) -> None:
    await accept(store, "first", send_at=NOW + 9)
    second = await accept(store, "second", priority="urgent")
    [first] = await store.release_due(NOW + 9, 10)
    for message in (first, second):
        await store.begin(message, "default", NOW + 10)
    ids = [attempt.message.id for attempt in await store.open_attempts()]
    assert ids == ["second", "first"]
