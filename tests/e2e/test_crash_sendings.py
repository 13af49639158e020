"""All that one can send, through `kill -9` at random moments and a WAHA that goes away."""

import os
import random
import signal
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import trio

from tests.e2e.process import Process, running, serving_later
from tests.e2e.sending_load import CLIENTS, Item, Load
from tests.e2e.test_media_queue import emptied, names
from tests.e2e.test_serve import KEY, settings
from tests.test_service import somebody
from trio_wa.core.evidence import ENGINE_SECONDS
from trio_wa.simulator.faults import Faults, Uniform
from trio_wa.simulator.options import SimulatorOptions
from trio_wa.simulator.server import serve_simulator
from trio_wa.simulator.simulator import Simulator

SEED = int(os.environ.get("CRASH_SEED", "7"))
KILLS = 5
AWAY, BACK = 2, 3  # the rounds in which WAHA goes away, and comes back
WORKERS = 20
UNWANTED = (somebody(3), somebody(14), somebody(25), somebody(36), somebody(7), somebody(18))
PATIENCE = 60.0  # seconds, for what takes a few
GRACE = 1.0  # seconds: what was being sent when somebody came onto the list
STEPPED = 0.05  # seconds by which our clock may be moved meanwhile
GONE_OUT = {"sent", "delivered", "read"}


class Waha:
    """A simulated WAHA that can be away, which comes back at the same address."""

    def __init__(self, nursery: trio.Nursery) -> None:
        faults = Faults(latency=Uniform(0.002, 0.05))
        self.simulator = Simulator(SimulatorOptions(api_key=KEY, faults=faults))
        self.url = "http://127.0.0.1:0"
        self._nursery = nursery
        self._stop = trio.Event()

    async def come(self) -> None:
        """Listen."""
        self._stop = trio.Event()
        port = urlsplit(self.url).port or 0
        serve = partial(serve_simulator, self.simulator, port=port, stop=self._stop)
        self.url = await self._nursery.start(serve)

    def go(self) -> None:
        """Cut what is being sent, and refuse connections."""
        self._stop.set()


@asynccontextmanager
async def listing(process: Process) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=await process.address(), timeout=30) as http:
        yield http


async def listed(http: httpx.AsyncClient, **query: str) -> list[dict[str, Any]]:
    """All messages that match."""
    views: list[dict[str, Any]] = []
    page: dict[str, Any] = {"next_cursor": ""}
    while page["next_cursor"] is not None:
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else {}
        page = (await http.get("/messages", params={"limit": "1000", **query, **cursor})).json()
        views += page["data"]
    return views


async def expired(http: httpx.AsyncClient) -> None:
    """Return once a message was not sent in time."""
    while True:
        if (await http.get("/ledger")).json()["states"]["expired"]:
            return
        await trio.sleep(0.05)


async def rest(http: httpx.AsyncClient, media: Path) -> None:
    """Return once nothing is left but what waits for evidence, and what waits behind it.

    The places that are taken then and the files that are kept have to be theirs alone, without a
    restart that would look at both anew.
    """
    while True:
        ready = (await http.get("/readyz")).json()
        sending = await listed(http, status="sending")
        queued = await listed(http, status="queued")
        unknown = await listed(http, status="unknown")
        waiting = [view for view in unknown if view["settled_at"] is None]
        held = {view["chat_id"] for view in waiting}
        places = ready["backlog"] + ready["scheduled"]
        pictures = [view for view in queued + waiting if view["type"] == "image"]
        only_held = not sending and {view["chat_id"] for view in queued} <= held
        files = len(names(media))
        if only_held and (places, files) == (len(queued) + len(waiting), len(pictures)):
            return
        await trio.sleep(0.1)


async def settled(http: httpx.AsyncClient) -> tuple[dict[str, Any], dict[str, Any]]:
    """The ledger and what /readyz says, once no message holds a place."""
    while True:
        ready = (await http.get("/readyz")).json()
        if not ready["backlog"] and not ready["scheduled"]:
            return (await http.get("/ledger")).json(), ready
        await trio.sleep(0.1)


