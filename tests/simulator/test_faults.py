"""Each fault does what its name says, to whom it is meant for."""

import random

import httpx
import pytest
import trio

from tests.simulator.running import HELLO, running
from trio_wa.simulator import Exponential, Faults, SimulatorOptions, Uniform
from trio_wa.simulator.fault_board import FaultBoard, FaultRule
from trio_wa.simulator.faults import KINDS

OTHER = "15550001111@c.us"


@pytest.mark.parametrize(
    ("faults", "status", "delivered"),
    [
        (Faults(engine_error=1), 500, 0),
        (Faults(time_lock=1), 500, 0),
        (Faults(flip_session=1), 500, 0),
        (Faults(proxy_503=1), 503, 0),
        (Faults(proxy_502=1), 502, 0),
        (Faults(throttle_429=1), 429, 0),
        (Faults(unauthorized=1), 401, 0),
        (Faults(reject_400=1), 400, 0),
        (Faults(lose=1), 201, 0),
        (Faults(error_after=1), 500, 1),
        (Faults(gateway_timeout_after=1), 504, 1),
        (Faults(deliver_after_hang=1, hang_seconds=30), 201, 1),
    ],
)
async def test_a_fault_that_answers(faults, status, delivered, autojump_clock):
    async with running() as waha:
        waha.simulator.set_faults(faults)
        response = await waha.text()
        assert response.status_code == status
        assert len(waha.simulator.delivered) == delivered
        assert waha.simulator.requests[0].outcome == status


@pytest.mark.parametrize(
    ("faults", "delivered", "seconds", "outcome"),
    [
        (Faults(cut_before=1), 0, 0, "cut"),
        (Faults(cut_after=1), 1, 0, "cut"),
        (Faults(cut_after=1, latency=3.0), 1, 3, "cut"),
        (Faults(hang=1, hang_seconds=130), 0, 130, "hung"),
    ],
)
async def test_a_fault_that_cuts_the_connection(
    faults, delivered, seconds, outcome, autojump_clock
):
    async with running() as waha:
        waha.simulator.set_faults(faults)
        began = trio.current_time()
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await waha.text()
        assert trio.current_time() - began == pytest.approx(seconds, abs=0.01)
        assert len(waha.simulator.delivered) == delivered
        assert waha.simulator.requests[0].outcome == outcome
        waha.simulator.clear_faults()
        assert (await waha.text()).status_code == 201


async def test_a_hang_without_end_lasts_until_the_client_goes(autojump_clock):
    async with running() as waha:
        waha.simulator.set_faults(Faults(hang=1))
        with pytest.raises(httpx.ReadTimeout):
            await waha.client.post("/api/sendText", json=HELLO, timeout=500)
        await trio.testing.wait_all_tasks_blocked()
        assert waha.simulator.requests[0].outcome == "hung"
        assert waha.simulator.delivered == []


async def test_deliver_after_hang_delivers_although_the_client_gave_up(autojump_clock):
    async with running() as waha:
        waha.simulator.set_faults(Faults(deliver_after_hang=1, hang_seconds=60))
        with pytest.raises(httpx.ReadTimeout):
            await waha.client.post("/api/sendText", json=HELLO, timeout=10)
        assert waha.simulator.delivered == []
        await waha.simulator.wait_delivered(1)
        assert trio.current_time() == pytest.approx(60, abs=1)


@pytest.mark.parametrize("engine", ["NOWEB", "GOWS", "WEBJS"])
async def test_an_engine_error_echoes_the_request_and_names_its_exception(engine):
    async with running(SimulatorOptions(engine=engine)) as waha:
        waha.simulator.set_faults(Faults(engine_error=1))
        body = (await waha.text()).json()
    assert set(body) == {"statusCode", "timestamp", "exception", "request", "version"}
    assert "Timed Out" in body["exception"]["message"]
    assert body["request"]["body"] == HELLO
    assert body["version"]["engine"] == engine
    assert body["timestamp"].endswith("Z")


async def test_a_time_lock_is_error_463():
    async with running(SimulatorOptions(engine="GOWS")) as waha:
        waha.simulator.set_faults(Faults(time_lock=1))
        exception = (await waha.text()).json()["exception"]
    assert exception["message"] == "2 UNKNOWN: server returned error 463"


async def test_a_proxy_answers_html_without_an_exception():
    async with running() as waha:
        waha.simulator.set_faults(Faults(proxy_503=1))
        response = await waha.text()
    assert response.headers["content-type"] == "text/html"
    assert "nginx" in response.text


async def test_throttling_says_when_to_come_again():
    async with running() as waha:
        waha.simulator.set_faults(Faults(throttle_429=1, retry_after=7))
        assert (await waha.text()).headers["retry-after"] == "7"


async def test_a_flipped_session_no_longer_works(autojump_clock):
    async with running() as waha:
        waha.simulator.set_faults(Faults(flip_session=1, flip_to="SCAN_QR_CODE"), times=1)
        assert (await waha.text()).json()["exception"]["message"] == "Connection Closed"
        response = await waha.text()
        assert (response.status_code, response.json()["status"]) == (422, "SCAN_QR_CODE")


