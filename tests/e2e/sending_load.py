"""Clients that send all there is to send, and repeat it after each crash."""

import hashlib
import random
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import trio

from tests.test_service import somebody
from trio_wa.core.message import LANES

CLIENTS = 4
ROUNDS_OF_A_CLIENT = 12
BATCH = 25
OWNED = 10  # recipients of a client: only one client writes to each, so that the order is known
SHORT_TTL = 1.0
PICTURE_SIZE = 10_000
CAMPAIGN = 60
STOCK = 10_000  # the numbers of one client's messages


@dataclass(frozen=True)
class Item:
    """One message of the load; `number` says in which order the messages of a client are sent."""

    number: int
    request: int
    body: dict[str, Any]
    send_at: float | None = None
    picture: str | None = None

    @property
    def chat_id(self) -> str:
        return f"{self.body['to']}@c.us"

    @property
    def ignores_suppression(self) -> bool:
        return "ignore_suppression" in self.body

    @property
    def expires(self) -> bool:
        return "ttl" in self.body or "expires_at" in self.body

    @property
    def campaign(self) -> bool:
        """Whether its batch is cancelled."""
        return self.request >= CLIENTS * STOCK

    @property
    def may_come_twice(self) -> bool:
        return "on_unknown" in self.body

    @property
    def line(self) -> tuple[object, ...]:
        """Whose order it keeps: scheduled ones have theirs among those of their batch."""
        scheduled = None if self.send_at is None else self.request
        return (self.chat_id, self.body["priority"], scheduled)


@dataclass
class Request:
    """A POST with a key of its own, and the ids that it was answered with, by item."""

    items: Sequence[Item]
    ids: dict[int, str]

    async def post(self, http: httpx.AsyncClient) -> None:
        """Send it; what was accepted before has to be answered with the same id."""
        bodies = [item.body for item in self.items]
        headers = {"Idempotency-Key": str(self.items[0].number)}
        if len(bodies) == 1:
            response = await http.post("/send", json=bodies[0], headers=headers)
            results = [response.json()]
        else:
            response = await http.post("/send/batch", json=bodies, headers=headers)
            results = response.json()["results"]
        for item, result in zip(self.items, results, strict=True):
            if "id" in result:
                assert self.ids.setdefault(item.number, result["id"]) == result["id"]
            else:
                assert item.number not in self.ids, result
                assert result["code"] in ("suppressed", "cannot_meet_ttl"), result


