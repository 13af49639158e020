"""No acknowledged message is lost in a power cut."""

import random
from pathlib import Path

import apsw
import pytest
import trio

from tests.contract.messages import accept, draft
from tests.power_cut_vfs import PowerCutVFS
from trio_wa.adapters.sqlite import open_sqlite_store
from trio_wa.adapters.sqlite.disk import Disk
from trio_wa.adapters.sqlite.opening import Mode
from trio_wa.adapters.sqlite.store import open_store

CUTS = 40


class Cuts:
    """Takes a cut within one of SQLite's calls now and then, and notes what was acknowledged."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.directory = directory
        self.dice = random.Random(seed)
        self.acknowledged: list[str] = []
        self.taken: list[tuple[Path, list[str]]] = []
        self.calls = 0
        self.vfs = PowerCutVFS(f"power-cut-{seed}", self.now_and_then)

    def now_and_then(self) -> None:
        self.calls += 1
        if self.acknowledged and self.dice.random() < 0.01 and len(self.taken) < CUTS:
            self.take()

    def take(self) -> None:
        image = self.directory / f"cut-{len(self.taken)}"
        image.mkdir()
        acknowledged = list(self.acknowledged)
        self.vfs.cut(image, self.dice)
        self.taken.append((image / "store.db", acknowledged))

    def lost(self) -> int:
        """How many acknowledged messages are missing after all the cuts; the files are sound."""
        return sum(len(set(known) - recovered(path)) for path, known in self.taken)


def recovered(path: Path) -> set[str]:
    connection = apsw.Connection(str(path))
    assert connection.execute("PRAGMA integrity_check").get == "ok"
    ids = {str(message_id) for (message_id,) in connection.execute("SELECT id FROM messages")}
    assert connection.execute("SELECT accepted FROM totals").get == len(ids)
    connection.close()
    return ids


async def load_and_cut(directory: Path, synchronous: str, seed: int) -> Cuts:
    """Accept from eight tasks until enough cuts were taken, with checkpoints in between."""
    cuts = Cuts(directory, seed)
    path = directory / "store.db"
    mode = Mode(synchronous=synchronous, vfs=cuts.vfs.name, exclusive=True)

    async def submit(task: int) -> None:
        n = 0
        while len(cuts.taken) < CUTS:
            message = await accept(store, f"{task}-{n}", to="x" * 500)
            cuts.acknowledged.append(message.id)
            n += 1

    async with open_store(path, lambda _: None, Disk(path, 0), lock_wait=0, mode=mode) as store:
        async with trio.open_nursery() as nursery:
            for task in range(8):
                nursery.start_soon(submit, task)
        assert len(cuts.vfs.platters[path].durable) > 2**18, "checkpoints were among the calls"
        await store.accept(draft("the last"))
    cuts.vfs.unregister()
    return cuts


@pytest.mark.parametrize("seed", [1, 2])
async def test_what_was_acknowledged_survives_a_power_cut(tmp_path: Path, seed: int) -> None:
    cuts = await load_and_cut(tmp_path, "FULL", seed)
    assert len(cuts.taken) == CUTS
    assert cuts.lost() == 0


async def test_the_power_cut_test_can_fail(tmp_path: Path) -> None:
    """With synchronous=NORMAL the same cuts lose what was acknowledged."""
    cuts = await load_and_cut(tmp_path, "NORMAL", 3)
    assert cuts.lost() > 0


async def test_a_power_cut_while_it_is_made_leaves_what_can_be_opened(tmp_path: Path) -> None:
    dice = random.Random(5)
    images: list[Path] = []

    def cut() -> None:
        image = tmp_path / f"image-{len(images)}"
        image.mkdir()
        vfs.cut(image, dice)
        images.append(image / "store.db")

    vfs = PowerCutVFS("making", cut)
    path = tmp_path / "store.db"
    mode = Mode(vfs=vfs.name, exclusive=True)
    async with open_store(path, lambda _: None, Disk(path, 0), lock_wait=0, mode=mode) as store:
        await accept(store, "first")
    vfs.unregister()
    logs = [image.with_name("store.db-wal") for image in images]
    logged = [log.exists() and log.stat().st_size > 0 for log in logs]
    assert any(logged)
    for image, is_logged in zip(images, logged, strict=True):
        if is_logged:
            assert image.stat().st_size > 0
            continue
        async with open_sqlite_store(image, print, min_free_disk=0, lock_wait=0) as store:
            assert (await store.ledger()).accepted == 0
