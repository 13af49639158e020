"""A deadline passes at its time, and only if it is still the one that was set last."""

from math import inf

import pytest
import trio
import trio.testing

from trio_wa.adapters.waha.deadline import Deadline


class Watched:
    """A deadline under watch, and the times at which it passed."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.passed: list[float] = []
        self.deadline = Deadline(lambda: self.passed.append(trio.current_time()))
        nursery.start_soon(self.deadline.watch)


@pytest.fixture
async def watched(nursery: trio.Nursery) -> Watched:
    return Watched(nursery)


@pytest.mark.parametrize("early", [False, True], ids=["watched", "before-it-is-watched"])
async def test_it_passes_once_and_at_its_time(
    watched: Watched, early: bool, autojump_clock: trio.testing.MockClock
) -> None:
    if not early:
        await trio.sleep(1)
    watched.deadline.set(15)
    await trio.sleep(100)
    assert watched.passed == [15]


async def test_one_that_was_cleared_never_passes(
    watched: Watched, autojump_clock: trio.testing.MockClock
) -> None:
    watched.deadline.set(15)
    await trio.sleep(14)
    watched.deadline.set(inf)
    await trio.sleep(100)
    assert watched.passed == []


async def test_the_next_one_counts_from_its_own_time(
    watched: Watched, autojump_clock: trio.testing.MockClock
) -> None:
    for begin in (0, 10, 11, 24):
        await trio.sleep_until(begin)
        watched.deadline.set(begin + 15)
    await trio.sleep(100)
    assert watched.passed == [39]
    watched.deadline.set(trio.current_time() + 5)
    await trio.sleep(4)
    watched.deadline.set(trio.current_time() + 2)
    await trio.sleep(100)
    assert watched.passed == [39, 130]


async def test_an_earlier_one_passes_before_the_alarm_of_a_later_one(
    watched: Watched, autojump_clock: trio.testing.MockClock
) -> None:
    await trio.sleep(1)
    watched.deadline.set(100)
    await trio.sleep(1)
    watched.deadline.set(5)
    await trio.sleep(200)
    assert watched.passed == [5]


async def test_one_that_lies_back_passes_at_once(
    watched: Watched, autojump_clock: trio.testing.MockClock
) -> None:
    await trio.sleep(9)
    watched.deadline.set(8)
    await trio.sleep(1)
    assert watched.passed == [9]


async def test_without_one_nothing_wakes(
    watched: Watched, autojump_clock: trio.testing.MockClock
) -> None:
    watched.deadline.set(15)
    watched.deadline.set(inf)
    await trio.sleep(20)
    assert trio.lowlevel.current_statistics().seconds_to_next_deadline == inf
