"""Sessions come and go, and whoever sends into one that is away is seen."""

import pytest
import trio

from tests.simulator.ear import listening
from tests.simulator.running import running
from trio_wa.simulator import Flap, Simulator, SimulatorOptions, Uniform, WebhookTarget

EVERY_TEN = Flap("default", every=10, down=3)


async def falls(simulator: Simulator, seconds: float) -> list[tuple[float, str]]:
    """The statuses of `default` as they change, with the time since now."""
    began, seen = trio.current_time(), []
    session = simulator.sessions["default"]
    with trio.move_on_after(seconds):
        while True:
            await session._changed.wait()
            seen.append((round(trio.current_time() - began, 1), session.status))
    return seen


async def test_a_session_falls_and_rises_and_falls(autojump_clock):
    async with running(SimulatorOptions(flaps=(EVERY_TEN,))) as waha:
        seen = await falls(waha.simulator, 30)
    assert [status for _, status in seen] == ["FAILED", "WORKING", "FAILED", "WORKING"]
    assert [at for at, _ in seen] == pytest.approx([10, 13, 23, 26], abs=0.2)


async def test_each_change_is_told(autojump_clock):
    async with listening() as ear:
        options = SimulatorOptions(webhooks=(WebhookTarget(ear.url),))
        async with running(options) as waha:
            waha.simulator.flap("default", every=5, down=2, to="SCAN_QR_CODE")
            heard = await ear.wait(3)
    told = [body["payload"]["status"] for body in heard[:3]]
    assert told == ["SCAN_QR_CODE", "WORKING", "SCAN_QR_CODE"]
    assert {body["event"] for body in heard} == {"session.status"}


async def test_the_times_depend_on_the_seed_and_the_session_alone(autojump_clock):
    async def times(seed: int, sends: int) -> list[tuple[float, str]]:
        flap = Flap("default", every=Uniform(1, 20), down=Uniform(1, 5))
        async with running(SimulatorOptions(flaps=(flap,), seed=seed)) as waha:
            for _ in range(sends):
                await waha.text()
            return await falls(waha.simulator, 100)

    first = await times(1, 0)
    assert first == await times(1, 3)
    assert first != await times(2, 0)


async def test_one_that_flaps_no_more_works(autojump_clock):
    async with running() as waha:
        for stop in (waha.simulator.stop_flapping, waha.simulator.clear_faults):
            waha.simulator.flap("default", every=10, down=10)
            await trio.sleep(11)
            assert waha.simulator.sessions["default"].status == "FAILED"
            stop()
            assert waha.simulator.sessions["default"].status == "WORKING"
            assert await falls(waha.simulator, 60) == []


async def test_a_status_set_meanwhile_comes_first(autojump_clock):
    async with running() as waha:
        waha.simulator.flap("default", every=10, down=10)
        await trio.sleep(11)
        waha.simulator.set_status("default", "SCAN_QR_CODE")
        assert await falls(waha.simulator, 60) == []


async def test_a_session_that_is_deleted_flaps_no_more(autojump_clock):
    async with running(SimulatorOptions(flaps=(EVERY_TEN,))) as waha:
        await trio.sleep(11)
        waha.simulator.sessions.remove("default")
        await trio.sleep(60)
        assert waha.simulator.sessions.get("default") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"every": 0, "down": 1},
        {"every": 1, "down": Uniform(0, 0)},
        {"every": float("inf"), "down": 1},
        {"every": 1, "down": 1, "to": "WORKING"},
    ],
)
def test_impossible_flaps_are_refused(wrong):
    with pytest.raises(ValueError, match="flaps"):
        Flap("default", **wrong)


def test_only_a_session_that_exists_flaps():
    with pytest.raises(ValueError, match="no session 'x'"):
        SimulatorOptions(flaps=(Flap("x", every=1, down=1),))


async def test_sends_into_a_session_that_is_away_are_seen_after_a_grace(autojump_clock):
    async with running(SimulatorOptions(sessions=("default", "b"))) as waha:
        simulator = waha.simulator
        await trio.sleep(100)
        simulator.set_status("default", "FAILED")
        await trio.sleep(0.5)
        await waha.text()  # refused after ten seconds
        simulator.set_status("default", "SCAN_QR_CODE")
        await waha.text()
        await waha.text(session="b")
        await waha.text(session="missing")
        late = simulator.sends_while_not_working(1)
        assert [(each.sequence, each.status) for each in late] == [(2, "SCAN_QR_CODE")]
        assert late[0].at - (late[0].status_since or 0) == pytest.approx(10.5, abs=0.1)
        assert [each.sequence for each in simulator.sends_while_not_working(0.1)] == [1, 2]
        assert simulator.requests[2].status == "WORKING"
        assert simulator.requests[3].status is None
        simulator.set_status("default", "WORKING")
        await waha.text()
        assert len(simulator.sends_while_not_working(0)) == 2
