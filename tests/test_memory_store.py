"""What the store in memory drops, beside the contract of every store."""

from tests.contract.messages import NOW, accept, begun, draft, finish, receive, settle, status_of
from trio_wa.adapters.acknowledgement import MAX_ACKS
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.core.status import Status
from trio_wa.ports import Accepted, IdempotencyKey, Replayed


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
    store = MemoryStore(lambda _: None, max_settled=2)
    for n in range(2):
        await finish(store, await accept(store, f"m{n}"), Status.FAILED, at=NOW)
    await store.retry("m0", NOW, NOW + 1)
    await finish(store, await accept(store, "m2"), Status.SENT)
    assert await status_of(store, "m0") is Status.QUEUED
    assert (await store.ledger()).purged == 0
    assert await store.expire("m0", NOW)
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
