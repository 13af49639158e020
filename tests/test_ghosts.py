"""Who delivers nothing is found out, and nobody else is."""

from collections.abc import Iterable

import pytest
import trio
import trio.testing

from tests.ghost_bench import LINK, Bench, SlowStore
from trio_wa.core.ghost import SAMPLE_SECONDS, SENDS, SENDS_MAX
from trio_wa.ghosts import HEARD_SECONDS
from trio_wa.ports import SessionMemory


@pytest.fixture
def bench(nursery: trio.Nursery) -> Bench:
    watched = Bench()
    nursery.start_soon(watched.life)
    return watched


@pytest.mark.parametrize("acked", [3, 10, 100])
async def test_a_ghost_is_out_within_two_minutes_of_its_tenth_unconfirmed_send(
    acked: int, autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    await bench.send_and_ack(acked)
    await bench.send_in_vain(SENDS - 1)
    await trio.sleep(120)
    assert bench.rules.ghost == {}
    bench.send()
    await trio.sleep(120)
    assert bench.rules.ghost == {"a": "out"}
    assert (await bench.remembered()).ghost
    assert (bench.alarms, bench.found) == ([LINK], ["a"])
    await trio.sleep(86_400)  # once
    assert (bench.alarms, bench.found, bench.returned) == ([LINK], ["a"], [])


@pytest.mark.parametrize("every", [0.0, 0.1, 30.0, 300.0])
async def test_a_ghost_is_found_however_fast_or_slowly_it_sends(
    every: float, autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    await bench.send_and_ack(1)
    await bench.send_in_vain(every=every)
    await trio.sleep(120)
    assert bench.rules.ghost == {"a": "out"}


@pytest.mark.parametrize(
    "delays", [(5.0,), (85.0,), (300.0,), (3_000.0,), (5.0, 80.0, 150.0, 280.0)]
)
async def test_a_session_with_merely_slow_acks_is_none(
    delays: Iterable[float], autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.life)

    async def acknowledge_later(waha_id: str, delay: float) -> None:
        await trio.sleep(delay)
        await bench.ack(waha_id)

    for delay in delays:
        for _ in range(200):
            nursery.start_soon(acknowledge_later, bench.send(), delay)
            await trio.sleep(5)
    await trio.sleep(max(delays))
    assert (bench.rules.ghost, bench.alarms) == ({}, [])


async def test_an_ack_that_was_slow_long_ago_does_not_hold_up_the_search(
    autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    await bench.send_and_ack(1, after=3_000.0)
    bench.send()  # without an ack it counts after 6,000 seconds, as it is now
    await bench.send_and_ack(SENDS_MAX, after=1.0)
    await bench.send_in_vain()
    await trio.sleep(120)
    assert bench.rules.ghost == {"a": "out"}


@pytest.mark.parametrize(("one_in", "ghost"), [(10, True), (6, True), (4, False), (1, False)])
async def test_too_small_a_share_of_acks_makes_a_ghost_and_a_fifth_is_enough(
    one_in: int, ghost: bool, autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    await bench.send_and_ack(1)
    for number in range(60):
        waha_id = bench.send()
        await trio.sleep(10)
        if number % one_in == 0:
            await bench.ack(waha_id)
    await trio.sleep(120)
    assert bench.rules.ghost == ({"a": "out"} if ghost else {})


async def test_where_no_other_session_tells_of_itself_the_webhooks_may_be_at_fault(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.ghosts.run)
    await bench.send_and_ack(3)
    bench.silence.heard("b")
    await trio.sleep(HEARD_SECONDS)
    await bench.send_in_vain(20)
    await trio.sleep(3_600)
    bench.silence.heard("a")  # its own events tell nothing of the others'
    await bench.send_in_vain(20)
    await trio.sleep(3_600)
    assert (bench.rules.ghost, bench.alarms) == ({}, [])
    bench.silence.heard("b")
    bench.send()
    await trio.testing.wait_all_tasks_blocked()
    assert bench.rules.ghost == {"a": "out"}


async def test_a_session_whose_acks_were_never_seen_is_none(
    autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    await bench.send_in_vain(100, every=30.0)
    await trio.sleep(3_600)
    assert (bench.rules.ghost, bench.alarms) == ({}, [])


async def test_acks_of_before_the_start_are_enough_to_find_a_ghost_in_ten_minutes(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """How long acks take is not known yet."""
    bench = Bench(memories={"a": SessionMemory(acked_at=1.0)})
    nursery.start_soon(bench.life)
    await bench.send_in_vain()
    await trio.sleep(SAMPLE_SECONDS - 1)
    assert bench.rules.ghost == {}
    await trio.sleep(2)
    assert bench.rules.ghost == {"a": "out"}


async def test_a_session_that_is_known_not_to_work_is_no_ghost(
    autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    await bench.send_and_ack(3)
    await bench.send_in_vain()
    bench.pool.told("a", "FAILED", bench.clock.now())
    await trio.sleep(600)
    assert (bench.rules.ghost, bench.alarms) == ({}, [])


async def test_without_a_share_there_are_no_ghosts(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(share=0.0)
    nursery.start_soon(bench.life)
    await bench.send_and_ack(3)
    await bench.send_in_vain(100)
    await trio.sleep(3_600)
    assert (bench.rules.ghost, bench.alarms) == ({}, [])


async def test_a_ghost_that_cannot_be_recorded_is_out_once_it_can(
    autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    """Until then the store lets no message begin either."""
    await bench.send_and_ack(3)
    bench.failing.failures["remember_session"] = 1_000
    await bench.send_in_vain()
    await trio.sleep(200)
    assert (bench.rules.ghost, bench.alarms) == ({}, [])
    bench.failing.failures["remember_session"] = 0
    await trio.sleep(2)
    assert bench.rules.ghost == {"a": "out"}
    assert (await bench.remembered()).ghost
    assert (bench.alarms, bench.found) == ([LINK], ["a"])


@pytest.mark.parametrize("mended_by", ["acks", "restart", "resume"])
async def test_what_delivers_again_before_it_was_recorded_is_no_ghost(
    mended_by: str, autojump_clock: trio.testing.MockClock, bench: Bench
) -> None:
    await bench.send_and_ack(3)
    bench.failing.failures["remember_session"] = 1_000
    late = [bench.send() for _ in range(SENDS)]
    await trio.sleep(200.5)  # the store is asked each second
    match mended_by:
        case "acks":
            for waha_id in late:
                await bench.ack(waha_id)
        case "restart":
            bench.ghosts.restarted("a")
        case "resume":
            bench.failing.failures["remember_session"] = 0
            await bench.pool.resume("a")
            bench.ghosts.resumed("a")
    bench.failing.failures["remember_session"] = 0
    await trio.sleep(3_600)
    assert bench.rules.ghost.get("a") is None
    assert not (await bench.remembered()).ghost
    assert (bench.alarms, bench.found) == ([], [])


async def test_an_operator_who_resumes_it_while_its_record_waits_has_the_last_word(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    store = SlowStore(lambda _message: None)
    bench = Bench(store=store)

    async def resume() -> None:
        await bench.pool.resume("a")
        bench.ghosts.resumed("a")

    nursery.start_soon(bench.life)
    await bench.send_and_ack(3)
    store.seconds = 200
    await bench.send_in_vain()
    nursery.start_soon(bench.pool.pause, "a")
    await trio.sleep(1)
    nursery.start_soon(resume)  # it waits for the pause, and the ghost's record for both
    await trio.sleep(3_600)
    assert bench.rules.ghost == {"a": None}
    assert await bench.remembered() == SessionMemory(acked_at=bench.pool.known["a"].memory.acked_at)
    assert bench.alarms == []
