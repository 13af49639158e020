"""What becomes of a ghost: over a restart of the service, by hand, by the probe of a restart."""

import itertools
from functools import partial

import pytest
import trio
import trio.testing

from tests.fakes import cancelled_at
from tests.ghost_bench import LINK, UNCONFIRMED, Bench
from trio_wa.core.ghost import MATURE_SECONDS, SENDS
from trio_wa.ports import SessionMemory


@pytest.fixture
def bench(nursery: trio.Nursery) -> Bench:
    watched = Bench()
    nursery.start_soon(watched.life)
    return watched


async def test_over_a_restart_of_the_service_it_stays_out(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    async with trio.open_nursery() as first_life:
        first_life.start_soon(bench.life)
        await bench.become_a_ghost()
        first_life.cancel_scope.cancel()
    again = Bench(store=bench.store, memories={"a": await bench.remembered()})
    nursery.start_soon(again.life)
    await trio.sleep(86_400)
    assert again.rules.ghost == {"a": "out"}
    assert (again.alarms, again.returned) == ([], [])
    again.ghosts.restarted("a")
    await again.send_and_ack(1)
    await trio.testing.wait_all_tasks_blocked()
    assert again.rules.ghost == {"a": None}


async def test_an_operator_ends_it_by_hand_until_ten_more_are_unconfirmed(
    autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    await bench.become_a_ghost()
    await bench.pool.resume("a")
    bench.ghosts.resumed("a")
    assert bench.rules.ghost == {"a": None}
    assert not (await bench.remembered()).ghost
    await bench.send_in_vain(SENDS - 1)
    await trio.sleep(3_600)
    assert (bench.rules.ghost, bench.alarms) == ({"a": None}, [LINK])
    bench.send()
    await trio.sleep(120)
    assert (bench.rules.ghost, bench.alarms) == ({"a": "out"}, [LINK, LINK])


@pytest.mark.parametrize("ack_first", [False, True])
async def test_after_a_restart_of_the_session_the_ack_of_a_probe_returns_it(
    ack_first: bool, autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    await bench.become_a_ghost()
    bench.ghosts.restarted("a")
    assert bench.rules.ghost == {"a": "probe"}
    if ack_first:  # before WAHA's answer
        await bench.ack("3EB0PROBE")
    await trio.sleep(30)
    assert bench.rules.ghost == {"a": "probe"}
    bench.ghosts.sent("a", "3EB0PROBE")
    await trio.sleep(30)
    if not ack_first:
        assert bench.rules.ghost == {"a": "probe"}
        assert (await bench.remembered()).ghost
        await bench.ack("3EB0PROBE")
        await trio.testing.wait_all_tasks_blocked()
    assert bench.rules.ghost == {"a": None}
    assert not (await bench.remembered()).ghost
    assert (bench.alarms, bench.returned) == ([LINK], ["a"])


async def test_a_probe_without_ack_leaves_it_out_and_tells_again_each_time(
    autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    await bench.become_a_ghost()
    for times in (1, 2):
        bench.ghosts.restarted("a")
        bench.send()
        await trio.sleep(MATURE_SECONDS - 1)
        assert bench.rules.ghost == {"a": "probe"}
        await trio.sleep(30)
        assert bench.rules.ghost == {"a": "out"}
        assert bench.alarms == [LINK, *[UNCONFIRMED] * times]
        assert bench.found == ["a"] * (1 + times)
    assert (await bench.remembered()).ghost
    assert bench.returned == []


async def test_an_ack_that_comes_after_the_probe_was_given_up_does_not_return_it(
    autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    await bench.become_a_ghost()
    bench.ghosts.restarted("a")
    late = bench.send()
    await trio.sleep(600)
    await bench.ack(late)
    await trio.sleep(600)
    assert bench.rules.ghost == {"a": "out"}


async def test_a_probe_of_which_no_ack_can_tell_leaves_it_out_and_tells_again(
    autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    await bench.become_a_ghost()
    bench.ghosts.restarted("a")
    bench.ghosts.unproven("a")
    assert bench.rules.ghost == {"a": "out"}
    await trio.sleep(3_600)
    assert (bench.alarms, bench.found) == ([LINK, {"probe": "unknown"}], ["a", "a"])


async def test_what_a_session_sent_before_it_was_restarted_says_nothing_of_it(
    autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    await bench.send_and_ack(3)
    await bench.send_in_vain()
    bench.ghosts.restarted("a")
    await bench.send_in_vain(SENDS - 1)
    await trio.sleep(3_600)
    assert (bench.rules.ghost, bench.alarms) == ({}, [])


async def test_a_return_that_cannot_be_recorded_is_made_up_for(
    autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    await bench.become_a_ghost()
    bench.ghosts.restarted("a")
    bench.failing.failures["remember_session"] = 30
    await bench.send_and_ack(1)
    await trio.sleep(20)
    assert (bench.rules.ghost, bench.returned) == ({"a": "probe"}, [])
    await trio.sleep(20)
    assert (bench.rules.ghost, bench.returned) == ({"a": None}, ["a"])
    assert not (await bench.remembered()).ghost


async def test_wherever_it_is_cut_rules_record_and_alarm_tell_the_same(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def all_of_it(bench: Bench) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.life)
            await bench.send_and_ack(1)
            await bench.send_in_vain(every=0.0)
            await trio.sleep(120)
            bench.ghosts.restarted("a")
            await bench.send_and_ack(1)
            await trio.sleep(1)
            nursery.cancel_scope.cancel()

    seen = set()
    for step in itertools.count(1):
        bench = Bench(memories={"a": SessionMemory(acked_at=1.0)})
        cut = await cancelled_at(step, partial(all_of_it, bench), children=True, grouped=True)
        state = bench.rules.ghost.get("a")
        assert (await bench.remembered()).ghost == (state is not None)
        assert len(bench.alarms) == len(bench.found) == ("a" in bench.rules.ghost)
        seen.add((state, *bench.returned))
        if not cut:
            break
    assert seen == {(None,), ("out",), ("probe",), (None, "a")}
