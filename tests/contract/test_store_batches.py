"""What every store does with messages that are accepted together."""

import pytest
import trio

from tests.contract.messages import NOW, accept, draft, finish, held, inquire, record_of
from trio_wa.core.message import Message
from trio_wa.core.status import Status
from trio_wa.ports import (
    Accepted,
    Batch,
    Draft,
    Filter,
    IdempotencyKey,
    KeyReused,
    Replayed,
    Store,
    Suppressed,
    Suppression,
)

KEY = IdempotencyKey("k", "payload")


async def standing(store: Store, batch: str) -> tuple[int, dict[Status, int]]:
    """How many of a batch are scheduled, and how many are in each state where any are."""
    found = await store.batch(batch)
    assert found is not None
    return found.scheduled, {status: n for status, n in found.counts.items() if n}


async def fill(store: Store, number: int, batch: str = "b") -> list[Message]:
    drafts = [draft(f"{batch}{n}", at=NOW + n, batch=batch, owner="shop") for n in range(number)]
    answers = await store.accept_all(drafts)
    return [answer.message for answer in answers if isinstance(answer, Accepted)]


async def test_messages_are_accepted_together_in_order(
    store: Store, published: list[Message]
) -> None:
    before = await accept(store, "before")
    messages = await fill(store, 100)
    assert [message.id for message in messages] == [f"b{n}" for n in range(100)]
    assert published == [before, *messages]
    assert await store.queued("normal", 0, 1000) == published
    assert (await accept(store, "after")).seq > messages[-1].seq
    assert (await store.ledger()).accepted == 102


async def test_nothing_at_all_is_accepted_too(store: Store, published: list[Message]) -> None:
    assert await store.accept_all([]) == []
    assert published == []
    assert (await store.ledger()).accepted == 0


async def test_each_message_is_answered_by_itself(store: Store, published: list[Message]) -> None:
    first = await store.accept(draft("first", key=KEY))
    stop = Suppression("9@c.us", NOW, "STOP", "default")
    await store.suppress(stop)
    twice = IdempotencyKey("twice", "payload")
    answers = await store.accept_all(
        [
            draft("a"),
            draft("b", key=KEY),
            draft("c", key=IdempotencyKey("k", "another payload")),
            draft("d", chat_id="9@c.us"),
            draft("e", key=twice),
            draft("f", key=twice),
            draft("g", key=IdempotencyKey("twice", "another payload")),
            draft("h", owner="shop", key=twice),
            draft("i", chat_id="9@c.us", ignore_suppression=True),
            draft("j", priority="bulk"),
            draft("k", send_at=NOW + 60),
        ]
    )
    kinds = [type(answer) for answer in answers]
    assert kinds == [
        Accepted,
        Replayed,
        KeyReused,
        Suppressed,
        Accepted,
        Replayed,
        KeyReused,
        *[Accepted] * 4,
    ]
    assert answers[1] == Replayed("first")
    assert answers[3] == Suppressed(stop)
    assert answers[5] == Replayed("e")
    accepted = [answer.message for answer in answers if isinstance(answer, Accepted)]
    assert [message.id for message in accepted] == list("aehijk")
    assert isinstance(first, Accepted)
    assert published == [first.message, *accepted[:-1]]
    assert (await store.ledger()).accepted == 7
    assert [await store.get(message_id) for message_id in "bcdfg"] == [None] * 5
    assert await held(store) == {"normal": 5, "bulk": 1, "scheduled": 1}


@pytest.mark.parametrize("ids", [["x", "y", "a"], ["x", "y", "x"]])
async def test_a_repeated_id_leaves_nothing_of_the_call(
    store: Store, published: list[Message], ids: list[str]
) -> None:
    await accept(store, "a")
    drafts = [
        draft(message_id, key=IdempotencyKey(str(n), "f")) for n, message_id in enumerate(ids)
    ]
    with pytest.raises(ValueError, match="accepted before"):
        await store.accept_all(drafts)
    assert [message.id for message in published] == ["a"]
    assert (await store.ledger()).accepted == 1
    assert [await store.get(message_id) for message_id in "xy"] == [None, None]
    assert await store.replayed(drafts[0]) is None
    answers = await store.accept_all(drafts[:2])
    assert [type(answer) for answer in answers] == [Accepted, Accepted]
    assert (await store.ledger()).balanced


async def test_a_call_that_fails_takes_no_neighbour_with_it(
    store: Store, published: list[Message]
) -> None:
    await accept(store, "a")
    failures: list[ValueError] = []

    async def fail() -> None:
        try:
            await store.accept_all([draft("x"), draft("a")])
        except ValueError as error:
            failures.append(error)

    async with trio.open_nursery() as nursery:
        for n in range(6):
            nursery.start_soon(store.accept_all, [draft(f"{n}-0"), draft(f"{n}-1")])
            if n % 2:
                nursery.start_soon(fail)
    assert len(failures) == 3
    ids = [message.id for message in published[1:]]
    assert sorted(ids) == sorted(f"{n}-{m}" for n in range(6) for m in range(2))
    assert all(ids[ids.index(f"{n}-0") + 1] == f"{n}-1" for n in range(6)), "each call together"
    assert await store.queued("normal", 0, 100) == published
    assert (await store.ledger()).balanced


