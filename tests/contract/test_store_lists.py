"""What every store lists: newest first, by each condition, page by page."""

import itertools

import pytest

from tests.contract.messages import NOW, accept, finish
from trio_wa.core.status import Status
from trio_wa.ports import Cursor, Filter, Record, Store


async def fill(store: Store) -> None:
    """Twelve messages, the later accepted the older, in pairs of the same time."""
    for n in range(12):
        message = await accept(
            store,
            f"m{n}",
            at=NOW - n // 2,
            chat_id=f"{n % 3}@c.us",
            owner=("shop", "bank", None)[n % 3],
        )
        if n % 4 == 0:
            await finish(store, message, Status.SENT, session="one")
        elif n % 4 == 1:
            await finish(store, message, Status.FAILED, session="two")


async def ids(store: Store, wanted: Filter, limit: int = 100) -> list[str]:
    return [record.id for record in await store.find(wanted, limit)]


async def test_the_newest_come_first(store: Store) -> None:
    await fill(store)
    order = ["m1", "m0", "m3", "m2", "m5", "m4", "m7", "m6", "m9", "m8", "m11", "m10"]
    assert await ids(store, Filter()) == order
    assert await ids(store, Filter(), 3) == order[:3]
    assert await ids(store, Filter(), 0) == []


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(status=Status.SENT), "m0 m4 m8"),
        (Filter(status=Status.FAILED), "m1 m5 m9"),
        (Filter(status=Status.READ), ""),
        (Filter(chat_id="1@c.us"), "m1 m4 m7 m10"),
        (Filter(session="two"), "m1 m5 m9"),
        (Filter(owner="bank"), "m1 m4 m7 m10"),
        (Filter(owner="bank", status=Status.FAILED), "m1"),
        (Filter(owner="bank", status=Status.SENT), "m4"),
        (Filter(session="one", status=Status.SENT, chat_id="2@c.us"), "m8"),
        (Filter(session="one", owner="bank"), "m4"),
        (Filter(after=NOW - 1), "m1 m0"),
        (Filter(before=NOW - 4), "m11 m10"),
        (Filter(after=NOW - 3, before=NOW - 1), "m5 m4"),
        (Filter(status=Status.SENT, after=NOW - 3, before=NOW), "m4"),
        (Filter(chat_id="1@c.us", before=NOW - 1), "m4 m7 m10"),
        (Filter(session="two", before=NOW), "m5 m9"),
        (Filter(owner="shop", after=NOW - 2), "m0 m3"),
        (Filter(chat_id="\ud800"), ""),
        (Filter(session="\ud800"), ""),
        (Filter(owner="\ud800"), ""),
    ],
)
async def test_each_condition_chooses_its_own(store: Store, wanted: Filter, expected: str) -> None:
    await fill(store)
    assert await ids(store, wanted) == expected.split()


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(),
        Filter(status=Status.QUEUED),
        Filter(chat_id="1@c.us"),
        Filter(session="one"),
        Filter(owner="shop"),
        Filter(after=NOW - 4),
        Filter(before=NOW - 1),
        Filter(owner="shop", before=NOW, after=NOW - 5),
    ],
    ids=str,
)
async def test_pages_put_together_are_the_list(store: Store, wanted: Filter) -> None:
    await fill(store)
    whole = await store.find(wanted, 100)
    assert whole
    pages: list[Record] = []
    cursor = None
    for _ in itertools.count():
        values = {name: getattr(wanted, name) for name in Filter.__slots__}
        page = await store.find(Filter(**values | {"cursor": cursor}), 2)
        if not page:
            break
        pages += page
        cursor = Cursor(page[-1].accepted_at, page[-1].number)
    assert pages == whole


async def test_a_listed_record_is_whole_but_for_its_events(store: Store) -> None:
    await fill(store)
    [listed] = await store.find(Filter(status=Status.FAILED), 1)
    single = await store.get(listed.id)
    assert single is not None
    assert single.events
    assert listed.events == ()
    names = [name for name in Record.__slots__ if name != "events"]
    assert [getattr(listed, name) for name in names] == [getattr(single, name) for name in names]


async def test_a_list_follows_what_happens(store: Store) -> None:
    message = await accept(store, "a", owner="shop")
    assert await ids(store, Filter(session="one")) == []
    await store.begin(message, "one", NOW)
    assert await ids(store, Filter(session="one")) == ["a"]
    assert await ids(store, Filter(status=Status.QUEUED)) == []