def order_kept(simulator: Simulator, items: Mapping[str, Item]) -> bool:
    """Whether what arrived first of each message keeps the order of its recipient and lane."""
    lines: dict[object, list[tuple[float, int]]] = defaultdict(list)
    for text in dict.fromkeys(message.text or "" for message in simulator.delivered):
        item = items[text]
        lines[item.line].append((item.send_at or 0.0, item.number))
    return all(line == sorted(line) for line in lines.values())


def wrong_end(item: Item, status: str, arrived: int, suppressed: Mapping[str, float]) -> str | None:
    """Why a message should not have ended so; None if all is well."""
    if arrived > 1 and not item.may_come_twice:
        return "came twice"
    if status in GONE_OUT:
        return None if arrived else "never came"
    if status == "unknown":  # nothing can tell what became of a picture
        return None if item.picture is not None and not item.may_come_twice else "unknown"
    if arrived and not item.may_come_twice:
        return "came although it says otherwise"
    if status == "expired":
        return None if item.expires else "expired"
    unwanted = item.chat_id in suppressed and not item.ignores_suppression
    return None if status == "cancelled" and (unwanted or item.campaign) else status


async def test_all_that_can_be_sent_arrives_once_or_ends_for_a_reason_whatever_crashes(
    tmp_path: Path,
) -> None:
    chance = random.Random(SEED)
    load = Load(chance)
    media = tmp_path / "trio-wa.db.media"
    async with trio.open_nursery() as nursery:
        waha = Waha(nursery)
        await waha.come()
        simulator = waha.simulator
        wishes = settings(
            waha.url,
            journal_path="trio-wa.db",
            worker_count=WORKERS,
            retry_base="10ms",
            retry_max="100ms",
        )
        nursery.start_soon(load.run)
        for number in range(KILLS):
            async with running(tmp_path, **wishes) as process:
                load.up(await process.address())
                nursery.start_soon(load.suppress, UNWANTED[number])
                if number == AWAY:
                    waha.go()
                    nursery.start_soon(load.campaign, 0)
                    async with listing(process) as http:
                        await expired(http)
                await load.wait_more(chance.randint(2 * CLIENTS, 4 * CLIENTS))
                if number == BACK:
                    await waha.come()
                await trio.sleep(chance.uniform(0.0, 0.2))
                load.down()
                process.signal(signal.SIGKILL)
                await process.wait()
        async with running(tmp_path, **wishes) as process:
            load.up(await process.address())
            await load.suppress(UNWANTED[KILLS])
            await load.campaign(1)
            with trio.fail_after(PATIENCE):
                await load.done.wait()
                async with listing(process) as http:
                    await rest(http, media)
            requests = list(simulator.requests)
            process.signal()
            assert await process.wait() == 0
        later = serving_later(ENGINE_SECONDS + 30)
        async with running(tmp_path, later, **wishes) as process:
            with trio.fail_after(PATIENCE):
                async with listing(process) as http:
                    ledger, ready = await settled(http)
                    views = await listed(http)
                await emptied(media)
            process.signal()
            assert await process.wait() == 0
        waha.go()

    items = {str(item.number): item for item in load.accepted.values()}
    statuses = {view["id"]: view["status"] for view in views}
    arrived = Counter(message.text for message in simulator.delivered)
    assert len(views) == ledger["accepted"] == ledger["sum"] == sum(ledger["states"].values())
    assert statuses.keys() == load.accepted.keys()
    wrong = [
        (item, statuses[id_], why)
        for id_, item in load.accepted.items()
        if (why := wrong_end(item, statuses[id_], arrived[str(item.number)], load.suppressed))
    ]
    assert wrong == []
    assert arrived.keys() <= items.keys()
    assert order_kept(simulator, items)
    for message in simulator.delivered:
        item = items[message.text or ""]
        assert (message.file and message.file.sha256) == item.picture
        assert item.send_at is None or message.at >= item.send_at - STEPPED
    for request in requests:
        text = request.body.get("text") or request.body.get("caption")
        since = load.suppressed.get(request.chat_id or "")
        assert since is None or request.at < since + GRACE or items[text].ignores_suppression
    assert ready["lanes"] == {"urgent": 0, "normal": 0, "bulk": 0}
    assert ledger["states"]["unknown"] <= WORKERS * (KILLS + 1)
    assert ledger["states"]["expired"] > 0
    assert ledger["states"]["cancelled"] > 0
