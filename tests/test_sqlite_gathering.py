"""How much of what was handed over to the writer makes one transaction."""

import pytest
import trio
import trio.testing

from tests.contract.messages import NOW, draft
from trio_wa.adapters.sqlite.gathering import (
    BEHIND_SECONDS,
    BESIDE_SECONDS,
    MAX_ACCEPTS,
    MAX_OTHERS,
    OVERLOAD_SECONDS,
    PART_ACCEPTS,
    PART_BESIDE,
    PART_OTHERS,
    PAUSE_SECONDS,
    RELIEF_SECONDS,
    Gathering,
    Operation,
)
from trio_wa.adapters.sqlite.group import Accept, Settle
from trio_wa.adapters.sqlite.journal import Change, Journal
from trio_wa.core.content import Text
from trio_wa.core.message import Message
from trio_wa.core.outcome import Sent
from trio_wa.core.retry import Final
from trio_wa.core.status import Status
from trio_wa.ports import SLOW_SECONDS, Attempt

ACCEPT = Accept([draft("a")])
SLOW, QUICK = 2 * SLOW_SECONDS, SLOW_SECONDS / 2


def change(_: Journal) -> None:
    raise AssertionError("nothing is made here")


def settle(seconds: float) -> Settle:
    message = Message("a", 1, "6281234567890@c.us", Text("Hello"), NOW, NOW + 60)
    attempt = Attempt("default", NOW, NOW + seconds, Sent("3EB0"))
    return Settle(message, attempt, Final(Status.SENT, waha_id="3EB0"))


def add(gathering: Gathering, change: Change, count: int = 1) -> None:
    for _ in range(count):
        gathering.add(Operation(change, None, takes_in=False, size=1))


def sizes(gathering: Gathering) -> list[int]:
    """How many changes each transaction has until nothing is left, without a pause."""
    taken = []
    while gathering:
        taken.append(len(gathering.take()))
        gathering.done()
    return taken


async def grow(gathering: Gathering, part: int) -> None:
    """Let it fall behind until parts have so many changes; much more is left."""
    add(gathering, change, 20_000)
    while len(gathering.take()) < part:
        await trio.sleep(1.01 * BEHIND_SECONDS)
        gathering.done()
    gathering.done()


@pytest.fixture
async def gathering() -> Gathering:
    return Gathering()


@pytest.fixture
async def quick(gathering: Gathering) -> Gathering:
    add(gathering, settle(QUICK))
    sizes(gathering)
    return gathering


async def test_where_attempts_are_slow_parts_are_small_and_grow_with_how_long_they_do_not_do(
    gathering: Gathering, autojump_clock: trio.testing.MockClock
) -> None:
    add(gathering, settle(SLOW))
    add(gathering, change, 20_000)
    for level in (PART_OTHERS << n for n in range(8)):
        for _ in range(3):
            assert len(gathering.take()) == min(MAX_OTHERS, level)
            await trio.sleep(0.4 * BEHIND_SECONDS)
            gathering.done()


async def test_parts_that_leave_nothing_stay_small(
    gathering: Gathering, autojump_clock: trio.testing.MockClock
) -> None:
    for _ in range(20):
        add(gathering, change, PART_OTHERS + 1)
        assert sizes(gathering) == [PART_OTHERS, 1]
        await trio.sleep(0.9 * PAUSE_SECONDS)


async def test_beside_accepts_parts_stay_small_enough(
    gathering: Gathering, autojump_clock: trio.testing.MockClock
) -> None:
    await grow(gathering, 4 * PART_BESIDE)
    assert 6 * BEHIND_SECONDS + 2 * BESIDE_SECONDS < OVERLOAD_SECONDS
    add(gathering, ACCEPT)
    assert len(gathering.take()) == 1 + PART_BESIDE
    gathering.done()
    await trio.sleep(0.9 * BESIDE_SECONDS)
    assert len(gathering.take()) == PART_BESIDE
    gathering.done()
    await trio.sleep(0.2 * BESIDE_SECONDS)
    assert len(gathering.take()) >= 4 * PART_BESIDE


