"""What every store does for many callers at once, of whom some give up."""

import random
from collections import Counter

import trio

from tests.contract.messages import NOW, accept, draft, held
from trio_wa.core.message import Message
from trio_wa.ports import Accepted, Place, Store, Suppression


async def test_messages_are_published_by_seq_whoever_still_waits(
    store: Store, published: list[Message]
) -> None:
    """64 tasks accept in bursts, and a part of them gives up in between."""
    accepted: list[Message] = []
    dice = random.Random(4)

    async def submit(task: int) -> None:
        for n in range(10):
            await trio.lowlevel.checkpoint()
            with trio.CancelScope() as scope:
                nursery.start_soon(give_up, scope, task % 4)
                accepted.append(await accept(store, f"{task}-{n}"))
                assert accepted[-1] in published[-1000:]

    async def give_up(scope: trio.CancelScope, chance: int) -> None:
        for _ in range(dice.randrange(6)):
            await trio.lowlevel.checkpoint()
        if chance == 0:
            scope.cancel()

    async with trio.open_nursery() as nursery:
        for task in range(64):
            nursery.start_soon(submit, task)
    seqs = [message.seq for message in published]
    assert seqs == sorted(set(seqs))
    ledger = await store.ledger()
    assert ledger.accepted == len(published) == len(accepted)
    assert {message.id for message in accepted} == {message.id for message in published}
    assert await store.queued("normal", 0, 1000) == published
    assert ledger.balanced


async def test_every_place_is_told_of_whoever_gives_up(
    store: Store, published: list[Message]
) -> None:
    """Callers add and subtract what they are told; in the end that is what the store holds."""
    told: Counter[Place] = Counter()
    dice = random.Random(7)

    async def live(task: int) -> None:
        for call in (accept_some, release_some, cancel_some, suppress_some):
            with trio.CancelScope() as scope:
                nursery.start_soon(give_up, scope, dice.randrange(12))
                for _ in range(dice.randrange(6)):
                    await trio.lowlevel.checkpoint()
                await call(task)

    async def give_up(scope: trio.CancelScope, after: int) -> None:
        for _ in range(after):
            await trio.lowlevel.checkpoint()
        if after % 2:
            scope.cancel()

    async def accept_some(task: int) -> None:
        drafts = [
            draft(f"{task}-{n}", batch=f"{task}", chat_id=f"{n}@c.us", send_at=NOW + 5 * (n % 3))
            for n in range(6)
        ]
        answers = await store.accept_all(drafts)
        told.update(
            each.place
            for each, answer in zip(drafts, answers, strict=True)
            if isinstance(answer, Accepted)
        )

    async def release_some(_task: int) -> None:
        released = await store.release_due(NOW + 9, 4)
        told.update({"normal": len(released), "scheduled": -len(released)})

    async def cancel_some(task: int) -> None:
        told.subtract((await store.cancel_batch(f"{task // 2}", NOW + 9, 5)).values())

    async def suppress_some(task: int) -> None:
        if task % 16 == 0:
            places = await store.suppress(Suppression(f"{task // 16}@c.us", NOW + 9))
            told.subtract(places.values())

    async with trio.open_nursery() as nursery:
        for task in range(48):
            nursery.start_soon(live, task)
    assert await held(store) == {place: number for place, number in told.items() if number}
    assert (await store.ledger()).balanced
    seqs = [message.seq for message in published]
    assert seqs == sorted(set(seqs))
