"""From what callers send to what is recorded: reserve places, record, enqueue."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TypeAlias, assert_never

import trio
import uuid_utils

from trio_wa.clock import Clock
from trio_wa.intake.caller import Caller
from trio_wa.intake.dispatching import Dispatching
from trio_wa.intake.estimates import Estimates
from trio_wa.intake.idempotency import HEADER, fingerprint
from trio_wa.intake.recording import fetched, recorded
from trio_wa.intake.refusal import (
    Refusal,
    busy,
    full,
    invalid,
    stopping,
    suppressed,
    too_late,
)
from trio_wa.intake.sending import Sending
from trio_wa.ports import (
    Acceptance,
    Accepted,
    Draft,
    KeyReused,
    Late,
    MediaStore,
    Replayed,
    Store,
    StoreUnavailable,
    Suppressed,
)
from trio_wa.telemetry import timestamp
from trio_wa.window import Window

AHEAD_SECONDS = 365 * 86_400.0
"""How far ahead a message may be scheduled: what is further is a slip of the pen."""

REMOVE_SECONDS = 2.0
"""How long the data of what was not accepted may take to go; the next start finds the rest."""

Admitted: TypeAlias = Accepted | Replayed
Answer: TypeAlias = Admitted | Refusal


@dataclass(frozen=True, slots=True)
class Candidate:
    """A draft, the data of its file, and the member that says when it expires."""

    draft: Draft
    data: bytes | None = None
    deadline: str = "ttl"


@dataclass(frozen=True, slots=True)
class Admission:
    """Lets messages in: each is accepted once the store has it, or refused; none waits for WAHA."""

    store: Store
    media: MediaStore
    window: Window
    clock: Clock
    message_ttl: float
    sessions: frozenset[str]
    dispatch: Dispatching
    new_id: Callable[[], str] = lambda: str(uuid_utils.uuid7())

    def closed(self) -> Refusal | None:
        """Why nothing at all is accepted now; None if messages are."""
        if not self.window.open:
            return stopping()
        if (reason := self.store.problem()) is not None:
            return busy("store_unavailable", reason)
        return None

    def candidate(
        self,
        sending: Sending,
        caller: Caller,
        key: str | None = None,
        batch: str | None = None,
        *,
        now: float | None = None,
    ) -> Candidate | Refusal:
        """What is to be recorded of a message, or why it cannot be as its caller wants it.

        It is accepted at `now`; None: at the time that it is.
        """
        now = self.clock.now() if now is None else now
        refusal = self._forbidden(sending.sessions, caller) if sending.sessions else None
        if (refusal := refusal or _mistimed(sending, now)) is not None:
            return refusal
        starts = now if sending.send_at is None else max(now, sending.send_at)
        expires_at, deadline = sending.expires_at, "expires_at"
        if expires_at is None:
            expires_at, deadline = starts + (sending.ttl or self.message_ttl), "ttl"
        draft = Draft(
            id=self.new_id(),
            to=sending.to,
            chat_id=sending.chat_id,
            content=sending.content,
            accepted_at=now,
            expires_at=expires_at,
            sessions=sending.sessions or caller.sessions,
            owner=caller.name,
            key=None if key is None else fingerprint(key, sending.payload),
            on_unknown=sending.on_unknown,
            priority=sending.priority,
            send_at=sending.send_at,
            batch=batch,
            metadata=sending.metadata,
            ignore_suppression=sending.ignore_suppression,
        )
        return Candidate(draft, sending.data, deadline)

    async def admit(self, candidates: Sequence[Candidate]) -> list[Answer]:
        """Record all that can be accepted in one transaction; for each what came of it, in order.

        Raises:
            StoreUnavailable: nothing is recorded but what has a key, and is replayed next time.
        """
        reserved = self._reserve_all(candidates)
        chosen = [each for each in reserved if isinstance(each, Candidate)]
        answers = iter(await self._record(chosen) if chosen else ())
        return [
            await self._unless_replayed(candidate.draft, each)
            if isinstance(each, Refusal)
            else next(answers)
            for candidate, each in zip(candidates, reserved, strict=True)
        ]

    async def estimates(
        self, candidates: Sequence[Candidate], answers: Sequence[Answer]
    ) -> list[str | None]:
        """For each that was just accepted when it leaves at the earliest, where that is known."""
        return await Estimates(self.dispatch).of_all([each.draft for each in candidates], answers)

    def _forbidden(self, sessions: Sequence[str], caller: Caller) -> Refusal | None:
        """The refusal of a message that asks for a session it cannot have."""
        for name in sessions:
            if caller.sessions and name not in caller.sessions:
                bound = ", ".join(caller.sessions)
                detail = f"the key {caller.name} sends over {bound} alone, not over {name!r}"
                return Refusal(403, "session_forbidden", detail).about("session")
            if name not in self.sessions:
                known = ", ".join(sorted(caller.sessions or self.sessions))
                detail = f"session {name!r} is not one of WAHA_SESSIONS: {known}"
                return invalid([{"field": "session", "detail": detail}])
        return None

    def _reserve_all(self, candidates: Iterable[Candidate]) -> list[Candidate | Refusal]:
        """Take a place for each, or say why it gets none."""
        in_time = Estimates(self.dispatch).in_time
        return [
            self._reserve(each, _expired(each.draft) or in_time(each.draft)) for each in candidates
        ]

    def _reserve(self, candidate: Candidate, draft: Draft | Refusal) -> Candidate | Refusal:
        if isinstance(draft, Refusal):
            return draft.about(candidate.deadline)
        if not self.window.reserve(draft.place):
            return full(draft.place, self.window.places(draft.place).limit)
        return candidate if draft is candidate.draft else replace(candidate, draft=draft)

    async def _record(self, chosen: Sequence[Candidate]) -> list[Answer]:
        """Record what has a place; who is not accepted gives it back."""
        drafts = [each.draft for each in chosen]
        data = {each.draft.id: each.data for each in chosen if each.data is not None}
        acceptances: Sequence[Acceptance] = ()
        try:
            acceptances = await recorded(self._keep(drafts, data))
        finally:
            self._take_up(drafts, acceptances)
            if data:
                accepted = {each.message.id for each in acceptances if isinstance(each, Accepted)}
                await self._drop([message_id for message_id in data if message_id not in accepted])
        return [
            _answer(acceptance, candidate.deadline)
            for candidate, acceptance in zip(chosen, acceptances, strict=True)
        ]

    def _take_up(self, drafts: Sequence[Draft], acceptances: Sequence[Acceptance]) -> None:
        """Give back the places of those that were not accepted; note when others are due."""
        for draft, acceptance in zip_longest(drafts, acceptances):
            if not isinstance(acceptance, Accepted):
                self.window.release(draft.place)
            elif draft.send_at is not None and draft.place == "scheduled":
                self.window.schedule.note(draft.send_at)

    async def _keep(
        self, drafts: Sequence[Draft], data: Mapping[str, bytes]
    ) -> Sequence[Acceptance]:
        if data:
            await self.media.put(data)
        if len(drafts) == 1:
            return [await self.store.accept(drafts[0])]
        return await self.store.accept_all(drafts)

    async def _drop(self, orphans: Sequence[str]) -> None:
        if not orphans:
            return
        # Unshielded, a client that hangs up would leave data of no message until the next start.
        with trio.move_on_after(REMOVE_SECONDS, shield=True), suppress(StoreUnavailable):
            await self.media.remove(orphans)

    async def _unless_replayed(self, draft: Draft, refusal: Refusal) -> Answer:
        """`refusal`, unless the same request was accepted before."""
        used = None if draft.key is None else await fetched(self.store.replayed(draft))
        return refusal if used is None else _answer(used)


def _mistimed(sending: Sending, now: float) -> Refusal | None:
    """The refusal of a message whose times cannot be meant."""
    send_at, expires_at = sending.send_at, sending.expires_at
    if send_at is not None and send_at > now + AHEAD_SECONDS:
        latest = timestamp(now + AHEAD_SECONDS)
        detail = f"send_at must be within a year, by {latest}"
        return invalid([{"field": "send_at", "detail": detail}])
    if send_at is not None and expires_at is not None and expires_at <= send_at:
        detail = "expires_at must be later than send_at"
        return invalid([{"field": "expires_at", "detail": detail}])
    return None


def _expired(draft: Draft) -> Refusal | None:
    """The refusal of a message whose time is over as it comes: no priority makes up for that."""
    if draft.expires_at > draft.accepted_at:
        return None
    detail = f"expires_at is past, {timestamp(draft.expires_at)}: give a later time"
    return Refusal(422, "cannot_meet_ttl", detail)


def _answer(acceptance: Acceptance, deadline: str = "ttl") -> Answer:
    match acceptance:
        case Accepted() | Replayed():
            return acceptance
        case KeyReused():
            detail = "this Idempotency-Key came with another payload before: use a new key"
            return Refusal(422, "idempotency_key_reused", detail).about(HEADER)
        case Suppressed(suppression):
            return suppressed(suppression)
        case Late(at, expires_at):
            return too_late(at, expires_at).about(deadline)
        case _:
            assert_never(acceptance)