async def test_a_key_can_be_looked_up_without_using_it(store: Store) -> None:
    fresh = draft("a", key=KEY)
    assert await store.replayed(fresh) is None
    assert isinstance(await store.accept(fresh), Accepted)
    assert await store.replayed(draft("b", key=KEY)) == Replayed("a")
    assert await store.replayed(draft("b", key=IdempotencyKey("k", "other"))) == KeyReused()
    assert await store.replayed(draft("b", key=KEY, owner="shop")) is None
    assert await store.replayed(draft("b")) is None


async def test_a_batch_counts_its_states(store: Store) -> None:
    messages = await fill(store, 6)
    await fill(store, 2, "another")
    await accept(store, "of none")
    assert await standing(store, "b") == (0, {Status.QUEUED: 6})
    await finish(store, messages[0], Status.SENT)
    await finish(store, messages[1], Status.FAILED)
    await finish(store, messages[2], Status.CANCELLED)
    await store.begin(messages[3], "default", NOW + 1)
    await store.accept(draft("later", batch="b", send_at=NOW + 99))
    assert await standing(store, "b") == (
        1,
        {
            Status.SENT: 1,
            Status.FAILED: 1,
            Status.CANCELLED: 1,
            Status.SENDING: 1,
            Status.QUEUED: 3,
        },
    )
    await store.release_due(NOW + 99, 10)
    assert (await standing(store, "b"))[0] == 0
    found = await store.batch("b")
    assert isinstance(found, Batch)
    assert (found.id, found.owner, found.accepted_at) == ("b", "shop", NOW)


@pytest.mark.parametrize("batch", ["", "nobody", "a\0b", "\ud800", "B"])
async def test_an_unknown_batch_is_none(store: Store, batch: str) -> None:
    await fill(store, 2)
    await accept(store, "of none")
    assert await store.batch(batch) is None
    assert await store.cancel_batch(batch, NOW, 10) == {}
    assert await store.find(Filter(batch=batch), 10) == []


async def test_a_batch_ends_with_its_last_message(store: Store) -> None:
    for message in await fill(store, 2):
        await finish(store, message, Status.SENT, at=NOW + 5)
    assert await store.purge(NOW + 6, 1) == 1
    assert await standing(store, "b") == (0, {Status.SENT: 1})
    assert await store.purge(NOW + 6, 1) == 1
    assert await store.batch("b") is None


async def test_a_batch_is_cancelled_in_chunks_the_oldest_first(store: Store) -> None:
    await fill(store, 5)
    await fill(store, 1, "another")
    await accept(store, "of none")
    assert await store.cancel_batch("b", NOW + 9, 2) == {"b0": "normal", "b1": "normal"}
    assert await standing(store, "b") == (0, {Status.CANCELLED: 2, Status.QUEUED: 3})
    assert list(await store.cancel_batch("b", NOW + 9, 2)) == ["b2", "b3"]
    assert list(await store.cancel_batch("b", NOW + 9, 2)) == ["b4"]
    assert await store.cancel_batch("b", NOW + 9, 2) == {}
    left = [message.id for message in await store.queued("normal", 0, 10)]
    assert left == ["another0", "of none"]
    record = await record_of(store, "b4")
    assert (record.status, record.settled_at) == (Status.CANCELLED, NOW + 9)
    assert record.events[-1].status is Status.CANCELLED


async def test_what_of_a_batch_is_not_queued_stays_as_it_is(
    store: Store, published: list[Message]
) -> None:
    drafts: list[Draft] = [draft(f"m{n}", batch="b") for n in range(4)]
    drafts.append(draft("urgent", batch="b", priority="urgent"))
    drafts.append(draft("later", batch="b", send_at=NOW + 60))
    await store.accept_all(drafts)
    await store.begin(published[0], "default", NOW + 1)
    await finish(store, published[1], Status.SENT)
    await store.begin(published[2], "default", NOW + 1)
    await inquire(store, published[2])
    before = [await store.get(f"m{n}") for n in range(3)]
    assert await store.cancel_batch("b", NOW + 9, 10) == {
        "m3": "normal",
        "urgent": "urgent",
        "later": "scheduled",
    }
    assert [await store.get(f"m{n}") for n in range(3)] == before
    assert await store.release_due(NOW + 99, 10) == []
    assert await held(store) == {"normal": 2}
    assert (await store.ledger()).balanced


async def test_the_messages_of_a_batch_are_listed(store: Store) -> None:
    messages = await fill(store, 4)
    await fill(store, 1, "another")
    await finish(store, messages[2], Status.SENT, at=NOW + 50)
    found = await store.find(Filter(batch="b"), 10)
    assert [record.id for record in found] == ["b3", "b2", "b1", "b0"]
    assert [record.batch for record in found] == ["b"] * 4
    found = await store.find(Filter(batch="b", status=Status.QUEUED, before=NOW + 3), 10)
    assert [record.id for record in found] == ["b1", "b0"]
    assert await store.find(Filter(batch="b", owner="bank"), 10) == []
