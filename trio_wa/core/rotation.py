"""Which session sends next: past those that do not work, shut gates, paces and full bulkheads."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from math import inf
from typing import Final

from trio_wa.core.affinity import Allowed, Route, ranking
from trio_wa.core.aftermath import aftermath
from trio_wa.core.contacts import Contacts, is_person
from trio_wa.core.gate import Gate
from trio_wa.core.limits import UNLIMITED, Limits
from trio_wa.core.message import Message
from trio_wa.core.notice import Notice
from trio_wa.core.outcome import Outcome, Sent, Unavailable
from trio_wa.core.pace import History, Pacer, pacers
from trio_wa.core.session import Session
from trio_wa.core.slot import Barrier, Ghost, Slot
from trio_wa.core.standing import Standing

RECIPIENTS: Final = 16_384
"""How many recipients' rankings are kept at hand: more than there are in memory by default."""


class Rotation:
    """The sessions in the order in which they take turns, as in the Go service: one shared turn.

    While another session works, none holds more than an equal share and a quarter of the workers:
    a session that hangs leaves the others room (a bulkhead).

    With `sticky` a recipient keeps its session instead: its first choice is the highest of its
    `ranking` that is usable. A message that prefers a session has that one as its first choice.

    Where it matters whether a contact is new (a time-lock, or a pace for new contacts), a recipient
    whom a usable session knows has that as its first choice, and a new one none that is locked.
    """

    def __init__(
        self,
        sessions: Sequence[Session],
        *,
        workers: int,
        retry_base: float,
        sticky: bool = False,
        limits: Limits = UNLIMITED,
    ) -> None:
        origins = {session.url: Gate(base=retry_base) for session in sessions}
        self.slots = {
            session.name: Slot(
                session,
                Gate(base=retry_base),
                origins[session.url],
                Pacer(limits.pace, History(), 0.0),
            )
            for session in sessions
        }
        self.sticky = sticky
        self.contacts = Contacts()
        self.limits = limits
        # That of some of the sessions is that of all without the others.
        self._ranking = lru_cache(RECIPIENTS)(partial(ranking, names=tuple(self.slots)))
        self._order = tuple(self.slots.values())
        self._standing = Standing(self._order)
        self._workers = workers
        self._turn = 0
        self._usable = tuple(self.slots)
        self._locked: tuple[str, ...] = ()

    def recall(
        self,
        histories: Mapping[str, History],
        rates: Mapping[str, int | None],
        begun: Iterable[tuple[str, float]],
        now: float,
    ) -> None:
        """Go on at the pace at which the sessions stood before a restart.

        `rates` says which rate each session kept until then. `begun` gives the session and the
        begin of each attempt that is in no history yet.
        """
        found = pacers(self.limits.pace, self.slots, histories, rates, begun, now)
        for name, slot in self.slots.items():
            slot.pacer = found[name]

    @property
    def minds_new(self) -> bool:
        """Whether it matters which contacts are new."""
        return self.limits.pace.new_contacts is not None or bool(self._locked)

    def filing(self, now: float) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The sessions that are usable, and those that are time-locked: on these routes depend."""
        self._locked = self._standing.locked(now)
        self._usable = self._standing.usable
        return self._usable, self._locked

    def usable(self, allowed: Allowed = ()) -> tuple[str, ...]:
        """The names of those `allowed` (empty: all) that may be tried at all."""
        return tuple(slot.session.name for slot in self.allowed(allowed) if slot.usable)

    def route(self, message: Message) -> Route:
        """Where a message goes; that changes only with `filing`, and as contacts are learned of."""
        allowed = message.sessions
        minds_new = self.minds_new and is_person(message.chat_id)
        if message.prefer is None and not self.sticky and not minds_new:
            return Route(None, allowed)
        usable = tuple(name for name in self._usable if not allowed or name in allowed)
        if message.prefer in usable:
            return Route(
                message.prefer, allowed, minds_new and self.contacts.is_new(message.prefer, message)
            )
        choices, new = usable, False
        if minds_new:
            known = tuple(name for name in usable if not self.contacts.is_new(name, message))
            new = not known
            choices = known or tuple(name for name in usable if name not in self._locked)
        first = None
        if choices and (self.sticky or (minds_new and not new)):
            first = next(name for name in self._ranking(message.chat_id) if name in choices)
        return Route(first, allowed, new)

    def routes(self, message: Message) -> Iterable[Route]:
        """The route of a message, and one over each other session that knows its contact.

        Past a first choice, a message that is new to all may have to wait where these may go.
        """
        route = self.route(message)
        if route.first is None or not self.minds_new:
            return (route,)
        others = [
            name
            for name in self._usable
            if name != route.first
            and (not route.allowed or name in route.allowed)
            and not self.contacts.is_new(name, message)
        ]
        return (route, *(route._replace(over=name) for name in others))

    def pick(self, message: Message, first: str | None, now: float) -> Slot | None:
        """The session that sends `message` now, whose first choice is `first`; None if none may.

        A message waits for a first choice that is full, or whose last send was just before. Past
        one that anything else keeps from it, it goes over the next in its recipient's `ranking`
        with `sticky`, or else over that whose turn it is.
        """
        limit, minds_new = self._limit(), self.minds_new
        if first is not None:
            slot = self.slots[first]
            new = self._matters_new(slot, message)
            if slot.obstructed_until(new=new) <= now:
                return slot if slot.in_flight < limit and slot.opens_at(new=new) <= now else None
        for slot in self._candidates(message, first):
            if slot.in_flight >= limit:
                continue
            new = minds_new and self.contacts.is_new(slot.session.name, message)
            if slot.opens_at(new=new) <= now:
                return slot
        return None

    def next_opening(self, now: float) -> float:
        """The next time after `now` at which a session may send what it may not send now."""
        return min(
            (
                at
                for slot in self._order
                for at in (slot.opens_at(), slot.opens_at(new=True), slot.locked_until)
                if at > now
            ),
            default=inf,
        )

    def opening(self, message: Message, now: float) -> tuple[float, Barrier]:
        """When the first session may take `message`, and what it waits for; infinity: not known."""
        first = self.route(message).first
        slots: Iterable[Slot] = self.allowed(message.sessions)
        if first is not None:
            slot = self.slots[first]
            if slot.obstructed_until(new=self._matters_new(slot, message)) <= now:
                slots = (slot,)
        return min(
            (slot.barrier(new=self._matters_new(slot, message)) for slot in slots),
            default=(inf, "session"),
        )

    def obstacles(self) -> dict[str, str]:
        """For each session in whose way something stands, the code of it."""
        return {
            slot.session.name: obstacle
            for slot in self._order
            if (obstacle := slot.obstacle) is not None
        }

    def set_status(self, name: str, status: str | None, now: float) -> None:
        """Note what WAHA says of a session; None if that cannot be read."""
        self.slots[name].set_status(status, now)
        self._standing.changed()

    def set_paused(self, name: str, paused: bool) -> None:
        """Note whether an operator keeps a session from sending.

        One that is wanted again is probed at once if its breaker is open.
        """
        self.slots[name].paused = paused
        if not paused:
            self.slots[name].breaker.admit(0.0)
        self._standing.changed()

    def set_ghost(self, name: str, ghost: Ghost | None) -> None:
        """Note whether a session delivers nothing, and may be probed."""
        self.slots[name].ghost = ghost
        self._standing.changed()

    def set_locked(self, name: str, until: float) -> None:
        """Note until when a session may write to no new contact; 0 if it may."""
        self.slots[name].locked_until = until
        self._standing.changed()

    def take(self, slot: Slot, message: Message, now: float, *, jitter: float) -> None:
        """Give the turn to `slot`: one more send is in flight there."""
        slot.in_flight += 1
        slot.gate.passed()
        slot.origin.passed()
        slot.breaker.passed(now)
        if slot.ghost == "probe":
            slot.ghost, slot.probed_at = "probing", now
            self._standing.changed()
        if not self.limits.pace.is_off:
            new = self.contacts.is_new(slot.session.name, message)
            slot.pacer.begin(now, jitter=jitter, new=new)
        self._turn = (self._order.index(slot) + 1) % len(self._order)

    def give_back(
        self,
        name: str,
        message: Message,
        taken_at: float,
        outcome: Outcome | None,
        *,
        now: float,
        jitter: float,
    ) -> tuple[Notice, ...]:
        """Note how the send of `message` ended that was taken then; `None`: no attempt was made.

        A session whose status can be read, and that was at fault, is not tried again before WAHA
        says that it works.
        """
        slot = self.slots[name]
        slot.in_flight -= 1
        if isinstance(outcome, Sent):
            self.contacts.learn(name, message.chat_id, known=True)
            if slot.works and slot.ghost is None:
                slot.breaker.succeeded()
                return ()  # nothing else can have changed
        elif isinstance(outcome, Unavailable) and outcome.fault == "contact":
            self.contacts.learn(name, message.chat_id, known=False)
        self._standing.changed()
        return tuple(
            aftermath(
                slot, taken_at, outcome, now=now, jitter=jitter, hold=self.limits.timelock_hold
            )
        )

    def allowed(self, allowed: Allowed) -> Iterable[Slot]:
        """The slots of those `allowed`; empty: all."""
        if not allowed:
            return self._order
        return (slot for slot in self._order if slot.session.name in allowed)

    def _candidates(self, message: Message, first: str | None) -> Iterable[Slot]:
        """The slots that a message allows, in the order in which they are asked."""
        allowed = message.sessions
        order: Iterable[Slot]
        if self.sticky and first is not None:
            order = (self.slots[name] for name in self._ranking(message.chat_id))
        else:
            order = self._order[self._turn :] + self._order[: self._turn]
        if not allowed:
            return order
        return (slot for slot in order if slot.session.name in allowed)

    def _matters_new(self, slot: Slot, message: Message) -> bool:
        return self.minds_new and self.contacts.is_new(slot.session.name, message)

    def _limit(self) -> int:
        working = self._standing.working
        if working < 2:
            return self._workers
        return max(1, int(self._workers / working + self._workers / 4))
