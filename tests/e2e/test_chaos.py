"""All that goes wrong at once: sessions flap, answers get lost, and the service is killed."""

import hashlib
import json
import signal
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import trio

from tests.e2e.process import Process, running, serving_later
from tests.e2e.raw_http import connect, exchange
from tests.e2e.test_serve import settings, simulated
from tests.test_service import somebody
from trio_wa.core.evidence import ENGINE_SECONDS
from trio_wa.simulator.ack_plan import AckPlan
from trio_wa.simulator.faults import Faults, Uniform
from trio_wa.simulator.options import WebhookTarget
from trio_wa.simulator.simulator import Simulator

SESSIONS = ("a", "b", "c")
MESSAGES = 5_000
VIRTUAL_MESSAGES = 1_000  # they cost more than they do in processes of their own
RECIPIENTS = 300
CLIENTS = 12
SECRET = "a-secret"
EVENTS = frozenset({"message.ack", "session.status"})
GRACE = 1.0  # seconds: a webhook takes some time on a busy machine
LATENCY = Uniform(0.002, 0.04)
ANSWERS_LOST = {"cut_after": 0.03, "error_after": 0.02}
DOWN_SECONDS = ENGINE_SECONDS + 20


class Load:
    """Clients that repeat what was not answered, and keep to the order of each recipient."""

    def __init__(self) -> None:
        self.address = ""
        self.accepted: dict[str, str] = {}
        self._up = trio.Event()

    def up(self, address: str) -> None:
        """The service listens at `address`."""
        self.address = address
        self._up.set()

    def down(self) -> None:
        """The service does not listen until `up`."""
        self._up = trio.Event()

    async def run(self) -> None:
        """Return once all is accepted."""
        async with trio.open_nursery() as nursery:
            for client in range(CLIENTS):
                nursery.start_soon(self._client, client)

    async def _client(self, client: int) -> None:
        waiting = [n for n in range(MESSAGES) if n % RECIPIENTS % CLIENTS == client]
        waiting.reverse()
        while waiting:
            await self._up.wait()
            try:
                async with await connect(self.address) as stream:
                    while waiting:
                        answer = await exchange(stream, self._request(waiting[-1]))
                        assert answer.status == 202, answer
                        self.accepted[json.loads(answer.body)["id"]] = str(waiting.pop())
            except (OSError, EOFError, trio.BrokenResourceError):
                await trio.lowlevel.checkpoint()

    def _request(self, n: int) -> bytes:
        body = json.dumps({"to": somebody(n % RECIPIENTS), "message": str(n)})
        return (
            f"POST /send HTTP/1.1\r\nHost: {urlsplit(self.address).netloc}\r\n"
            f"Idempotency-Key: {hashlib.sha256(body.encode()).hexdigest()}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()


def order_kept(simulator: Simulator) -> bool:
    """Whether each recipient got its messages in the order in which they were accepted."""
    texts = defaultdict(list)
    for message in simulator.delivered:
        texts[message.chat_id].append(int(message.text or ""))
    return all(got == sorted(got) for got in texts.values())


def answers_lost(simulator: Simulator) -> int:
    """How many sends got no answer that says what became of them."""
    return sum(attempt.outcome in ("cut", 500) for attempt in simulator.requests)


async def _rest(http: httpx.AsyncClient, simulator: Simulator) -> None:
    """Wait until nothing is left but what waits for evidence, and what waits behind it."""
    while True:
        undelivered = {str(n): f"{somebody(n % RECIPIENTS)}@c.us" for n in range(MESSAGES)}
        for message in simulator.delivered:
            undelivered.pop(message.text or "", None)
        unknown = (await http.get("/messages?status=unknown&limit=1000")).json()["data"]
        assert [view for view in unknown if view["settled_at"] is not None] == []
        held = {view["chat_id"] for view in unknown if view["settled_at"] is None}
        if set(undelivered.values()) <= held:
            return
        await trio.sleep(0.2)


async def _settled(http: httpx.AsyncClient) -> dict[str, Any]:
    """The ledger, once every message is settled."""
    while True:
        states = (ledger := (await http.get("/ledger")).json())["states"]
        if states["sent"] + states["delivered"] + states["failed"] == MESSAGES:
            return dict(ledger)
        await trio.sleep(0.2)


async def _listen(process: Process, simulator: Simulator) -> str:
    """Let the sessions tell the process of what happens; its address."""
    address = await process.address()
    target = WebhookTarget(f"{address}/webhooks/waha", SECRET, EVENTS)
    for session in simulator.sessions.all():
        session.webhooks = (target,)
    return address


async def test_through_flapping_sessions_lost_answers_and_a_kill_each_message_arrives_once(
    tmp_path: Path,
) -> None:
    load = Load()
    options = {"sessions": SESSIONS, "acks": AckPlan(hold_at=2), "seed": 5}
    async with simulated(**options) as (simulator, url), trio.open_nursery() as nursery:
        wishes = settings(
            url,
            waha_sessions=",".join(SESSIONS),
            journal_path="data/trio-wa.db",
            waha_webhook_secret=SECRET,
        )
        simulator.set_faults(Faults(latency=LATENCY, cut_before=0.003, **ANSWERS_LOST))
        for name in SESSIONS:
            simulator.flap(name, every=Uniform(1.0, 4.0), down=Uniform(0.5, 1.5))
        async with running(tmp_path, **wishes) as process:
            load.up(await _listen(process, simulator))
            nursery.start_soon(load.run)
            await simulator.wait_delivered(MESSAGES // 3)
            load.down()
            process.signal(signal.SIGKILL)
            await process.wait()
        wishes["port"] = urlsplit(load.address).port
        simulator.set_faults(Faults(latency=LATENCY, **ANSWERS_LOST))
        async with running(tmp_path, serving_later(DOWN_SECONDS), **wishes) as process:
            load.up(await process.address())
            async with httpx.AsyncClient(base_url=load.address, timeout=30) as http:
                await _rest(http, simulator)
            simulator.clear_faults()
            process.signal()
            assert await process.wait() == 0
        async with running(tmp_path, serving_later(2 * DOWN_SECONDS), **wishes) as process:
            async with httpx.AsyncClient(base_url=await process.address(), timeout=30) as http:
                ledger = await _settled(http)
            process.signal()
            assert await process.wait() == 0

    assert len(load.accepted) == ledger["accepted"] == MESSAGES
    assert ledger["balanced"]
    assert ledger["states"]["failed"] == 0
    assert Counter(m.text for m in simulator.delivered) == {str(n): 1 for n in range(MESSAGES)}
    assert order_kept(simulator)
    assert simulator.sends_while_not_working(GRACE) == []
    assert answers_lost(simulator) > 0.03 * MESSAGES


@pytest.mark.trio_wa(waha_webhook_secret=SECRET, confirm_timeout="0")
@pytest.mark.waha(
    sessions=SESSIONS, latency=LATENCY, acks=AckPlan(hold_at=1), cut_before=0.02, **ANSWERS_LOST
)
async def test_in_virtual_time_what_was_cut_before_its_delivery_arrives_once_and_in_its_place(
    trio_wa, waha, autojump_clock
):
    for session in waha.simulator.sessions.all():
        session.webhooks = tuple(replace(each, events=EVENTS) for each in session.webhooks)
        waha.flap(session.name, every=Uniform(5.0, 60.0), down=Uniform(1.0, 10.0))
    for n in range(VIRTUAL_MESSAGES):
        if n == VIRTUAL_MESSAGES // 2:
            await trio_wa.crash()
            await trio_wa.restart()
        await trio_wa.send(somebody(n % RECIPIENTS), f"{n}")
    await waha.wait_sent(VIRTUAL_MESSAGES)
    ledger = await trio_wa.settled()
    assert ledger.balanced
    assert Counter(m.text for m in waha.sent) == {str(n): 1 for n in range(VIRTUAL_MESSAGES)}
    assert order_kept(waha.simulator)
    assert waha.sends_while_not_working(GRACE) == []
    assert answers_lost(waha.simulator) > 0.05 * VIRTUAL_MESSAGES
