"""Sees after the sessions and after what was sent over them: the parts, put together."""

from collections.abc import Mapping

import trio

from trio_wa.addressing import Addressing
from trio_wa.clock import Clock
from trio_wa.config import Settings
from trio_wa.confirmations import Confirmations
from trio_wa.core.dispatch import Dispatch
from trio_wa.core.message import Message
from trio_wa.core.notice import Notice
from trio_wa.core.outcome import Outcome, Rejected, Sent, Unavailable, Unknown
from trio_wa.core.pace import MINUTE
from trio_wa.core.retry import RetryPolicy
from trio_wa.dispatcher import Dispatcher
from trio_wa.inquiries import Inquiries
from trio_wa.look_ups import LookUps
from trio_wa.message_ids import MessageIds
from trio_wa.opt_outs import OptOuts
from trio_wa.overview import Overview
from trio_wa.ports import Alarm, Observer, SessionMemory, SessionView, Store
from trio_wa.protection import Protection
from trio_wa.receipts import Receipts
from trio_wa.registration import Registration
from trio_wa.sessions import SessionPool
from trio_wa.silence import Silence
from trio_wa.standstill import watch_dispatch, watch_store
from trio_wa.window import Window
from trio_wa.writers import Writers

SEEN_SECONDS = 5.0
"""How long the start waits to see what a session makes possible."""


class Oversight:
    """Statuses of sessions, message ids, look-ups, receipts, writers, confirmations, protection."""

    def __init__(
        self,
        settings: Settings,
        memories: Mapping[str, SessionMemory],
        store: Store,
        observer: Observer,
        dispatch: Dispatch,
        dispatcher: Dispatcher,
        window: Window,
        policy: RetryPolicy,
        alarm: Alarm,
        clock: Clock,
    ) -> None:
        sessions = settings.sessions
        names = [session.name for session in sessions]
        memories = {name: memories.get(name, SessionMemory()) for name in names}
        self._settings = settings
        self._store = store
        self._observer = observer
        self._dispatcher = dispatcher
        self._alarm = alarm
        self.ids = MessageIds(observer, sessions, enabled=settings.message_ids == "auto")
        self.pool = SessionPool(
            sessions,
            memories,
            store,
            observer,
            dispatcher,
            alarm,
            clock,
            poll=settings.session_poll,
            on_start=self._session_started,
        )
        remembered = {session: memories[session.name] for session in sessions}
        self._look_ups = LookUps(store, observer, self.pool, clock, remembered)
        self.inquiries = Inquiries(store, self._look_ups, dispatcher, policy, clock, names)
        heard = {name: memory.heard_at is not None for name, memory in memories.items()}
        self._silence = Silence(heard, alarm)
        self._protection = Protection(
            settings,
            memories,
            self.pool,
            dispatcher,
            observer,
            self._silence,
            alarm,
            clock,
        )
        self.receipts = Receipts(
            store, dispatcher, self.inquiries, self.pool, self._protection.ghosts, self._silence
        )
        self.writers = Writers(
            store,
            OptOuts(store, dispatcher),
            observer,
            dispatcher,
            sessions,
            settings.opt_out_keywords,
        )
        self._confirmations = Confirmations(
            store,
            observer,
            window,
            self.receipts,
            self.pool,
            clock,
            timeout=settings.confirm_timeout,
            grace=settings.session_poll,
            resend=settings.confirm_resend == "once",
        )
        self.addressing = Addressing(
            store, self.ids, self.pool, check_contacts=settings.check_exists == "new"
        )
        self.overview = Overview(
            store,
            self.pool,
            dispatch,
            self.ids,
            self._look_ups,
            self._silence,
            self._protection,
            clock,
        )

    async def run(self) -> None:
        """Keep all of it up to date until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.pool.run, name="sessions")
            nursery.start_soon(self.ids.run, name="message-ids")
            nursery.start_soon(self._look_ups.run, name="look-ups")
            nursery.start_soon(self.inquiries.run, name="inquiries")
            nursery.start_soon(
                self._confirmations.run, self._settings.sessions, name="confirmations"
            )
            nursery.start_soon(self._silence.run, name="silence")
            nursery.start_soon(self._keep_rate, name="rate")
            nursery.start_soon(self._protection.run, name="protection")
            nursery.start_soon(watch_dispatch, self._dispatcher, self._alarm, name="standstill")
            nursery.start_soon(watch_store, self._store, self._alarm, name="store-watch")
            if (url := self._settings.waha_webhook_url) is not None:
                secret = self._settings.webhook_secret
                registration = Registration(self._observer, url=url, secret=secret)
                for session in self._settings.sessions:
                    name = f"registration-{session.name}"
                    nursery.start_soon(registration.register, session, name=name)

    async def first_view(self, session: str) -> SessionView:
        """A session, once it was seen what it makes possible, or after `SEEN_SECONDS`."""
        with trio.move_on_after(SEEN_SECONDS):
            await self.ids.seen(session)
        return next(each for each in await self.overview.view() if each.name == session)

    def attempted(self, message: Message, session: str, outcome: Outcome) -> None:
        """Learn from the outcome of an attempt to send `message` as it went out."""
        match outcome:
            case Sent(waha_id):
                self._silence.sent(session)
                if waha_id is not None:
                    self._protection.ghosts.sent(session, waha_id)
                    self._look_ups.sent(session, message.waha_id, waha_id)
            case Unavailable(fault="session"):
                self.pool.doubt(session)
            case Unavailable() | Rejected() | Unknown():
                pass

    def noticed(self, session: str, notice: Notice) -> None:
        """Learn what an attempt changed about a session."""
        self._protection.noticed(session, notice)

    async def _keep_rate(self) -> None:
        """Let the rate count alone once no minute holds anything of before the start."""
        await trio.sleep(MINUTE)
        await self.pool.remember_rate(self._settings.limits.pace.rate)

    def _session_started(self, session: str, again: bool) -> None:
        self.ids.renew(session)
        self._look_ups.renew(session)
        if again:
            self._protection.restarted(session)
