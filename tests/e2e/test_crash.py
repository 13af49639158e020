"""`kill -9` at random moments: nothing accepted is lost, and nothing is blindly sent twice."""

import os
import random
import signal
from collections import Counter
from pathlib import Path

import httpx
import pytest
import trio

from tests.e2e.process import Process, running, serving_later
from tests.e2e.test_serve import settings, simulated
from trio_wa.core.evidence import ENGINE_SECONDS
from trio_wa.simulator.faults import Faults, Uniform

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "10"))  # for each of `hold` and `resend`
LOOKED_UP_ROUNDS = 5
WORKERS = 20
MOMENTS = ("load", "drain", "load", "recovery")


class Load:
    """Clients that go on sending while the service comes and goes; it knows every 202."""

    def __init__(self) -> None:
        self.accepted: dict[str, str] = {}
        self._next = 0
        self._enough = trio.Event()
        self._goal = 0

    async def wait_more(self, count: int) -> None:
        """Wait until `count` more messages were accepted, however fast this machine is."""
        self._goal = len(self.accepted) + count
        self._enough = trio.Event()
        await self._enough.wait()

    async def run(self, address: str, *, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(self._client, address)
            task_status.started()

    async def _client(self, address: str) -> None:
        async with httpx.AsyncClient(base_url=address, timeout=10) as http:
            while True:
                self._next += 1
                text = str(self._next)
                body = {"to": f"62812{self._next % 200:07}", "message": text}
                try:
                    response = await http.post("/send", json=body)
                except httpx.HTTPError:
                    return  # the process is gone; whether it was accepted is open
                if response.status_code == 202:
                    self.accepted[response.json()["id"]] = text
                    if len(self.accepted) >= self._goal:
                        self._enough.set()


async def _crash(process: Process, moment: str, load: Load, chance: random.Random) -> None:
    """One round: load, and a kill in the midst of it, of the drain, or of the recovery."""
    address = await process.address()
    if moment != "recovery":
        async with trio.open_nursery() as nursery:
            await nursery.start(load.run, address)
            with trio.fail_after(60):
                await load.wait_more(chance.randint(40, 200))
            if moment == "drain":
                process.signal(signal.SIGTERM)
                await trio.sleep(chance.uniform(0.0, 0.3))
            process.signal(signal.SIGKILL)
            await process.wait()
            nursery.cancel_scope.cancel()
    process.signal(signal.SIGKILL)


async def _settle(process: Process, ids: list[str]) -> tuple[dict[str, object], dict[str, str]]:
    """Let the service finish; its ledger, and the status of each message."""
    async with httpx.AsyncClient(base_url=await process.address(), timeout=30) as http:
        while True:
            unknown = (await http.get("/messages?status=unknown&limit=1000")).json()["data"]
            ledger = (await http.get("/ledger")).json()
            waits = any(view["settled_at"] is None for view in unknown)
            if not waits and not ledger["states"]["queued"] and not ledger["states"]["sending"]:
                break
            await trio.sleep(0.1)
        statuses = {id_: (await http.get(f"/messages/{id_}")).json()["status"] for id_ in ids}
    return ledger, statuses


def _options(url: str, on_unknown: str) -> dict[str, object]:
    return settings(
        url,
        journal_path="data/trio-wa.db",
        worker_count=WORKERS,
        on_unknown=on_unknown,
        retry_base="10ms",
        retry_max="50ms",
    )


@pytest.mark.parametrize("on_unknown", ["hold", "resend"])
async def test_kill_9_at_random_moments_where_nothing_can_be_looked_up(
    tmp_path: Path, on_unknown: str
) -> None:
    chance = random.Random(on_unknown)
    load = Load()
    faults = Faults(latency=Uniform(0.002, 0.05))
    async with simulated(faults=faults, message_ids=False) as (simulator, url):
        options = _options(url, on_unknown)
        for number in range(ROUNDS):
            async with running(tmp_path, **options) as process:
                await _crash(process, MOMENTS[number % len(MOMENTS)], load, chance)
        async with running(tmp_path, **options) as process:
            ledger, statuses = await _settle(process, list(load.accepted))
            delivered = Counter(message.text for message in simulator.delivered)
            process.signal()
            assert await process.wait() == 0

    assert len(load.accepted) > 50 * ROUNDS / 2
    assert ledger["balanced"]
    assert ledger["accepted"] >= len(load.accepted)
    twice = {text for text, times in delivered.items() if times > 1}
    missing = {id_ for id_, text in load.accepted.items() if text not in delivered}
    if on_unknown == "hold":
        assert not twice
        assert all(statuses[id_] == "unknown" for id_ in missing)
        assert ledger["states"]["unknown"] <= WORKERS * ROUNDS
    else:
        assert not missing
        assert len(twice) <= WORKERS * ROUNDS
        assert set(statuses.values()) == {"sent"}


async def test_with_ids_and_look_ups_kill_9_makes_nothing_lost_and_nothing_sent_twice(
    tmp_path: Path,
) -> None:
    chance = random.Random(5)
    load = Load()
    async with simulated(faults=Faults(latency=Uniform(0.002, 0.05))) as (simulator, url):
        options = _options(url, "resend")
        for number in range(LOOKED_UP_ROUNDS):
            async with running(tmp_path, **options) as process:
                await _crash(process, MOMENTS[number % len(MOMENTS)], load, chance)
        later = serving_later(ENGINE_SECONDS + 30)
        async with running(tmp_path, later, **options) as process:
            with trio.fail_after(60):
                ledger, statuses = await _settle(process, list(load.accepted))
            process.signal()
            assert await process.wait() == 0

    assert len(load.accepted) > 50 * LOOKED_UP_ROUNDS / 2
    assert ledger["balanced"]
    delivered = Counter(message.text for message in simulator.delivered)
    assert set(load.accepted.values()) <= delivered.keys()
    assert set(delivered.values()) == {1}
    assert set(statuses.values()) <= {"sent", "delivered", "read"}
