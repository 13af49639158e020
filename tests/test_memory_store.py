"""What the store in memory drops, beside the contract of every store."""

from tests.contract.messages import NOW, accept, begun, draft, finish, receive, settle, status_of
from trio_wa.adapters.acknowledgement import MAX_ACKS
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.core.content import File, Image
from trio_wa.core.message import Message
from trio_wa.core.status import Status
from trio_wa.ports import Accepted, IdempotencyKey, Replayed, Suppression


async def test_only_the_newest_settled_messages_are_kept_and_the_others_count_as_purged() -> None:
    store = MemoryStore(lambda _: None, max_settled=2)
    for n in range(5):
        await accept(store, f"queued{n}")
        await finish(store, await accept(store, f"m{n}"), Status.FAILED, at=NOW + n)
    assert [await status_of(store, f"m{n}") for n in range(5)] == [*[None] * 3, *["failed"] * 2]
    assert [await status_of(store, f"queued{n}") for n in range(5)] == [Status.QUEUED] * 5
    ledger = await store.ledger()
    assert (ledger.accepted, ledger.purged) == (10, 3)
    assert ledger.balanced


async def test_a_retried_message_is_settled_anew() -> None:
    published: list[Message] = []
    store = MemoryStore(published.append, max_settled=2)
    for n in range(2):
        await finish(store, await accept(store, f"m{n}"), Status.FAILED, at=NOW)
    await store.retry("m0", NOW, NOW + 1)
    again = published[-1]
    await finish(store, await accept(store, "m2"), Status.SENT)
    assert await status_of(store, "m0") is Status.QUEUED
    assert (await store.ledger()).purged == 0
    assert await store.expire(again, NOW)
    assert await status_of(store, "m1") is None


async def test_only_the_newest_keys_are_kept() -> None:
    store = MemoryStore(lambda _: None, max_settled=2)
    for n in range(3):
        await store.accept(draft(f"m{n}", key=IdempotencyKey(f"k{n}", "f")))
    assert await store.accept(draft("x", key=IdempotencyKey("k1", "f"))) == Replayed("m1")
    again = await store.accept(draft("y", key=IdempotencyKey("k0", "f")))
    assert isinstance(again, Accepted)


async def test_only_the_newest_contacts_are_kept() -> None:
    store = MemoryStore(lambda _: None, max_settled=2)
    for n in range(3):
        await store.remember_contact(f"{n}@c.us", f"{n}@lid")
    assert [await store.contact(f"{n}@c.us") for n in range(3)] == [None, "1@lid", "2@lid"]


async def test_only_the_newest_recipients_are_known() -> None:
    store = MemoryStore(lambda _: None, max_settled=2)
    for session, n in (("one", 0), ("one", 1), ("two", 1), ("one", 2)):
        await store.remember_recipient(session, f"{n}@c.us")
    known = [(await accept(store, f"m{n}", chat_id=f"{n}@c.us")).known_to for n in range(3)]
    assert known == [(), ("one", "two"), ("one",)]


async def test_a_recipient_that_is_written_to_again_is_not_the_first_to_be_forgotten() -> None:
    store = MemoryStore(lambda _: None, max_settled=2)
    for message_id, chat_id in (("a", "1@c.us"), ("b", "2@c.us"), ("c", "1@c.us"), ("d", "3@c.us")):
        await finish(store, await accept(store, message_id, chat_id=chat_id), Status.SENT)
    known = [(await accept(store, f"m{n}", chat_id=f"{n}@c.us")).known_to for n in (1, 2, 3)]
    assert known == [("default",), (), ("default",)]


async def test_only_the_newest_acks_are_kept() -> None:
    store = MemoryStore(lambda _: None)
    for n in range(MAX_ACKS + 1):
        await receive(store, f"3EB0{n}", 2)
    for n, after in ((0, Status.SENT), (1, Status.DELIVERED), (MAX_ACKS, Status.DELIVERED)):
        waha_id, message = f"3EB0{n}", await begun(store, f"m{n}")
        assert await settle(store, message, Status.SENT, at=NOW, waha_id=waha_id) is after


async def test_the_ack_of_a_message_that_was_dropped_finds_nothing() -> None:
    store = MemoryStore(lambda _: None, max_settled=1)
    for message_id in ("a", "b"):
        await finish(store, await accept(store, message_id), Status.SENT)
    assert await receive(store, "3EB0a", 2) is None
    assert await receive(store, "3EB0b", 2) is not None
    assert not store._table.bearer("default", "3EB0a")


async def test_a_person_has_no_chat_id_that_was_forgotten() -> None:
    store = MemoryStore(lambda _: None, max_settled=1)
    await store.remember_contact("1@c.us", "1@lid")
    await store.remember_contact("2@c.us", "2@lid")
    await store.suppress(Suppression("1@lid", NOW))
    await accept(store, "a", chat_id="1@c.us")
    assert store._table.contacts.names("1@lid") == ("1@lid",)


async def test_nobody_falls_off_the_list() -> None:
    store = MemoryStore(lambda _: None, max_settled=2)
    for n in range(5):
        await store.suppress(Suppression(f"{n}@c.us", NOW))
    assert [await store.suppression(f"{n}@c.us") is None for n in range(5)] == [False] * 5


async def test_a_batch_goes_with_the_last_of_its_messages() -> None:
    store = MemoryStore(lambda _: None, max_settled=1)
    await store.accept_all([draft(f"m{n}", batch="b") for n in range(3)])
    assert list(await store.cancel_batch("b", NOW, 10)) == ["m0", "m1", "m2"]
    batch = await store.batch("b")
    assert batch is not None
    assert batch.counts == {Status.CANCELLED: 1}
    await finish(store, await accept(store, "another"), Status.SENT)
    assert await store.batch("b") is None
    assert not store._table.batches


async def test_the_data_of_messages_that_were_dropped_are_spent_all_the_same() -> None:
    store = MemoryStore(lambda _: None, max_settled=1)
    for n in range(3):
        message = await accept(store, f"m{n}", content=Image(File("image/png")))
        await finish(store, message, Status.SENT)
    assert await store.get("m0") is None
    assert await store.spent_data(10) == ["m0", "m1", "m2"]
    await store.forget_data(["m0", "m1", "m2"])
    assert await store.spent_data(10) == []


async def test_a_scheduled_message_is_not_dropped() -> None:
    store = MemoryStore(lambda _: None, max_settled=1)
    await accept(store, "scheduled", send_at=NOW + 99)
    for n in range(3):
        await finish(store, await accept(store, f"m{n}"), Status.SENT)
    assert [each.id for each in await store.release_due(NOW + 99, 10)] == ["scheduled"]
    assert (await store.ledger()).balanced
