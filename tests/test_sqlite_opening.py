"""What the store on disk makes of the place and the file that it is given."""

import os
import stat
from pathlib import Path

import apsw
import pytest

from tests.contract.messages import accept
from trio_wa.adapters.sqlite import open_sqlite_store
from trio_wa.adapters.sqlite.schema import MIGRATIONS
from trio_wa.ports import StoreUnusable


async def fill(path: Path, count: int = 50) -> None:
    """Make a sound database with some messages in it."""
    async with open_sqlite_store(path, lambda _: None, min_free_disk=0, lock_wait=0) as store:
        for n in range(count):
            await accept(store, f"m{n}", to="x" * 1000)


async def refusal(path: Path) -> str:
    """The one line that says why the store cannot be opened."""
    with pytest.raises(StoreUnusable) as raised:
        async with open_sqlite_store(path, lambda _: None, min_free_disk=0, lock_wait=0):
            pass
    line = str(raised.value)
    assert "\n" not in line
    return line


async def test_what_was_closed_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await fill(path)
    assert sorted(os.listdir(tmp_path)) == ["store.db", "store.db.lock"]
    async with open_sqlite_store(path, lambda _: None, min_free_disk=0, lock_wait=0) as store:
        queued = await store.queued("normal", 0, 100)
        assert [message.id for message in queued] == [f"m{n}" for n in range(50)]
        later = await accept(store, "later")
        assert later.seq > queued[-1].seq


async def test_only_this_user_may_read_the_files(tmp_path: Path) -> None:
    path = tmp_path / "data" / "store.db"
    umask = os.umask(0)
    try:
        async with open_sqlite_store(path, lambda _: None, min_free_disk=0, lock_wait=0) as store:
            await accept(store, "a")
            await store.get("a")
            modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    finally:
        os.umask(umask)
    names = ["store.db", "store.db-shm", "store.db-wal", "store.db.lock"]
    assert modes == dict.fromkeys(names, 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_files_that_others_could_read_are_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await fill(path, 1)
    path.chmod(0o644)
    await fill(path, 0)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_more_than_one_missing_directory_is_a_mistake(tmp_path: Path) -> None:
    line = await refusal(tmp_path / "no" / "such" / "store.db")
    assert line.endswith("such is not a directory: make it, or set JOURNAL_PATH to another place")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", ["directory", "pipe"])
async def test_what_is_not_a_file_is_no_database(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "store.db"
    path.mkdir() if kind == "directory" else os.mkfifo(path)
    assert "is not a file: set JOURNAL_PATH" in await refusal(path)


@pytest.mark.parametrize("name", ["x" * 248, "x" * 250, "x" * 300, "x" * 300 + "/store.db"])
async def test_a_name_that_is_too_long_is_said(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert await refusal(path) == (
        f"{path} cannot be reached (File name too long): set JOURNAL_PATH to another place"
    )
    assert os.listdir(tmp_path) == []


async def test_two_names_of_one_file_are_one_database(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    (tmp_path / "names").mkdir()
    link = tmp_path / "names" / "link.db"
    link.symlink_to(path)
    async with open_sqlite_store(path, lambda _: None, min_free_disk=0, lock_wait=0):
        assert "in use" in await refusal(link)
    link.unlink()
    link.symlink_to(link)
    assert "cannot be opened" in await refusal(link)


async def test_a_path_below_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    assert "is not a directory" in await refusal(tmp_path / "file" / "store.db")
    assert "is not a directory" in await refusal(tmp_path / "file" / "data" / "store.db")


async def test_a_directory_that_cannot_be_written_is_said() -> None:
    line = await refusal(Path("/proc/self/fdinfo/store.db"))
    assert line.startswith(f"/proc/{os.getpid()}/fdinfo/store.db.lock cannot be written (")
    assert line.endswith("or set JOURNAL_PATH to another place")


async def test_another_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("precious\n" * 100)
    assert "is not a database: set JOURNAL_PATH" in await refusal(path)
    assert path.read_text() == "precious\n" * 100


async def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with apsw.Connection(str(path)) as connection:
        connection.execute("CREATE TABLE messages (number)")
    connection.close()
    before = path.read_bytes()
    assert "is the database of another program" in await refusal(path)
    assert path.read_bytes() == before


async def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await fill(path)
    with apsw.Connection(str(path)) as connection:
        connection.pragma("user_version", len(MIGRATIONS) + 1)
    connection.close()
    before = path.read_bytes()
    line = await refusal(path)
    assert f"newer trio-wa (schema {len(MIGRATIONS) + 1}, this one knows {len(MIGRATIONS)})" in line
    assert path.read_bytes() == before


@pytest.mark.parametrize("page", [1, 5, 15, 45])
async def test_a_damaged_database_is_said_and_left_alone(tmp_path: Path, page: int) -> None:
    path = tmp_path / "store.db"
    await fill(path)
    data = bytearray(path.read_bytes())
    data[page * 4096 - 3996 : page * 4096] = bytes(range(1, 201)) * 19 + bytes(196)
    path.write_bytes(data)
    line = await refusal(path)
    assert line.startswith(f"{path} is damaged or not a database (")
    assert line.endswith("put a good copy in its place, or move it away to start with an empty one")
    assert path.read_bytes() == data


@pytest.mark.parametrize("length", [10, 20, 100, 4096, 20_000, -1, -4096])
async def test_a_truncated_database_is_said_and_left_alone(tmp_path: Path, length: int) -> None:
    path = tmp_path / "store.db"
    await fill(path)
    data = path.read_bytes()[:length]
    path.write_bytes(data)
    line = await refusal(path)
    assert "is damaged" in line or "is not a database" in line
    assert path.read_bytes() == data


async def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.touch()
    await fill(path, 1)
    assert path.read_bytes().startswith(b"SQLite format 3\0")


@pytest.mark.parametrize("missing", [False, True])
async def test_a_log_without_its_database_is_said_and_left_alone(
    tmp_path: Path, missing: bool
) -> None:
    path, crashed = tmp_path / "store.db", tmp_path / "crashed"
    crashed.mkdir()
    async with open_sqlite_store(path, lambda _: None, min_free_disk=0, lock_wait=0) as store:
        await accept(store, "a")
        for name in ("store.db", "store.db-wal"):
            (crashed / name).write_bytes((tmp_path / name).read_bytes())
    path, wal = crashed / "store.db", crashed / "store.db-wal"
    log = wal.read_bytes()
    if missing:
        path.unlink()
    else:
        os.truncate(path, 0)
    assert await refusal(path) == (
        f"{path} is empty or was missing, and {wal} is not: put a good copy of both in their"
        " place, or move store.db-wal away to start with an empty one"
    )
    assert wal.read_bytes() == log


async def test_lost_totals_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await fill(path)
    with apsw.Connection(str(path)) as connection:
        connection.execute("DELETE FROM totals")
    connection.close()
    assert "the totals are missing" in await refusal(path)
