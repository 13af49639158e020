"""What every store knows of the data of files, which are kept beside it."""

import itertools
from collections.abc import Callable

import pytest

from tests.contract.messages import (
    HELLO,
    NOW,
    accept,
    begun,
    finish,
    inquire,
    receive,
    record_of,
    requeue,
    settle,
)
from trio_wa.core.content import Content, Document, File, Image, Text, Video, Voice
from trio_wa.core.message import Message
from trio_wa.core.retry import Final
from trio_wa.core.status import Status
from trio_wa.ports import Store, Suppression

PICTURE = Image(File("image/png"))
AT_URL = Image(File("image/png", url="https://example.com/a.png"))
ENDS = (Status.SENT, Status.FAILED, Status.UNKNOWN, Status.EXPIRED, Status.CANCELLED)


async def spent(store: Store) -> set[str]:
    return set(await store.spent_data(100))


@pytest.mark.parametrize("medium", [Image, Document, Voice, Video])
async def test_a_message_that_came_with_data_says_so(
    store: Store, medium: Callable[[File], Content]
) -> None:
    await accept(store, "data", content=medium(File("image/png")))
    await accept(store, "url", content=medium(File("image/png", url="https://example.com")))
    await accept(store, "text", content=Text("Hello"))
    ids = ("data", "url", "text")
    assert [(await record_of(store, each)).has_data for each in ids] == [True, False, False]
    assert await store.holding_data([*ids, "nobody", "\ud800"]) == frozenset({"data"})
    assert await store.holding_data([]) == frozenset()


async def test_data_are_held_until_their_message_is_settled(store: Store) -> None:
    message = await accept(store, "queued", content=PICTURE)
    await accept(store, "scheduled", content=PICTURE, send_at=NOW + 99)
    await begun(store, "sending", content=PICTURE)
    await inquire(store, await begun(store, "asked", content=PICTURE))
    await store.begin(message, "default", NOW + 1)
    await requeue(store, message, message, at=NOW + 2)
    ids = ["queued", "scheduled", "sending", "asked"]
    assert await spent(store) == set()
    assert await store.holding_data(ids) == frozenset(ids)


@pytest.mark.parametrize("status", ENDS)
async def test_the_data_of_a_settled_message_are_spent_until_they_are_forgotten(
    store: Store, status: Status
) -> None:
    await finish(store, await accept(store, "a", content=PICTURE), status)
    await finish(store, await accept(store, "text"), status)
    await finish(store, await accept(store, "url", content=AT_URL), status)
    assert await spent(store) == {"a"}
    assert await store.holding_data(["a"]) == frozenset()
    await store.forget_data(["a", "nobody", "text"])
    assert await spent(store) == set()
    assert (await record_of(store, "a")).has_data, "it came with data all the same"


async def test_data_are_spent_by_every_other_end(store: Store) -> None:
    asked = await begun(store, "asked", content=PICTURE)
    await inquire(store, asked)
    await store.resolve(asked, "default", NOW + 9, Final(Status.UNKNOWN, "gave_up", "?"))
    await inquire(store, await begun(store, "acknowledged", "3EB0", content=PICTURE))
    await receive(store, "3EB0", 1)
    await accept(store, "overdue", content=PICTURE, expires_at=NOW + 1)
    await store.expire_overdue("normal", 0, NOW + 1, 10)
    await accept(store, "batch", content=PICTURE, batch="b")
    await store.cancel_batch("b", NOW + 1, 10)
    await accept(store, "scheduled", content=PICTURE, send_at=NOW + 9)
    await store.cancel("scheduled", NOW + 1)
    await accept(store, "unwanted", content=PICTURE, chat_id="1@c.us")
    await store.suppress(Suppression("1@c.us", NOW + 1))
    everything = {"asked", "acknowledged", "overdue", "batch", "scheduled", "unwanted"}
    assert await spent(store) == everything
    await store.forget_data(["asked", "batch"])
    assert await spent(store) == everything - {"asked", "batch"}


async def test_an_ack_after_the_end_spends_no_data_twice(store: Store) -> None:
    message = await begun(store, "a", "3EB0", content=PICTURE)
    await settle(store, message, Status.SENT, at=NOW + 2, waha_id="3EB0")
    await store.forget_data(["a"])
    await receive(store, "3EB0", 3)
    assert await spent(store) == set()


async def test_spent_data_come_in_chunks(store: Store) -> None:
    for n in range(5):
        await finish(store, await accept(store, f"m{n}", content=PICTURE), Status.SENT)
    chunks = []
    while chunk := await store.spent_data(2):
        await store.forget_data(chunk)
        chunks.append(chunk)
    assert [len(chunk) for chunk in chunks] == [2, 2, 1]
    assert sorted(itertools.chain(*chunks)) == [f"m{n}" for n in range(5)]


@pytest.mark.parametrize("forgotten", [False, True])
@pytest.mark.parametrize("status", [Status.FAILED, Status.UNKNOWN, Status.EXPIRED])
async def test_a_message_is_not_retried_without_its_data(
    store: Store, published: list[Message], status: Status, *, forgotten: bool
) -> None:
    await finish(store, await accept(store, "data", content=PICTURE), status)
    await finish(store, await accept(store, "url", content=AT_URL), status)
    if forgotten:
        await store.forget_data(["data"])
    before = await store.get("data")
    assert not await store.retry("data", NOW + 9, NOW + 99)
    assert await store.get("data") == before
    assert await store.retry("url", NOW + 9, NOW + 99)
    assert [message.id for message in published] == ["data", "url", "url"]


async def test_a_message_is_not_resent_without_its_data(store: Store) -> None:
    await finish(store, await accept(store, "data", content=PICTURE), Status.SENT)
    await finish(store, await accept(store, "url", content=AT_URL), Status.SENT)
    assert not await store.resend("data", NOW + 9)
    assert await store.resend("url", NOW + 9)


async def test_a_message_is_kept_until_its_data_are_forgotten(store: Store) -> None:
    for message_id, content in (("a", PICTURE), ("b", PICTURE), ("text", HELLO), ("url", AT_URL)):
        await finish(store, await accept(store, message_id, content=content), Status.SENT)
    assert await store.purge(NOW + 99, 10) == 2
    assert await spent(store) == {"a", "b"}
    assert await store.purge(NOW + 99, 10) == 0
    await store.forget_data(["b"])
    assert await store.purge(NOW + 99, 1) == 1, "what is kept takes no place in a chunk"
    assert await store.get("b") is None
    assert await spent(store) == {"a"}
    ledger = await store.ledger()
    assert (ledger.balanced, ledger.purged) == (True, 3)


async def test_data_outlive_the_end_of_no_message(store: Store) -> None:
    await finish(store, await accept(store, "a", content=PICTURE), Status.SENT, at=NOW + 5)
    await store.forget_data(await store.spent_data(10))
    assert await store.purge(NOW + 6, 10) == 1
    assert await spent(store) == set()
    assert await store.holding_data(["a"]) == frozenset()
