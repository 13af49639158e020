"""What every store remembers of sessions and contacts, and what it tells of their traffic."""

from tests.contract.messages import NOW, accept, begun, finish, inquire, receive
from trio_wa.core.status import Status
from trio_wa.ports import Activity, SessionMemory, Store


async def test_the_newest_memory_of_a_session_counts(store: Store) -> None:
    assert await store.session_memories() == {}
    await store.remember_session("one", SessionMemory(paused=True))
    await store.remember_session("two", SessionMemory(acked_at=NOW, proven=True, heard_at=NOW))
    await store.remember_session("one", SessionMemory(paused=False, acked_at=NOW + 1))
    assert await store.session_memories() == {
        "one": SessionMemory(paused=False, acked_at=NOW + 1),
        "two": SessionMemory(paused=False, acked_at=NOW, proven=True, heard_at=NOW),
    }


async def test_a_contact_is_known_once_it_was_asked_for(store: Store) -> None:
    assert await store.contact("5511987654321@c.us") is None
    await store.remember_contact("5511987654321@c.us", "551187654321@c.us")
    await store.remember_contact("6281234567890@c.us", "6281234567890@c.us")
    assert await store.contact("5511987654321@c.us") == "551187654321@c.us"
    await store.remember_contact("5511987654321@c.us", "5511987654321@c.us")
    assert await store.contact("5511987654321@c.us") == "5511987654321@c.us"
    assert await store.contact("\ud800") is None


async def test_the_activity_counts_what_went_out_lately(store: Store) -> None:
    now = NOW + 100_000
    for n, age in enumerate([0, 59, 61, 3599, 3601, 86_399, 86_401]):
        await finish(store, await accept(store, f"m{n}"), Status.SENT, at=now - age, session="one")
    for n, ack in ((0, 1), (1, 3), (2, 0), (4, 2)):
        await receive(store, f"3EB0m{n}", ack, session="one")
    for n, status in enumerate([Status.FAILED, Status.UNKNOWN, Status.SENT]):
        await finish(store, await accept(store, f"x{n}"), status, at=now - 5, session="two")
    await finish(store, await accept(store, "old"), Status.SENT, at=NOW, session="three")
    await inquire(store, await begun(store, "open", session="four"), at=now, session="four")
    await accept(store, "queued")
    assert await store.activity(now) == {
        "one": Activity(minute=2, hour=4, day=6, confirmed=2),
        "two": Activity(minute=1, hour=1, day=1, confirmed=0),
    }
