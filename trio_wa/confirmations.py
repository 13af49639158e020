"""Watches whether WhatsApp acknowledges what WAHA took."""

from collections.abc import Iterable
from typing import Protocol

import structlog
import trio

from trio_wa.clock import Clock
from trio_wa.core.session import Session
from trio_wa.core.status import SERVER
from trio_wa.ports import (
    Found,
    Observer,
    Receipt,
    Store,
    StoreUnavailable,
    Unconfirmed,
    Unreadable,
)
from trio_wa.window import Window

log = structlog.get_logger(__name__)

LOOK_UP_SECONDS = 1.0
"""Between two look-ups over one session at least."""

LIMIT_SECONDS = 600.0
"""How long after its time a message is looked up at most, where WAHA cannot be asked."""

AGAIN_SECONDS = 1.0
"""How long a store that failed is left alone."""


class Hearing(Protocol):
    """Who knows what was heard of a session: the pool."""

    async def first_heard(self, session: str) -> float:
        """Wait until an event or an ack of a session has come; since when they come.

        Raises StoreUnavailable.
        """

    def acked_since(self, session: str) -> float:
        """When the first ack of SERVER or more came over a session; infinity: none did."""


class Acknowledge(Protocol):
    """Who records acks."""

    async def acknowledge(self, receipt: Receipt) -> None:
        """Record an ack. Raises StoreUnavailable."""


class Confirmations:
    """Looks up what has no ack of SERVER or more `timeout` seconds after WAHA took it.

    If that brings none the message is flagged as unconfirmed, and with `resend` it is sent once
    more. At the latest it is flagged `grace` seconds after its time, looked up or not. For each
    session it starts with its first webhook, without which there would be nothing to wait for, and
    with what was sent so shortly before. What was sent before its first ack is not sent again: it
    may be that acks alone are missing.
    """

    def __init__(
        self,
        store: Store,
        observer: Observer,
        window: Window,
        receipts: Acknowledge,
        hearing: Hearing,
        clock: Clock,
        *,
        timeout: float,
        grace: float,
        resend: bool,
    ) -> None:
        self._store = store
        self._observer = observer
        self._window = window
        self._receipts = receipts
        self._hearing = hearing
        self._clock = clock
        self._timeout = timeout
        self._grace = grace
        self._resend = resend

    async def run(self, sessions: Iterable[Session]) -> None:
        """Watch every session until cancelled."""
        if self._timeout > 0:
            async with trio.open_nursery() as nursery:
                for session in sessions:
                    name = f"confirmations-{session.name}"
                    nursery.start_soon(self._watch, session, name=name)

    async def _watch(self, session: Session) -> None:
        while True:
            try:
                since = await self._hearing.first_heard(session.name)
                await trio.sleep(await self._step(session, since))
            except StoreUnavailable as error:
                log.warning("confirmations.store_unavailable", reason=str(error))
                await trio.sleep(AGAIN_SECONDS)

    async def _step(self, session: Session, since: float) -> float:
        """Do what is due over a session; how many seconds nothing will be."""
        since -= self._timeout
        oldest = await self._store.unconfirmed(session.name, since, 1)
        if not oldest:
            return self._timeout  # whatever is sent from now on is due no sooner
        [message] = oldest
        now = self._clock.now()
        if message.sent_at + self._timeout > now:
            return message.sent_at + self._timeout - now
        late = now - self._timeout - self._grace
        while flagged := await self._store.flag_unconfirmed(session.name, since, late):
            log.warning("messages.unconfirmed", session=session.name, messages=flagged)
        await self._look_up(session, message)
        return LOOK_UP_SECONDS

    async def _look_up(self, session: Session, message: Unconfirmed) -> None:
        finding = await self._observer.look_up(session, message.waha_id)
        now = self._clock.now()
        match finding:
            case Found(ack) if ack >= SERVER or ack < 0:
                receipt = Receipt(session.name, message.waha_id, ack, now)
                await self._receipts.acknowledge(receipt)
                return
            case Unreadable(refused=False) if now < message.sent_at + self._timeout + LIMIT_SECONDS:
                return
        if await self._store.mark_unconfirmed(message.message_id, now):
            log.warning("message.unconfirmed", message_id=message.message_id, session=session.name)
            if self._resend and message.sent_at >= self._hearing.acked_since(session.name):
                await self._send_again(message)

    async def _send_again(self, message: Unconfirmed) -> None:
        """Queue a message once more, if there is a place for it.

        That it is marked would keep it from another try: so a store that fails is waited for.
        """
        message_id = message.message_id
        while self._window.open and self._window.reserve(message.priority):
            resent = False
            try:
                resent = await self._store.resend(message_id, self._clock.now())
            except StoreUnavailable as error:
                log.warning("confirmations.store_unavailable", reason=str(error))
            else:
                if resent:
                    log.warning("message.resent", message_id=message_id)
                return
            finally:
                if not resent:
                    self._window.release(message.priority)
            await trio.sleep(AGAIN_SECONDS)
        log.warning("message.not_resent", message_id=message_id, reason="there is no place for it")
