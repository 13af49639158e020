"""Asks WAHA for messages by their ids, and knows how far its answers can be believed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Protocol

import structlog
import trio

from trio_wa.clock import Clock
from trio_wa.core.evidence import Trust
from trio_wa.core.session import Session
from trio_wa.core.status import Status
from trio_wa.ports import (
    Filter,
    Finding,
    Found,
    Missing,
    Observer,
    SessionMemory,
    Store,
    StoreUnavailable,
    Unreadable,
)

log = structlog.get_logger(__name__)

PROOF_SECONDS = (2.0, 15.0)
"""How long after a send it is looked up, to see whether WAHA finds what it sent: twice at most."""

PROOF_AGAIN_SECONDS = 600.0
"""How long after a proof that failed the next one is tried at the earliest."""

NEWEST = 50
"""Among so many messages of a session one is sought that was sent before the start."""

AGAIN_SECONDS = 1.0
"""How long a store that failed is left alone."""


class Sessions(Protocol):
    """Who knows the sessions: the pool."""

    def works(self, session: str) -> bool:
        """Whether nothing is known that keeps a session from sending."""

    async def proven(self, session: str) -> None:
        """WAHA has sent under an id that was chosen, and found the message by it."""


@dataclass(slots=True, eq=False)
class _Proof:
    """Whether look-ups over one session work.

    `sent` is the id that was sent last, `sent_in` the one of the session's `starts` since which:
    what was sent before its last start WAHA may have forgotten.
    """

    session: Session
    trust: Trust
    sent: str | None = None
    sent_in: int | None = None
    starts: int = 0
    wanted: trio.Event = field(default_factory=trio.Event)
    not_before: float = -inf


class LookUps:
    """Look-ups over each session, proven by a look-up of what was certainly sent."""

    def __init__(
        self,
        store: Store,
        observer: Observer,
        pool: Sessions,
        clock: Clock,
        sessions: Mapping[Session, SessionMemory],
    ) -> None:
        self._store = store
        self._observer = observer
        self._pool = pool
        self._clock = clock
        self._proofs = {
            session.name: _Proof(session, Trust(ids=memory.proven or None))
            for session, memory in sessions.items()
        }

    async def run(self) -> None:
        """Prove look-ups wherever they are not proven, until cancelled."""
        async with trio.open_nursery() as nursery:
            for name, proof in self._proofs.items():
                nursery.start_soon(self._prove, proof, name=f"look-ups-{name}")

    def trust(self, session: str) -> Trust:
        """How far look-ups over a session can be believed; not at all if it is not ours."""
        proof = self._proofs.get(session)
        return Trust(ids=False) if proof is None else proof.trust

    def sent(self, session: str, chosen: str | None, returned: str) -> None:
        """Note under which id WAHA sent a message, and which was chosen for it."""
        proof = self._proofs[session]
        proof.trust.compare(chosen, returned)
        proof.sent, proof.sent_in = returned, proof.starts
        proof.wanted.set()

    def renew(self, session: str) -> None:
        """Find out anew what can be believed: the session, or the WAHA behind it, has started."""
        proof = self._proofs[session]
        proof.trust.renew()
        proof.starts += 1
        proof.not_before = -inf
        proof.wanted.set()

    async def find(self, session: str, waha_id: str | None) -> Finding:
        """What WAHA knows of what may have gone out under that chosen id, if it can be believed."""
        if waha_id is None or not self.trust(session).may_tell:
            return Unreadable("look-ups tell nothing of this message", refused=True)
        proof = self._proofs[session]
        finding = await self._ask(proof, waha_id)
        if isinstance(finding, Found):
            proof.trust.ids = True
            self._believe(proof)
        return finding

    async def _ask(self, proof: _Proof, waha_id: str) -> Finding:
        if not self._pool.works(proof.session.name):
            return Unreadable("the session does not work")
        finding = await self._observer.look_up(proof.session, waha_id)
        if isinstance(finding, Unreadable) and finding.refused and not proof.trust.look_ups:
            self._doubt(proof, finding.detail)
        return finding

    async def _prove(self, proof: _Proof) -> None:
        await self._recall(proof)
        while True:
            await proof.wanted.wait()
            proof.wanted = trio.Event()
            if proof.trust.proven:
                await self._remember(proof)
            elif proof.sent and proof.trust.ids and self._clock.now() >= proof.not_before:
                await self._try(proof, proof.sent)

    async def _try(self, proof: _Proof, sent: str) -> None:
        """Look up what was sent last, up to two times."""
        trust, sent_in = proof.trust, proof.sent_in
        for seconds in PROOF_SECONDS:
            await trio.sleep(seconds)
            if trust.look_ups:
                return
            finding = await self._ask(proof, sent)
            if isinstance(finding, Found):
                self._believe(proof)
                return
        if trust.look_ups or sent_in != proof.starts:
            return
        proof.not_before = self._clock.now() + PROOF_AGAIN_SECONDS
        if isinstance(finding, Missing):
            self._doubt(proof, "WAHA does not find what it sent")

    async def _remember(self, proof: _Proof) -> None:
        """Let the proof outlive a restart."""
        try:
            await self._pool.proven(proof.session.name)
        except StoreUnavailable as error:
            log.warning("look_ups.store_unavailable", reason=str(error))
            await trio.sleep(AGAIN_SECONDS)
            proof.wanted.set()

    async def _recall(self, proof: _Proof) -> None:
        """Find a message that was sent before the start, to prove look-ups by."""
        try:
            for record in await self._store.find(Filter(session=proof.session.name), NEWEST):
                if record.status in (Status.SENT, Status.DELIVERED, Status.READ):
                    proof.sent = proof.sent or record.waha_id
        except StoreUnavailable as error:
            log.warning("look_ups.store_unavailable", reason=str(error))
        proof.wanted.set()

    def _believe(self, proof: _Proof) -> None:
        proof.trust.look_ups = True
        proof.wanted.set()

    def _doubt(self, proof: _Proof, reason: str) -> None:
        if proof.trust.look_ups is None:
            log.warning("look_ups.useless", session=proof.session.name, reason=reason)
        proof.trust.look_ups = False