async def test_beside_accepts_parts_grow_on_where_it_is_behind_for_long(
    gathering: Gathering, autojump_clock: trio.testing.MockClock
) -> None:
    add(gathering, change, 20_000)
    began = trio.current_time()
    while trio.current_time() < began + OVERLOAD_SECONDS:
        add(gathering, ACCEPT)
        assert len(gathering.take()) <= 1 + PART_BESIDE
        await trio.sleep(0.01)
        gathering.done()
    add(gathering, ACCEPT)
    assert len(gathering.take()) == 1 + MAX_OTHERS
    sizes(gathering)
    began = trio.current_time()
    while trio.current_time() < began + RELIEF_SECONDS:
        add(gathering, ACCEPT)
        add(gathering, change, 3 * PART_BESIDE)
        assert len(gathering.take()) == 1 + 3 * PART_BESIDE, "which leaves nothing behind"
        await trio.sleep(0.01)
        gathering.done()
    add(gathering, ACCEPT)
    add(gathering, change, 3 * PART_BESIDE)
    assert len(gathering.take()) == 1 + PART_BESIDE, "it was not behind any more"


async def test_quick_attempts_between_two_bursts_are_no_time_behind(
    gathering: Gathering, autojump_clock: trio.testing.MockClock
) -> None:
    add(gathering, settle(SLOW))
    add(gathering, change, PART_OTHERS)
    gathering.take()
    gathering.done()
    add(gathering, settle(QUICK))
    sizes(gathering)
    await trio.sleep(2 * OVERLOAD_SECONDS)
    add(gathering, settle(SLOW))
    add(gathering, change, 20 * PART_BESIDE)
    for _ in range(20):
        add(gathering, ACCEPT)
        assert len(gathering.take()) <= 1 + PART_BESIDE
        await trio.sleep(BEHIND_SECONDS)
        gathering.done()


async def test_parts_do_not_shrink_while_something_waits(
    gathering: Gathering, autojump_clock: trio.testing.MockClock
) -> None:
    await grow(gathering, 2 * PART_OTHERS)
    await trio.sleep(1.01 * PAUSE_SECONDS)
    add(gathering, change)
    assert len(gathering.take()) == 2 * PART_OTHERS


async def test_parts_are_small_again_after_a_pause_and_only_then(
    gathering: Gathering, autojump_clock: trio.testing.MockClock
) -> None:
    await grow(gathering, 2 * PART_OTHERS)
    sizes(gathering)
    await trio.sleep(0.9 * PAUSE_SECONDS)
    add(gathering, change, 2 * PART_OTHERS)
    assert len(gathering.take()) > PART_OTHERS
    gathering.done()
    await trio.sleep(1.01 * PAUSE_SECONDS)
    add(gathering, change, 2 * PART_OTHERS)
    assert sizes(gathering) == [PART_OTHERS] * 2


async def test_a_transaction_that_takes_long_is_no_pause(
    gathering: Gathering, autojump_clock: trio.testing.MockClock
) -> None:
    await grow(gathering, 2 * PART_OTHERS)
    sizes(gathering)
    add(gathering, change)
    gathering.take()
    await trio.sleep(100 * PAUSE_SECONDS)
    add(gathering, change, 2 * PART_OTHERS)
    gathering.done()
    assert len(gathering.take()) == 2 * PART_OTHERS


async def test_where_attempts_are_quick_all_go_together_up_to_a_bound(quick: Gathering) -> None:
    add(quick, change, 2 * MAX_OTHERS + 1)
    assert sizes(quick) == [MAX_OTHERS, MAX_OTHERS, 1]


@pytest.mark.parametrize(("seconds", "most"), [(SLOW, PART_ACCEPTS), (QUICK, MAX_ACCEPTS)])
async def test_accepts_go_ahead_of_all_else_and_are_bounded(
    gathering: Gathering, seconds: float, most: int
) -> None:
    add(gathering, settle(seconds))
    add(gathering, ACCEPT, most + 1)
    first, second = gathering.take(), gathering.take()
    assert [each.change for each in first[:most]] == [ACCEPT] * most
    assert first[most].change != ACCEPT, "what else there is comes behind, and is not held up"
    assert [each.change for each in second] == [ACCEPT]


async def test_quick_attempts_are_waited_for_while_more_come(quick: Gathering) -> None:
    assert not quick.grows(), "there is nothing yet"
    add(quick, change)
    assert quick.grows()
    add(quick, change)
    assert quick.grows()
    assert not quick.grows(), "nothing more came"
    quick.take()
    add(quick, change)
    assert quick.grows(), "what was taken does not count"


async def test_a_full_transaction_and_an_accept_wait_for_nothing(quick: Gathering) -> None:
    add(quick, change, MAX_OTHERS)
    assert not quick.grows()
    quick.take()
    add(quick, change)
    add(quick, ACCEPT)
    assert not quick.grows()


async def test_slow_attempts_wait_for_nothing(quick: Gathering) -> None:
    add(quick, settle(SLOW))
    assert not quick.grows()
    add(quick, settle(QUICK))
    assert quick.grows(), "the last one tells how it is"
