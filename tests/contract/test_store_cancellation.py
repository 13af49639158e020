"""What every store leaves behind where its callers are cancelled, and in which order it speaks."""

import random
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio

from tests.contract.messages import NOW, accept, draft, finish, settle, status_of
from trio_wa.core.message import Message
from trio_wa.core.status import Status
from trio_wa.ports import Accepted, Filter, IdempotencyKey, Store


async def cancelled(call: Callable[[], Awaitable[object]]) -> None:
    """Make the call in a scope that is cancelled already."""
    with trio.CancelScope() as scope:
        scope.cancel()
        await call()
    assert scope.cancelled_caught, "every call is a checkpoint"


async def test_a_cancelled_accept_records_and_publishes_nothing(
    store: Store, published: list[Message]
) -> None:
    key = IdempotencyKey("k", "payload")
    await cancelled(partial(store.accept, draft("a", key=key)))
    assert isinstance(await store.accept(draft("b", key=key)), Accepted)
    assert await store.get("a") is None
    assert (await store.ledger()).accepted == 1
    assert [message.id for message in published] == ["b"]


async def test_cancelled_changes_are_left_out(store: Store, published: list[Message]) -> None:
    queued = await accept(store, "queued")
    await finish(store, await accept(store, "failed"), Status.FAILED)
    for change in (
        partial(store.begin, queued, "default", NOW),
        partial(store.expire, "queued", NOW),
        partial(store.cancel, "queued", NOW),
        partial(store.expire_overdue, 0, NOW + 99_999, 10),
        partial(store.retry, "failed", NOW, NOW + 1),
        partial(store.purge, NOW + 99, 10),
    ):
        await cancelled(change)
    await accept(store, "behind them")
    assert await status_of(store, "queued") is Status.QUEUED
    assert await status_of(store, "failed") is Status.FAILED
    assert len(published) == 3


async def test_a_cancelled_settle_is_made_all_the_same(store: Store) -> None:
    message = await accept(store, "a")
    await store.begin(message, "default", NOW)
    await cancelled(partial(settle, store, message, Status.SENT, at=NOW + 1))
    await accept(store, "behind it")
    assert await status_of(store, "a") is Status.SENT


@pytest.mark.parametrize("read", ["get", "find", "ledger", "queued", "open_attempts"])
async def test_a_cancelled_read_does_no_harm(store: Store, read: str) -> None:
    await accept(store, "a")
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "get": partial(store.get, "a"),
        "find": partial(store.find, Filter(), 10),
        "ledger": store.ledger,
        "queued": partial(store.queued, 0, 10),
        "open_attempts": store.open_attempts,
    }
    await cancelled(calls[read])
    assert await status_of(store, "a") is Status.QUEUED


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
    assert await store.queued(0, 1000) == published
    assert ledger.balanced
