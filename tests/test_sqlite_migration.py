"""What becomes of a database that an older trio-wa wrote."""

import json
from pathlib import Path

import apsw
import pytest

from tests.contract.messages import NOW, accept, receive, record_of, status_of
from trio_wa.adapters.sqlite import open_sqlite_store
from trio_wa.adapters.sqlite.schema import APPLICATION_ID, MIGRATIONS
from trio_wa.core.content import Text
from trio_wa.core.message import Message
from trio_wa.core.pace import DAY, History
from trio_wa.core.retry import Final
from trio_wa.core.status import Status
from trio_wa.ports import Event, OpenAttempt, SessionMemory, StoreUnusable, Suppression

STATES = ("queued", "sending", "sent", "unknown", "failed")


def write_version_1(path: Path) -> None:
    """A database as the first version left it, with a message in each state."""
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "WAL")
    connection.pragma("application_id", APPLICATION_ID)
    connection.execute(MIGRATIONS[0])
    connection.pragma("user_version", 1)
    for number, status in enumerate(STATES, 1):
        events = [[NOW, "queued"], [NOW + 1, "sending", "one"]]
        events += [[NOW + 2, status, "one", NOW + 1]]
        lines = [json.dumps(each) + "\n" for each in events]
        settled = status not in ("queued", "sending")
        connection.execute(
            "INSERT INTO messages (number, seq, id, status, accepted_at, expires_at, settled_at,"
            " recipient, chat_id, session, waha_id, code, text, history)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, '+1', '1@c.us', ?, ?, ?, 'Hello', ?)",
            (
                number,
                number,
                status,
                status,
                NOW,
                NOW + 3600,
                NOW + 2 if settled else None,
                None if status == "queued" else "one",
                "3EB0sent" if status == "sent" else None,
                "timeout" if status == "unknown" else None,
                "".join(lines[: 3 if settled else number]),
            ),
        )
    connection.execute("UPDATE totals SET accepted = 5, number = 5")
    connection.close()