async def test_a_session_that_closes_while_the_engine_works_sends_nothing(autojump_clock, nursery):
    async with running() as waha:
        waha.simulator.set_faults(Faults(latency=2.0))

        async def close_it():
            await trio.sleep(1)
            waha.simulator.set_status("default", "FAILED")

        nursery.start_soon(close_it)
        assert (await waha.text()).json()["exception"]["message"] == "Connection Closed"
        assert waha.simulator.delivered == []


async def test_latency_delays_the_answer(autojump_clock):
    async with running() as waha:
        waha.simulator.set_faults(Faults(latency=0.2))
        began = trio.current_time()
        await waha.text()
        assert trio.current_time() - began == pytest.approx(0.2, abs=0.001)


async def test_faults_can_be_meant_for_one_recipient_or_session():
    async with running(SimulatorOptions(sessions=("a", "b"))) as waha:
        waha.simulator.set_faults(Faults(engine_error=1), chat_id=OTHER)
        waha.simulator.set_faults(Faults(proxy_503=1), session="b")
        waha.simulator.set_faults(Faults(proxy_502=1), session="b", chat_id=OTHER)
        codes = [
            (await waha.text(session=session, chatId=chat)).status_code
            for session in "ab"
            for chat in (HELLO["chatId"], OTHER)
        ]
    assert codes == [201, 500, 503, 502]


async def test_faults_end_after_so_many_times():
    async with running() as waha:
        waha.simulator.set_faults(Faults(engine_error=1), times=2)
        codes = [(await waha.text()).status_code for _ in range(4)]
    assert codes == [500, 500, 201, 201]


async def test_faults_befall_other_endpoints_only_on_request():
    async with running() as waha:
        waha.simulator.set_faults(Faults(proxy_503=1))
        assert (await waha.client.get("/api/sessions")).status_code == 200
        waha.simulator.set_faults(Faults(proxy_503=1, everywhere=True))
        assert (await waha.client.get("/api/sessions")).status_code == 503
        assert (await waha.client.get("/_sim/faults")).status_code == 200
        waha.simulator.set_faults(Faults(unauthorized=1, everywhere=True))
        assert (await waha.client.get("/api/version")).status_code == 401


async def test_the_same_seed_gives_the_same_faults():
    async def codes(seed: int) -> list[int]:
        options = SimulatorOptions(faults=Faults(engine_error=0.3, proxy_503=0.3), seed=seed)
        async with running(options) as waha:
            return [(await waha.text()).status_code for _ in range(40)]

    first = await codes(1)
    assert first == await codes(1)
    assert first != await codes(2)
    assert set(first) == {201, 500, 503}


def test_rates_are_met_in_the_long_run():
    board = FaultBoard(Faults(engine_error=0.1, cut_after=0.25), random.Random(7))
    kinds = [board.draw("default", OTHER).kind for _ in range(10_000)]
    assert kinds.count("engine_error") == pytest.approx(1000, rel=0.15)
    assert kinds.count("cut_after") == pytest.approx(2500, rel=0.1)
    assert kinds.count(None) == pytest.approx(6500, rel=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_a_rate_of_one_always_strikes(kind):
    board = FaultBoard(Faults(**{kind: 1.0}, hang_seconds=1), random.Random(1))
    assert {board.draw(None, None).kind for _ in range(200)} == {kind}


@pytest.mark.parametrize(
    ("latency", "least", "most", "mean"),
    [(0.5, 0.5, 0.5, 0.5), (Uniform(1, 3), 1, 3, 2), (Exponential(0.4), 0, 99, 0.4)],
)
def test_latencies_are_distributed_as_said(latency, least, most, mean):
    board = FaultBoard(Faults(latency=latency), random.Random(3))
    drawn = [board.draw("default", OTHER).latency for _ in range(5000)]
    assert least <= min(drawn) <= max(drawn) <= most
    assert sum(drawn) / len(drawn) == pytest.approx(mean, rel=0.05)


def test_a_specific_rule_that_leaves_the_latency_open_takes_the_general_one():
    board = FaultBoard(Faults(latency=0.5), random.Random(1))
    board.put(FaultRule(Faults(engine_error=1), session="a"))
    assert (board.draw("a", OTHER).latency, board.draw("a", OTHER).kind) == (0.5, "engine_error")
    assert (board.draw("b", OTHER).latency, board.draw("b", OTHER).kind) == (0.5, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"engine_error": 1.1},
        {"engine_error": -0.1},
        {"engine_error": 0.6, "proxy_503": 0.6},
        {"latency": -1.0},
        {"latency": float("inf")},
        {"hang_seconds": -1},
        {"deliver_after_hang": 0.5},
    ],
)
def test_impossible_faults_are_refused(wrong):
    with pytest.raises(ValueError, match=r"rates|latency|hang"):
        Faults(**wrong)


def test_impossible_latencies_are_refused():
    with pytest.raises(ValueError, match="mean above 0"):
        Exponential(0)
    with pytest.raises(ValueError, match="low <= high"):
        Uniform(2, 1)
