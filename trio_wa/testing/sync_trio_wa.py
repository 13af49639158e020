"""The service for tests that are not on Trio: each call blocks until it is done."""

import ssl
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from trio_wa.ports import Batch, Ledger, Record, Suppression
from trio_wa.service import Ended
from trio_wa.testing.harness import CLIENT_SECONDS, TrioWa
from trio_wa.testing.thread import TrioThread


class SyncTrioWa:
    """What `TrioWa` is, for another thread; `client` is an `httpx.Client`.

    `trio_wa` is the object itself, and belongs to its thread. In an asyncio test await a call
    through `asyncio.to_thread`, wherever the application has to go on meanwhile.
    """

    def __init__(self, thread: TrioThread, trio_wa: TrioWa) -> None:
        self.trio_wa = trio_wa
        self.settings = trio_wa.settings
        self.url = trio_wa.url
        self.client = httpx.Client(
            base_url=self.url,
            trust_env=False,
            timeout=CLIENT_SECONDS,
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # without reading all certificates
        )
        self._thread = thread

    def send(self, to: str, message: object = None, **members: Any) -> str:
        """POST a message to `/send`; its id. Raises `NotAccepted` where the answer is not 202."""
        __tracebackhide__ = True
        return self._thread.call(self.trio_wa.send, to, message, **members)

    def send_batch(self, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """POST messages to `/send/batch`: the answer, with the batch's `id` and its `results`."""
        __tracebackhide__ = True
        return self._thread.call(self.trio_wa.send_batch, messages)

    def batch(self, batch_id: str) -> Batch:
        """How the messages of a batch stand. Raises `KeyError` for an unknown id."""
        return self._thread.call(self.trio_wa.batch, batch_id)

    def suppressed(self, to: str, within: float | None = None) -> Suppression:
        """A number's entry among who wants no messages; `NotSent` after `within` seconds."""
        __tracebackhide__ = True
        return self._thread.call(self.trio_wa.suppressed, to, within)

    def message(self, message_id: str) -> Record:
        """All that is known of a message. Raises `KeyError` for an unknown id."""
        return self._thread.call(self.trio_wa.message, message_id)

    def messages(self, limit: int = 10_000) -> list[Record]:
        """The messages accepted, newest first, without their events."""
        return self._thread.call(self.trio_wa.messages, limit)

    def ledger(self) -> Ledger:
        """The totals, the count of each status, and whether they are `balanced`."""
        return self._thread.call(self.trio_wa.ledger)

    def settled(self, within: float | None = None) -> Ledger:
        """The ledger once no message is queued or being sent; `NotSent` after `within` seconds."""
        __tracebackhide__ = True
        return self._thread.call(self.trio_wa.settled, within)

    def stop(self) -> None:
        """Do what a SIGTERM does: the first begins the drain, the second ends it."""
        self._thread.call_now(self.trio_wa.stop)

    def stopped(self, within: float | None = None) -> Ended:
        """How the service ended, once it has; `NotSent` after `within` seconds."""
        __tracebackhide__ = True
        return self._thread.call(self.trio_wa.stopped, within)

    def drain(self, within: float | None = None) -> Ended:
        """Stop as after one SIGTERM, and wait until what was accepted is sent."""
        __tracebackhide__ = True
        return self._thread.call(self.trio_wa.drain, within)

    def crash(self) -> None:
        """End at once and leave what a `kill -9` leaves."""
        self._thread.call(self.trio_wa.crash)

    def restart(self) -> None:
        """Start again, on the same store and at the same address."""
        self._thread.call(self.trio_wa.restart)
