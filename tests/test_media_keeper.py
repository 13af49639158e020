"""When the data of files go: once nothing will send them any more, and never before."""

from collections.abc import Sequence

import pytest
import structlog.testing
import trio

from tests.contract.messages import NOW, accept, finish, inquire, requeue
from tests.fakes import cancelled_at
from trio_wa.adapters.media_memory import MemoryMedia
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.core.content import Document, File
from trio_wa.core.message import Message
from trio_wa.core.retry import Final
from trio_wa.core.status import Status
from trio_wa.media import CHUNK, SWEEP_SECONDS, MediaKeeper
from trio_wa.ports import StoreUnavailable

PDF = Document(File("application/pdf", "invoice.pdf"))
SETTLED = (Status.SENT, Status.FAILED, Status.UNKNOWN, Status.EXPIRED, Status.CANCELLED)
A_WHILE = 10 * SWEEP_SECONDS


class FaultyMedia(MemoryMedia):
    """Data on a disk that fails while `failing` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.failing = False

    async def remove(self, message_ids: Sequence[str]) -> None:
        self._fail()
        await super().remove(message_ids)

    async def kept(self) -> Sequence[str]:
        self._fail()
        return await super().kept()

    def _fail(self) -> None:
        if self.failing:
            raise StoreUnavailable("the disk hangs")


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(lambda _: None)


@pytest.fixture
def media() -> FaultyMedia:
    return FaultyMedia()


async def accept_file(store: MemoryStore, media: MemoryMedia, message_id: str) -> Message:
    """Accept a message with data, as the intake does."""
    await media.put({message_id: message_id.encode()})
    return await accept(store, message_id, content=PDF)


async def for_a_while(keeper: MediaKeeper, seconds: float = A_WHILE) -> None:
    with trio.move_on_after(seconds):
        await keeper.run()


async def test_data_go_within_seconds_once_their_message_is_settled(
    store: MemoryStore, media: FaultyMedia, autojump_clock: trio.testing.MockClock
) -> None:
    keeper = MediaKeeper(store, media)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keeper.run)
        for status in SETTLED:
            message = await accept_file(store, media, status.value)
            await trio.sleep(A_WHILE)
            assert await media.read(message.id) == message.id.encode()
            await finish(store, message, status)
            await trio.sleep(SWEEP_SECONDS + 0.1)
            assert await media.kept() == []
            assert await store.spent_data(1) == []
        nursery.cancel_scope.cancel()


async def test_data_stay_while_their_message_is_sent_retried_looked_up_or_scheduled(
    store: MemoryStore, media: FaultyMedia, autojump_clock: trio.testing.MockClock
) -> None:
    await accept_file(store, media, "queued")
    await media.put({"scheduled": b"scheduled"})
    await accept(store, "scheduled", content=PDF, send_at=NOW + 99_999)
    for name in ("sending", "retried", "looked_up"):
        message = await accept_file(store, media, name)
        assert await store.begin(message, "default", NOW)
        if name == "retried":
            await requeue(store, message, message, at=NOW + 1)
        elif name == "looked_up":
            await inquire(store, message, at=NOW + 1)
    names = {"queued", "scheduled", "sending", "retried", "looked_up"}
    for _ in range(3):  # each a start of the service
        keeper = MediaKeeper(store, media)
        await keeper.look()
        await for_a_while(keeper)
        assert set(await media.kept()) == names
    assert await store.resolve(message, "default", NOW + 9, Final(Status.SENT))
    await for_a_while(keeper)
    assert set(await media.kept()) == names - {"looked_up"}


async def test_data_of_no_message_go_at_the_start(
    store: MemoryStore, media: FaultyMedia, autojump_clock: trio.testing.MockClock
) -> None:
    await media.put({f"m{n}": b"put, and never accepted" for n in range(2 * CHUNK + 10)})
    for n in range(0, 2 * CHUNK + 10, 50):
        await accept(store, f"m{n}", content=PDF)
    await accept(store, "m1")  # whose data nothing holds: it is a text
    keeper = MediaKeeper(store, media)
    await keeper.look()
    await for_a_while(keeper)
    assert set(await media.kept()) == {f"m{n}" for n in range(0, 2 * CHUNK + 10, 50)}


async def test_data_that_were_put_after_the_start_wait_for_their_message(
    store: MemoryStore, media: FaultyMedia, autojump_clock: trio.testing.MockClock
) -> None:
    keeper = MediaKeeper(store, media)
    await keeper.look()
    await media.put({"a": b"being accepted"})
    await for_a_while(keeper)
    assert await media.kept() == ["a"]


async def test_what_a_kill_left_settled_goes_at_the_next_start(
    store: MemoryStore, media: FaultyMedia, autojump_clock: trio.testing.MockClock
) -> None:
    for n in range(CHUNK + 10):
        await finish(store, await accept_file(store, media, f"m{n}"), Status.SENT)
    keeper = MediaKeeper(store, media)
    await keeper.look()
    await for_a_while(keeper)
    assert await media.kept() == []
    assert await store.spent_data(1) == []


async def test_a_disk_that_fails_is_told_once_and_tried_again(
    store: MemoryStore, media: FaultyMedia, autojump_clock: trio.testing.MockClock
) -> None:
    await media.put({"stray": b"of no message"})
    keeper = MediaKeeper(store, media)
    await keeper.look()
    with structlog.testing.capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keeper.run)
            for name in ("a", "b"):
                media.failing = True
                await finish(store, await accept_file(store, media, name), Status.SENT)
                await trio.sleep(A_WHILE)
                assert name in await MemoryMedia.kept(media)
                media.failing = False
                await trio.sleep(A_WHILE)
                assert await media.kept() == []
            nursery.cancel_scope.cancel()
    assert [(log["event"], log["reason"]) for log in logs] == [
        ("media.not_removed", "the disk hangs")
    ] * 2


async def test_what_cannot_be_looked_at_does_not_keep_the_service_from_its_start(
    store: MemoryStore, media: FaultyMedia, autojump_clock: trio.testing.MockClock
) -> None:
    await media.put({"stray": b"of no message"})
    media.failing = True
    keeper = MediaKeeper(store, media)
    with structlog.testing.capture_logs() as logs:
        await keeper.look()
    assert [(log["event"], log["reason"]) for log in logs] == [
        ("media.not_looked_at", "the disk hangs")
    ]
    media.failing = False
    await media.put({"a": b"being accepted"})
    await for_a_while(keeper)
    assert await media.kept() == ["stray", "a"], "what is being accepted cannot be told from it"


async def test_a_keeper_stopped_at_any_yield_leaves_the_rest_to_the_next_start(
    store: MemoryStore, media: FaultyMedia, autojump_clock: trio.testing.MockClock
) -> None:
    for step in range(1, 9):
        await media.put({"stray": b"of no message"})
        await accept_file(store, media, f"queued-{step}")
        await finish(store, await accept_file(store, media, f"sent-{step}"), Status.SENT)
        keeper = MediaKeeper(store, media)
        await keeper.look()
        assert await cancelled_at(step, keeper.run)
        keeper = MediaKeeper(store, media)
        await keeper.look()
        await for_a_while(keeper)
        assert await media.kept() == [f"queued-{n}" for n in range(1, step + 1)]
        assert await store.spent_data(1) == []
