"""What the store on disk keeps stays bounded, and what it erased is gone."""

from dataclasses import replace
from pathlib import Path

import trio

from tests.contract.messages import NOW, accept, draft, finish
from trio_wa.adapters.sqlite import open_sqlite_store
from trio_wa.core.content import Text
from trio_wa.core.status import Status
from trio_wa.ports import Accepted, IdempotencyKey, Store


async def send(store: Store, message_id: str, to: str, at: float) -> None:
    key = IdempotencyKey(message_id, "f")
    message = await accept(store, message_id, at=at, chat_id=f"{to}@c.us", key=key)
    await finish(store, message, Status.SENT, at=at)


async def test_the_files_stay_bounded_under_a_steady_load(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    sizes: list[int] = []
    async with open_sqlite_store(path, lambda _: None, min_free_disk=0, lock_wait=0) as store:
        for round_ in range(24):
            at = NOW + round_
            async with trio.open_nursery() as nursery:
                for n in range(20):
                    # To the same recipients each time: whom a session has written to is kept.
                    nursery.start_soon(send, store, f"{round_}-{n}", str(n), at)
            while await store.purge(at - 4, 10):
                pass
            while await store.forget_keys(at - 4, 10):
                pass
            sizes.append(store._writer._journal.connection.pragma("page_count"))
        ledger = await store.ledger()
    assert ledger.accepted == 480
    assert ledger.balanced
    assert max(sizes[12:]) <= max(sizes[:12]) + 2
    assert path.stat().st_size < 500_000


async def test_an_erased_text_is_nowhere_in_the_files(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    secret = b"4711 is your code. " * 500  # more than a page, so that whole pages are freed
    async with open_sqlite_store(path, lambda _: None, min_free_disk=0, lock_wait=0) as store:
        acceptance = await store.accept(replace(draft("a"), content=Text(secret.decode())))
        assert isinstance(acceptance, Accepted)
        await finish(store, acceptance.message, Status.SENT, at=NOW)
    assert secret[:100] in path.read_bytes()
    async with open_sqlite_store(path, lambda _: None, min_free_disk=0, lock_wait=0) as store:
        assert await store.erase_texts(NOW + 1, 10) == 1
    assert secret[:19] not in path.read_bytes()
    assert not path.with_name("store.db-wal").exists()
