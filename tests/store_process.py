"""A process that only uses the store on disk, for the tests to start and to kill.

`python -m tests.store_process hold|load|fill PATH`: `hold` keeps it open until its input ends,
`load` accepts, begins and settles without end and prints each acknowledged id, `fill` does so until
the disk is full (a limit on the size of files stands for that) and goes on when there is room.
"""

import os
import resource
import sys
import time
from pathlib import Path

import trio

from tests.contract.messages import NOW, draft, settle
from trio_wa.adapters.sqlite import SqliteStore, open_sqlite_store
from trio_wa.core.status import Status
from trio_wa.ports import Accepted, StoreUnavailable, StoreUnusable

NOBODY = 65534
FULL_AT = 400_000


def say(line: str) -> None:
    """One write for each line, so that a kill leaves no half of one."""
    os.write(1, f"{line}\n".encode())


async def hold(store: SqliteStore) -> None:
    say("ready")
    await trio.to_thread.run_sync(sys.stdin.read)


async def load(store: SqliteStore) -> None:
    say("ready")

    async def submit(task: int) -> None:
        n = 0
        while True:
            message_id = f"{os.getpid()}-{task}-{n}"
            acceptance = await store.accept(draft(message_id))
            say(message_id)
            assert isinstance(acceptance, Accepted)
            if n % 3:
                await store.begin(acceptance.message, "default", NOW)
            if n % 3 == 2:
                await settle(store, acceptance.message, Status.SENT, at=NOW + 1)
                say(f"{message_id} sent")
            n += 1

    async with trio.open_nursery() as nursery:
        for task in range(16):
            nursery.start_soon(submit, task)


async def batches(store: SqliteStore) -> None:
    """Accept batches of which every other message is scheduled, and release those."""
    say("ready")
    n = 0
    while True:
        batch = f"{os.getpid()}-{n}"
        times = {f"{batch}-{place}": NOW + place if place % 2 else None for place in range(20)}
        await store.accept_all([draft(each, send_at=at, batch=batch) for each, at in times.items()])
        say(batch)
        for message in await store.release_due(NOW + 20, 5):
            say(f"{batch} {message.id}")
        n += 1


async def fill(store: SqliteStore) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (FULL_AT, resource.RLIM_INFINITY))
    accepted = 0
    try:
        while True:
            await store.accept(draft(f"m{accepted}", to="x" * 1000))
            accepted += 1
    except StoreUnavailable as condition:
        say(f"full: {condition}")
        reason = str(condition)
    assert store.problem() == reason
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    started = time.monotonic()
    with trio.fail_after(10):
        while store.problem():  # noqa: ASYNC110 - the store tells nobody
            await trio.sleep(0.05)
    assert time.monotonic() - started < 5
    await store.accept(draft("afterwards"))
    ledger = await store.ledger()
    say(f"balanced: {ledger.balanced and ledger.accepted == accepted + 1}")


async def main(command: str, path: Path) -> None:
    try:
        async with open_sqlite_store(path, lambda _: None, min_free_disk=0, lock_wait=0) as store:
            await {"hold": hold, "load": load, "batches": batches, "fill": fill}[command](store)
    except* StoreUnusable as group:
        say(f"unusable: {group.exceptions[0]}")


if __name__ == "__main__":
    if sys.argv[3:] == ["nobody"] and os.getuid() == 0:
        trio.run(trio.to_thread.run_sync, time.time)  # what it imports, nobody may not read
        os.setuid(NOBODY)
    trio.run(main, sys.argv[1], Path(sys.argv[2]))
