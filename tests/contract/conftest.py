"""Every store, over which the contract is run."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.adapters.sqlite import open_sqlite_store
from trio_wa.core.message import Message
from trio_wa.ports import Store


@pytest.fixture
def published() -> list[Message]:
    """What the store has published."""
    return []


@pytest.fixture(params=["memory", "sqlite"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, published: list[Message]
) -> AsyncIterator[Store]:
    """A store of each kind, empty."""
    if request.param == "memory":
        yield MemoryStore(published.append)
    else:
        path = tmp_path / "store.db"
        async with open_sqlite_store(
            path, published.append, min_free_disk=0, lock_wait=0
        ) as sqlite:
            yield sqlite
