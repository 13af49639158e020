"""The service of a test."""

import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import trio

from trio_wa import service
from trio_wa.adapters.media_memory import MemoryMedia
from trio_wa.config import Settings
from trio_wa.core.recipient import chat_id
from trio_wa.core.status import Status
from trio_wa.ports import Batch, Filter, Ledger, Publish, Record, Store, Suppression
from trio_wa.simulator import WebhookTarget
from trio_wa.testing import account
from trio_wa.testing.errors import Down, Lost, NotAccepted
from trio_wa.testing.leaks import no_leaks
from trio_wa.testing.lives import Lives
from trio_wa.testing.logs import logs_to_logging
from trio_wa.testing.port import Port
from trio_wa.testing.store import Fence, Fenced, KeptStore
from trio_wa.testing.waha import NotSent, Waha
from trio_wa.web.front import HttpFront
from trio_wa.web.hypercorn_config import load_hypercorn_config, open_sockets

CLIENT_SECONDS = 30.0


class TrioWa:
    """A running trio-wa, before the WAHA of the same test.

    `url` is its address for the whole test, `client` an `httpx.AsyncClient` for it.
    """

    def __init__(self, settings: Settings, waha: Waha, port: Port) -> None:
        self.settings = settings
        self.url = port.url
        self.client = httpx.AsyncClient(
            base_url=self.url,
            trust_env=False,
            timeout=CLIENT_SECONDS,
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # without reading all certificates
        )
        self.lives = Lives(self._live)
        self._waha = waha
        self._port = port
        self._kept = KeptStore() if settings.in_memory else None
        self._media = MemoryMedia() if settings.in_memory else None
        self._store: Store | None = None
        self._fence: Fence | None = None
        self._written = trio.Event()
        self._stop = trio.Event()
        self._drain = trio.CancelScope()
        self._ended: service.Ended | None = None

    async def send(self, to: str, message: object = None, **members: Any) -> str:
        """POST a message to `/send`; its id. Raises `NotAccepted` where the answer is not 202.

        `message` is a text, or what a list says; `members` are all others: `send(to, type="image",
        file={"mimetype": "image/png", "url": url})`.
        """
        __tracebackhide__ = True
        said = {} if message is None else {"message": message}
        answer = await self._accepted("/send", {"to": to, **said, **members})
        return str(answer["id"])

    async def send_batch(self, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """POST messages to `/send/batch`: the answer, with the batch's `id` and its `results`.

        Raises `NotAccepted` where it is not 202; a message that is refused is among the results.
        """
        __tracebackhide__ = True
        return await self._accepted("/send/batch", [dict(each) for each in messages])

    async def batch(self, batch_id: str) -> Batch:
        """How the messages of a batch stand: their `counts`.

        Raises `KeyError` for an unknown id.
        """
        batch = await self._readable().batch(batch_id)
        if batch is None:
            raise KeyError(batch_id)
        return batch

    async def suppressed(self, to: str, within: float | None = None) -> Suppression:
        """The entry of a number or chat id on the list of who wants no messages, once it is there.

        Raises `NotSent` after `within` seconds (by default 5, or an hour of virtual time).
        """
        __tracebackhide__ = True
        seconds = self._waha.patience if within is None else within
        with trio.move_on_after(seconds):
            written = self._written
            while (entry := await self._readable().suppression(chat_id(to))) is None:
                await written.wait()
                written = self._written
            return entry
        raise NotSent(f"{to} did not come onto the list of suppressions within {seconds:g} s.")

    async def message(self, message_id: str) -> Record:
        """All that is known of a message: status, session, WAHA's id, error code, events.

        Raises `KeyError` for an unknown id.
        """
        record = await self._readable().get(message_id)
        if record is None:
            raise KeyError(message_id)
        return record

    async def messages(self, limit: int = 10_000) -> list[Record]:
        """The messages accepted, newest first, without their events."""
        return list(await self._readable().find(Filter(), limit))

    async def ledger(self) -> Ledger:
        """The totals, the count of each status, and whether they are `balanced`."""
        return await self._readable().ledger()

    async def settled(self, within: float | None = None) -> Ledger:
        """The ledger once no message is queued, being sent or being looked up any more.

        One whose `send_at` has not come is queued. Raises `NotSent` after `within` seconds (by
        default 5, or an hour of virtual time).
        """
        __tracebackhide__ = True
        seconds = self._waha.patience if within is None else within
        with trio.move_on_after(seconds):
            written = self._written
            while await self._unsettled():
                await written.wait()
                written = self._written
            return await self.ledger()
        left = await self._unsettled()
        what = "message is" if left == 1 else "messages are"
        lines = [f"{left} {what} not settled within {seconds:g} s.", *await self.account()]
        raise NotSent("\n".join(lines))

    def stop(self) -> None:
        """Do what a SIGTERM does: the first begins the drain, the second ends it."""
        if self._stop.is_set():
            self._drain.cancel()
        self._stop.set()

    async def stopped(self, within: float | None = None) -> service.Ended:
        """How the service ended, once it has.

        Raises `NotSent` after `within` seconds (by default 5, or an hour of virtual time, beyond
        `drain_timeout`); the service goes on meanwhile. Raises `Down` if it was crashed.
        """
        __tracebackhide__ = True
        bounded = self.settings.drain_seconds or 0.0
        seconds = self._waha.patience + bounded if within is None else within
        with trio.move_on_after(seconds):
            await self.lives.over()
            if self._ended is None:
                raise Down("it was crashed, not stopped")
            return self._ended
        reason = f"the service did not stop within {seconds:g} s"
        if not self._stop.is_set():
            reason += ", because nothing stopped it: call stop() or drain()"
        raise NotSent("\n".join([f"{reason}.", *await self.account()]))

    async def drain(self, within: float | None = None) -> service.Ended:
        """Stop as after one SIGTERM, and wait until what was accepted is sent.

        Raises `NotSent` as `stopped` does.
        """
        __tracebackhide__ = True
        self.stop()
        return await self.stopped(within)

    async def crash(self) -> None:
        """End at once and leave what a `kill -9` leaves.

        The store is fenced first: what the service would write after this instant is lost.
        """
        if self._fence is not None:
            self._fence.put_up()
        await self.lives.end()

    async def restart(self) -> None:
        """Start again after `drain()` or `crash()`, on the same store and at the same address."""
        if self.lives.alive:
            await self.crash()
        await self.lives.begin()

    async def _accepted(self, path: str, body: object) -> dict[str, Any]:
        __tracebackhide__ = True
        response = await self.client.post(path, json=body)
        if response.status_code != 202:
            raise NotAccepted(f"{path} answered {response.status_code}: {response.text}")
        answer: dict[str, Any] = response.json()
        return answer

    async def check_ledger(self) -> None:
        """Raise `Lost` if an accepted message is in no state."""
        if self._store is not None and not (ledger := await self._store.ledger()).balanced:
            raise Lost(f"the ledger does not add up: {ledger}. This is a fault of trio-wa")

    async def account(self) -> list[str]:
        """How it stands with each message, in words."""
        if self._store is None:
            return ["trio-wa is down."]
        lines = [] if self.lives.alive else ["trio-wa is down."]
        newest = await self._store.find(Filter(), account.SHOWN)
        records = [await self._store.get(record.id) for record in newest]
        now = self._waha.clock.now()
        return lines + account.of_messages([each for each in records if each is not None], now)

    async def _live(self, task_status: trio.TaskStatus[None]) -> None:
        self._stop, self._drain, self._ended = trio.Event(), trio.CancelScope(), None
        config = load_hypercorn_config(None, bind=f"127.0.0.1:{self._port.number}")
        sockets = open_sockets(config)
        front = HttpFront(
            config,
            sockets,
            self._stop,
            self.settings.max_body_bytes,
            listening=lambda _address: task_status.started(),
        )
        try:
            self._ended = await service.run(
                self.settings,
                front,
                drain=self._drain,
                opening=self._open,
                clock=self._waha.clock,
                media=self._media,
            )
        except* Fenced:
            pass
        finally:
            for listener in sockets.insecure_sockets:  # open still if the front never ran
                listener.close()

    @asynccontextmanager
    async def _open(self, settings: Settings, publish: Publish) -> AsyncIterator[Store]:
        opening = service.open_store if self._kept is None else self._kept.open
        async with opening(settings, publish) as store:
            self._store = store
            self._fence = Fence(store, self._note_write)
            try:
                yield cast("Store", self._fence)
            finally:
                if self._kept is None:
                    self._store = None

    async def _unsettled(self) -> int:
        counts = (await self.ledger()).counts
        waiting = counts[Status.QUEUED] + counts[Status.SENDING]
        return waiting or len(await self._readable().open_attempts())

    def _note_write(self) -> None:
        written, self._written = self._written, trio.Event()
        written.set()

    def _readable(self) -> Store:
        if self._store is None:
            raise Down("trio-wa is down, and its store on disk with it: restart() first")
        return self._store


@asynccontextmanager
async def running_trio_wa(settings: Settings, waha: Waha) -> AsyncIterator[TrioWa]:
    """A service before `waha` on a free port of 127.0.0.1; nothing of it is left at the end.

    With a `waha_webhook_secret` the sessions of `waha` tell it of acks and of their statuses.

    Raises `Lost` at the end if its ledger does not add up, and `Leak` if something stays open.
    """
    files = [] if settings.in_memory else [Path(settings.journal_path)]
    with (
        logs_to_logging(),
        Port() as port,
        no_leaks("trio_wa", served=port.number, files=files),
    ):
        trio_wa = TrioWa(settings, waha, port)
        waha.witnesses.append(trio_wa.account)
        if (secret := settings.webhook_secret) is not None:
            waha.simulator.tell(WebhookTarget(f"{port.url}/webhooks/waha", secret))
        async with trio_wa.client, trio.open_nursery() as nursery:
            await nursery.start(trio_wa.lives.run, name="trio-wa")
            try:
                yield trio_wa
                await trio_wa.check_ledger()
            finally:
                waha.witnesses.remove(trio_wa.account)
                nursery.cancel_scope.cancel()
