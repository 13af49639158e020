"""The sessions as operators see and steer them."""

from collections.abc import Sequence

from trio_wa.clock import Clock
from trio_wa.core.dispatch import Dispatch
from trio_wa.look_ups import LookUps
from trio_wa.message_ids import MessageIds
from trio_wa.ports import Activity, Picture, Refusal, SessionStore, SessionView
from trio_wa.protection import Protection
from trio_wa.sessions import SessionPool
from trio_wa.silence import Silence


class Overview:
    """Puts together what the parts of the service know of each session."""

    def __init__(
        self,
        store: SessionStore,
        pool: SessionPool,
        dispatch: Dispatch,
        ids: MessageIds,
        look_ups: LookUps,
        silence: Silence,
        protection: Protection,
        clock: Clock,
    ) -> None:
        self._store = store
        self._pool = pool
        self._dispatch = dispatch
        self._ids = ids
        self._look_ups = look_ups
        self._silence = silence
        self._protection = protection
        self._clock = clock

    async def view(self) -> Sequence[SessionView]:
        """Each session as it is now."""
        activity = await self._store.activity(self._clock.now())
        return [self._session(name, activity.get(name, Activity())) for name in self._pool.known]

    async def pause(self, name: str) -> None:
        """Let nothing go out over a session; durable on return."""
        await self._pool.pause(name)

    async def resume(self, name: str) -> None:
        """Use a session again, whatever was held against it; durable on return."""
        await self._pool.resume(name)
        self._protection.resumed(name)

    async def restart(self, name: str) -> Refusal | None:
        """Let WAHA restart a session."""
        refusal = await self._pool.restart(name)
        if refusal is None:
            self._protection.restarted(name)
        return refusal

    async def qr_code(self, name: str) -> Picture | Refusal:
        """The QR code that links a phone to a session."""
        return await self._pool.qr_code(name)

    def _session(self, name: str, activity: Activity) -> SessionView:
        known, slot = self._pool.known[name], self._dispatch.rotation.slots[name]
        offered, trust = self._ids.offered(name), self._look_ups.trust(name)
        now, newcomer_at = self._clock.now(), slot.pacer.opens_for_new_at
        return SessionView(
            name=name,
            status=known.status,
            since=known.since,
            paused=known.memory.paused,
            in_flight=slot.in_flight,
            activity=activity,
            acks_seen=known.memory.acked_at is not None,
            webhooks=self._silence.hearing(name),
            message_ids=False if trust.ids is False else offered,
            look_ups=trust.look_ups,
            obstacle=slot.obstacle,
            ghost=slot.ghost is not None,
            breaker=slot.breaker.state,
            next_send_at=slot.pacer.opens_at if slot.pacer.opens_at > now else None,
            next_new_contact_at=newcomer_at if newcomer_at > now else None,
            daily_cap=slot.pacer.cap(now),
            locked_until=slot.locked_until if slot.locked_until > now else None,
        )