async def test_every_message_of_version_1_survives_in_its_state(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    write_version_1(path)
    async with open_sqlite_store(path, print, min_free_disk=0, lock_wait=0) as store:
        ledger = await store.ledger()
        assert ledger.balanced
        assert ledger.counts == dict.fromkeys(Status, 0) | {Status(each): 1 for each in STATES}
        queued, sending = (
            Message(name, seq, "1@c.us", Text("Hello"), NOW, NOW + 3600, known_to=("one",))
            for seq, name in enumerate(("queued", "sending"), 1)
        )
        assert await store.queued("normal", 0, 10) == [queued]
        assert await store.open_attempts() == [OpenAttempt(sending, "one", NOW + 1, asked=False)]
        for name in ("sent", "unknown", "failed"):
            record = await record_of(store, name)
            assert (record.settled_at, record.ack, record.unconfirmed) == (NOW + 2, None, False)
            assert record.events[-1] == Event(NOW + 2, Status(name), "one", began_at=NOW + 1)
        assert (await record_of(store, "unknown")).code == "timeout"
        assert (await accept(store, "new")).seq == 6
    connection = apsw.Connection(str(path))
    assert connection.pragma("user_version") == len(MIGRATIONS)
    connection.close()


async def test_messages_of_version_1_go_on_under_the_new_rules(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    write_version_1(path)
    published: list[Message] = []
    async with open_sqlite_store(path, published.append, min_free_disk=0, lock_wait=0) as store:
        unknown = Message("unknown", 4, "1@c.us", Text("Hello"), NOW, NOW + 3600)
        assert await store.resolve(unknown, "one", NOW + 9, Final(Status.SENT)) is None
        assert await store.retry("unknown", NOW + 9, NOW + 3600)
        assert [each.message_id for each in await store.unconfirmed("one", NOW, 9)] == ["sent"]
        moved = await receive(store, "3EB0sent", 2, session="one")
        assert moved is not None
        assert moved.after is Status.DELIVERED
        await store.remember_session("one", SessionMemory(paused=True))
    assert [message.id for message in published] == ["unknown"]


async def test_what_version_2_sent_is_known_to_recipients_and_pace(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    minute = 60 * (NOW // 60)
    write_version_2(
        path,
        [
            ("one", "1@c.us", "sent", minute - 30 * DAY),
            ("one", "1@c.us", "read", minute - DAY),
            ("one", "2@c.us", "delivered", minute - DAY + 60),
            ("one", "2@c.us", "unknown", minute),
            ("one", "3@c.us", "sent", minute + 59),
            ("two", "1@c.us", "read", minute - 9 * DAY),
            ("two", "2@c.us", "unknown", None),
            ("two", "3@c.us", "failed", minute),
            (None, "3@c.us", "expired", minute),
            ("three", "4@c.us", "failed", minute),
        ],
    )
    async with open_sqlite_store(path, print, min_free_disk=0, lock_wait=0) as store:
        assert await store.histories(minute + 59.5) == {
            "one": History(((minute - DAY + 60, 1), (minute + 59, 2)), first_at=minute - 30 * DAY),
            "two": History((), first_at=minute - 9 * DAY),
        }
        for n, known_to in enumerate([("one", "two"), ("one",), ("one",), ()], 1):
            assert (await accept(store, f"new{n}", chat_id=f"{n}@c.us")).known_to == known_to
        remembered = SessionMemory(paused=True, acked_at=NOW, heard_at=NOW)
        assert await store.session_memories() == {"two": remembered}


def write_version_2(path: Path, messages: list[tuple[str | None, str, str, float | None]]) -> None:
    """A database as the second version left it, with these messages and a paused session."""
    connection = apsw.Connection(str(path))
    connection.pragma("application_id", APPLICATION_ID)
    for script in MIGRATIONS[:2]:
        connection.execute(script)
    connection.pragma("user_version", 2)
    connection.executemany(
        "INSERT INTO messages (number, seq, id, status, accepted_at, expires_at, recipient, text,"
        " history, session, chat_id, settled_at)"
        " VALUES (?1, ?1, 'm' || ?1, ?4, 0, 0, '+1', 'Hello', '', ?2, ?3, ?5)",
        [(number, *message) for number, message in enumerate(messages, 1)],
    )
    connection.execute("INSERT INTO sessions VALUES ('two', 1, ?, 0)", (NOW,))
    count = len(messages)
    connection.execute("UPDATE totals SET accepted = ?, number = ?", (count, count))
    connection.close()


async def test_messages_of_version_3_go_on_in_the_lane_normal_in_order(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    write_version_3(path, ["queued", *Status, "asked", "queued"])
    published: list[Message] = []
    async with open_sqlite_store(path, published.append, min_free_disk=0, lock_wait=0) as store:
        ledger = await store.ledger()
        assert ledger.balanced
        assert ledger.counts == dict.fromkeys(Status, 1) | {Status.QUEUED: 3, Status.UNKNOWN: 2}
        assert await store.places() == {"urgent": 0, "normal": 5, "bulk": 0, "scheduled": 0}
        for number in range(1, ledger.accepted + 1):
            record = await record_of(store, f"m{number}")
            erased = record.status is Status.READ
            assert record.content == (None if erased else Text(f"Hello {number}"))
            assert (record.kind, record.priority, record.has_data) == ("text", "normal", False)
            assert (record.send_at, record.scheduled) == (None, False)
            assert (record.batch, record.metadata) == (None, None)
        new = await accept(store, "new")
        queued = await store.queued("normal", 0, 99)
        assert [message.seq for message in queued] == [1, 2, ledger.accepted, new.seq]
        assert queued[0].content == Text("Hello 1")
        assert [open_.asked for open_ in await store.open_attempts()] == [False, True]
        assert await store.expire_overdue("normal", new.seq - 1, NOW + 9999, 99) == 1
        assert await store.expire_overdue("normal", 0, NOW + 9999, 99) == 3
        assert await store.next_due() is None
        assert await store.spent_data(99) == []
        assert await store.retry("m1", NOW, NOW + 3600)
        assert await store.suppressions("", 9) == []
        await store.suppress(Suppression("1@c.us", NOW))
        assert await status_of(store, "m1") is Status.CANCELLED
    assert [message.id for message in published] == ["new", "m1"]


def write_version_3(path: Path, states: list[str]) -> None:
    """A database as the third version left it, with a message in each of the states."""
    connection = apsw.Connection(str(path))
    connection.pragma("application_id", APPLICATION_ID)
    for script in MIGRATIONS[:3]:
        connection.execute(script)
    connection.pragma("user_version", 3)
    for number, state in enumerate(states, 1):
        status = "unknown" if state == "asked" else state
        is_open = state in ("queued", "sending", "asked")
        connection.execute(
            "INSERT INTO messages (number, seq, id, status, accepted_at, expires_at, settled_at,"
            " recipient, chat_id, session, text, history)"
            " VALUES (?1, ?1, 'm' || ?1, ?2, ?3, ?3 + 3600, ?4, '+1', '1@c.us', ?5, ?6, ?7)",
            (
                number,
                status,
                NOW,
                None if is_open else NOW + 2,
                None if state == "queued" else "one",
                None if state == "read" else f"Hello {number}",
                json.dumps([NOW, status, "one"]) + "\n",
            ),
        )
    connection.execute("UPDATE totals SET accepted = ?1, number = ?1", (len(states),))
    connection.close()


async def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    write_version_1(path)
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE sessions (name)")  # in the way of the second step
    connection.close()
    before = tables(path)
    with pytest.raises(StoreUnusable):
        async with open_sqlite_store(path, print, min_free_disk=0, lock_wait=0):
            pass
    assert tables(path) == before


def tables(path: Path) -> list[tuple[object, ...]]:
    connection = apsw.Connection(str(path))
    try:
        version = connection.pragma("user_version")
        rows = connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
        return [(version,), *rows]
    finally:
        connection.close()
