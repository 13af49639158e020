"""100,000 scheduled messages: they wait on disk, and each leaves at its time, also after a kill."""

import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from tests.contract.messages import draft
from tests.e2e.process import running
from tests.e2e.test_media_queue import resident
from tests.e2e.test_serve import settings, simulated
from tests.test_service import somebody
from trio_wa.adapters.sqlite import open_sqlite_store
from trio_wa.core.content import Text

MANY = 100_000
CHUNK = 1_000
HOUR = 3_600.0
GROWTH = 40_000_000
"""Bytes: less than half of what so many messages take in memory."""
STEPPED = 0.05
"""Seconds: our clock may be moved by so much while the two processes run."""


async def record(path: Path, times: Mapping[str, float]) -> None:
    """Write scheduled messages to the store, by their texts; each to somebody else."""
    now, texts = time.time(), list(times)
    async with open_sqlite_store(path, lambda _: None, min_free_disk=0, lock_wait=0) as store:
        for first in range(0, len(texts), CHUNK):
            drafts = [
                draft(
                    text,
                    to=somebody(first + place),
                    chat_id=f"{somebody(first + place)}@c.us",
                    at=now,
                    send_at=times[text],
                    expires_at=times[text] + 24 * HOUR,
                    content=Text(text),
                )
                for place, text in enumerate(texts[first : first + CHUNK])
            ]
            await store.accept_all(drafts)


async def wait_all_sent(http: httpx.AsyncClient, count: int) -> dict[str, Any]:
    """The ledger, once so many are sent."""
    while True:
        ledger: dict[str, Any] = (await http.get("/ledger")).json()
        if ledger["states"]["sent"] == count:
            return ledger
        await trio.sleep(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process from /proc")
async def test_100_000_scheduled_messages_take_no_memory_and_each_leaves_at_its_time(
    tmp_path: Path,
) -> None:
    async with simulated() as (simulator, url):
        wishes = settings(url, journal_path="trio-wa.db")
        async with running(tmp_path, **settings(url, journal_path="empty.db")) as process:
            await process.address()
            await process.wait_event("queue.ready")
            empty = resident(process.pid)

        now = time.time()
        waiting = {f"later {n}": now + HOUR + n for n in range(MANY)}
        await record(tmp_path / "trio-wa.db", waiting)
        now = time.time()
        first = {f"first {n}": now + 3 + n / 10 for n in range(25)}
        second = {f"second {n}": now + 9 + n / 10 for n in range(25)}
        await record(tmp_path / "trio-wa.db", {**second, **first})

        async with running(tmp_path, **wishes) as process:
            async with httpx.AsyncClient(base_url=await process.address(), timeout=30) as http:
                await simulator.wait_delivered(len(first))
                await wait_all_sent(http, len(first))
            assert resident(process.pid) - empty < GROWTH
            process.signal(signal.SIGKILL)
            await process.wait()
        await trio.sleep(max(0.0, second["second 5"] - time.time()))  # so long it is down
        async with running(tmp_path, **wishes) as process:
            async with httpx.AsyncClient(base_url=await process.address(), timeout=30) as http:
                await simulator.wait_delivered(len(first) + len(second))
                ledger = await wait_all_sent(http, len(first) + len(second))
                ready = (await http.get("/readyz")).json()
            assert resident(process.pid) - empty < GROWTH
            process.signal()
            assert await process.wait() == 0

    due = {**first, **second}
    assert sorted(message.text or "" for message in simulator.delivered) == sorted(due)
    early = [m.text for m in simulator.delivered if m.at < due[m.text or ""] - STEPPED]
    assert early == []
    assert (ready["scheduled"], ready["backlog"]) == (MANY, 0)
    assert ledger["balanced"]
    assert ledger["states"]["queued"] == MANY
