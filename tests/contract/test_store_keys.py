"""What every store makes of idempotency keys."""

import trio

from tests.contract.messages import NOW, draft
from trio_wa.core.message import Message
from trio_wa.ports import Accepted, IdempotencyKey, KeyReused, Replayed, Store


async def test_a_key_replays_the_same_request_and_refuses_another(
    store: Store, published: list[Message]
) -> None:
    key = IdempotencyKey("k", "payload")
    assert isinstance(await store.accept(draft("a", key=key)), Accepted)
    assert await store.accept(draft("b", key=key)) == Replayed("a")
    other = IdempotencyKey("k", "other payload")
    assert await store.accept(draft("c", key=other)) == KeyReused()
    assert (await store.ledger()).accepted == 1
    assert [message.id for message in published] == ["a"]
    assert await store.get("b") is None


async def test_each_owner_has_its_own_keys(store: Store) -> None:
    key = IdempotencyKey("k", "payload")
    for n, owner in enumerate((None, "shop", "bank")):
        assert isinstance(await store.accept(draft(f"m{n}", owner=owner, key=key)), Accepted)
    assert await store.accept(draft("x", owner="shop", key=key)) == Replayed("m1")


async def test_the_same_key_at_the_same_time_is_accepted_once(store: Store) -> None:
    key = IdempotencyKey("k", "payload")
    answers = []

    async def one(message_id: str) -> None:
        answers.append(await store.accept(draft(message_id, key=key)))

    async with trio.open_nursery() as nursery:
        for n in range(8):
            nursery.start_soon(one, f"m{n}")
    [accepted] = [answer for answer in answers if isinstance(answer, Accepted)]
    assert answers.count(Replayed(accepted.message.id)) == 7
    assert (await store.ledger()).accepted == 1


async def test_old_keys_are_forgotten_in_chunks(store: Store) -> None:
    for n in range(5):
        key = IdempotencyKey(f"k{n}", "payload")
        await store.accept(draft(f"m{n}", at=NOW + n, key=key))
    assert await store.forget_keys(NOW + 3, 2) == 2
    assert await store.forget_keys(NOW + 3, 2) == 1
    assert await store.forget_keys(NOW + 3, 2) == 0
    fresh = draft("x", key=IdempotencyKey("k2", "another payload"))
    assert isinstance(await store.accept(fresh), Accepted)
    kept = draft("y", key=IdempotencyKey("k3", "payload"))
    assert await store.accept(kept) == Replayed("m3")