class Load:
    """All clients; `accepted` has what was answered with an id, `suppressed` when that was."""

    def __init__(self, chance: random.Random) -> None:
        self.done = trio.Event()
        self.suppressed: dict[str, float] = {}
        self._chance = chance
        self._address = ""
        self._lives = 0
        self._up = trio.Event()
        self._requests: list[Request] = []
        self._answered = 0
        self._goal = 0
        self._enough = trio.Event()

    @property
    def accepted(self) -> dict[str, Item]:
        """By id."""
        return {
            request.ids[item.number]: item
            for request in self._requests
            for item in request.items
            if item.number in request.ids
        }

    def up(self, address: str) -> None:
        """The service listens at `address`."""
        self._address = address
        self._lives += 1
        self._up.set()

    def down(self) -> None:
        """The service does not listen until `up`."""
        self._up = trio.Event()

    async def wait_more(self, count: int) -> None:
        """Wait until so many requests more are answered, or all."""
        self._goal = self._answered + count
        self._enough = trio.Event()
        if not self.done.is_set():
            await self._enough.wait()

    async def run(self) -> None:
        """Send everything; return once it is answered."""
        async with trio.open_nursery() as nursery:
            for client in range(CLIENTS):
                nursery.start_soon(self._client, client)
        self.done.set()
        self._enough.set()

    async def call(self, do: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
        """Do it over a connection, again from its beginning where that is cut by a crash."""
        while True:
            await self._up.wait()
            try:
                async with httpx.AsyncClient(base_url=self._address, timeout=30) as http:
                    return await do(http)
            except httpx.TransportError:
                await trio.sleep(0.01)

    async def suppress(self, number: str) -> None:
        """Put somebody on the list."""

        async def put(http: httpx.AsyncClient) -> None:
            assert (await http.put(f"/suppressions/{number}")).status_code in (200, 201)

        await self.call(put)
        self.suppressed[f"{number}@c.us"] = time.time()

    async def campaign(self, place: int) -> None:
        """Send a batch of which half is scheduled for an hour later, and cancel it."""
        first = CLIENTS * STOCK + place * CAMPAIGN
        at = time.time() + 3600
        items = [
            self._item(first + n, first, somebody(first + n), "bulk", at if n % 2 else None)
            for n in range(CAMPAIGN)
        ]
        request = Request(items, {})
        self._requests.append(request)
        await self.call(request.post)

        async def cancel(http: httpx.AsyncClient) -> None:
            message = (await http.get(f"/messages/{request.ids[first]}")).json()
            response = await http.post(f"/batches/{message['batch']}/cancel")
            assert response.status_code == 200, response.text

        await self.call(cancel)

    async def _client(self, client: int) -> None:
        mine: list[Request] = []
        lives, number = 0, client * STOCK
        for _ in range(ROUNDS_OF_A_CLIENT):
            for count in (BATCH, 1):
                items = [self._any_item(number + n, number, client, count) for n in range(count)]
                mine.append(Request(items, {}))
                self._requests.append(mine[-1])
                number += count
                lives = await self._send(mine, lives)
                self._answered += 1
                if self._answered >= self._goal:
                    self._enough.set()
                await trio.sleep(self._chance.uniform(0.0, 0.1))

    async def _send(self, mine: Sequence[Request], lives: int) -> int:
        """Send the newest, and after a crash the others again; how many lives there were by now."""

        async def send(http: httpx.AsyncClient) -> None:
            nonlocal lives
            now = self._lives
            for request in mine if lives < now else mine[-1:]:
                await request.post(http)
            lives = now

        await self.call(send)
        return lives

    def _any_item(self, number: int, request: int, client: int, count: int) -> Item:
        """The message of that number: its number decides what it is."""
        to = somebody(client * OWNED + number % OWNED)
        priority = LANES[number % 3]
        if count == 1 or number % 13 == 0:
            return self._picture(number, request, to, priority)
        if number % 7 == 0:
            at = time.time() + self._chance.uniform(0.2, 3.0)
            return self._item(number, request, to, priority, at)
        if number % 11 == 0:  # to somebody of its own: what is refused may be accepted later
            until = datetime.fromtimestamp(time.time() + SHORT_TTL, UTC).isoformat()
            expiry: dict[str, Any] = {"ttl": SHORT_TTL} if number % 2 else {"expires_at": until}
            return self._item(number, request, somebody(100_000 + number), "urgent", None, **expiry)
        if number % 5 == 0:
            return self._item(number, request, to, "urgent", None, ignore_suppression=True)
        return self._item(number, request, to, priority, None)

    def _item(
        self,
        number: int,
        request: int,
        to: str,
        priority: str,
        send_at: float | None,
        **members: object,
    ) -> Item:
        body = {"to": to, "message": str(number), "priority": priority, **members}
        if send_at is not None:
            body["send_at"] = datetime.fromtimestamp(send_at, UTC).isoformat()
        return Item(number, request, body, send_at)

    def _picture(self, number: int, request: int, to: str, priority: str) -> Item:
        data = random.Random(number).randbytes(PICTURE_SIZE)
        body: dict[str, Any] = {
            "to": to,
            "type": "image",
            "caption": str(number),
            "priority": priority,
            "file": {"mimetype": "image/png", "data": b64encode(data).decode()},
        }
        if number % 2:
            body["on_unknown"] = "resend"
        return Item(number, request, body, picture=hashlib.sha256(data).hexdigest())
