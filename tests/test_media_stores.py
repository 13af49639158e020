"""What every store of media does."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from tests.fakes import cancelled_at
from trio_wa.adapters.media_directory import THREADS, MediaDirectory
from trio_wa.adapters.media_memory import MemoryMedia
from trio_wa.ports import MediaStore

PICTURE = bytes(range(256)) * 64
TWO = {"a": PICTURE, "B-_9": b""}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "trio-wa.db.media"


@pytest.fixture(params=["memory", "directory"])
def media(request: pytest.FixtureRequest, directory: Path) -> MediaStore:
    """A store of each kind, empty."""
    return MemoryMedia() if request.param == "memory" else MediaDirectory(directory)


async def threads_ended(media: MediaDirectory) -> None:
    """Wait for the threads that cancelled calls left behind."""
    for _ in range(THREADS):
        await media._limiter.acquire_on_behalf_of(object())
    for borrower in list(media._limiter.statistics().borrowers):
        media._limiter.release_on_behalf_of(borrower)


async def test_what_was_put_is_read_until_it_is_removed(media: MediaStore) -> None:
    await media.put(TWO)
    assert await media.read("a") == PICTURE
    assert await media.read("B-_9") == b""
    assert sorted(await media.kept()) == ["B-_9", "a"]
    await media.remove(["a", "never kept"])
    assert await media.read("a") is None
    assert await media.kept() == ["B-_9"]
    await media.remove(["a", "B-_9"])
    assert await media.kept() == []


async def test_an_empty_store_has_nothing_and_loses_nothing(media: MediaStore) -> None:
    assert await media.kept() == []
    assert await media.read("a") is None
    await media.remove(["a"])


async def test_many_puts_at_a_time_are_all_kept(media: MediaStore) -> None:
    wanted = {f"m{n}": bytes([n]) * 1_000 for n in range(5 * THREADS)}
    async with trio.open_nursery() as nursery:
        for message_id, content in wanted.items():
            nursery.start_soon(media.put, {message_id: content})
    assert {message_id: await media.read(message_id) for message_id in wanted} == wanted
    assert set(await media.kept()) == wanted.keys()


@pytest.mark.parametrize(
    "call",
    [
        lambda media: media.put({"c": PICTURE, "d": PICTURE}),
        lambda media: media.read("a"),
        lambda media: media.remove(["a", "B-_9"]),
        lambda media: media.kept(),
    ],
    ids=["put", "read", "remove", "kept"],
)
async def test_a_call_cancelled_at_any_yield_leaves_all_or_nothing(
    media: MediaStore, call: Callable[[MediaStore], Awaitable[object]]
) -> None:
    step, interrupted = 1, True
    while interrupted:
        await media.remove(["c", "d"])
        await media.put(TWO)
        interrupted = await cancelled_at(step, lambda: call(media))
        if isinstance(media, MediaDirectory):
            await threads_ended(media)
        kept = set(await media.kept())
        assert {"c", "d"} <= kept or not {"c", "d"} & kept
        assert {"a", "B-_9"} <= kept or not {"a", "B-_9"} & kept
        for message_id in kept - {"B-_9"}:
            assert await media.read(message_id) == PICTURE
        step += 1
    assert step > 2, "it yielded at least once"
