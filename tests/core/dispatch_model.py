"""A model of `Dispatch` that looks at everything; of its subject it asks only the gates."""

from dataclasses import dataclass, field
from math import inf

from trio_wa.core.affinity import ranking
from trio_wa.core.dispatch import Claim, Dispatch, Expiry, Waiting
from trio_wa.core.message import Message
from trio_wa.core.outcome import Outcome, Unavailable


@dataclass
class Model:
    """What may be claimed, and over which session."""

    dispatch: Dispatch
    workers: int
    sticky: bool
    waiting: list[Message] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    expiries: list[Expiry] = field(default_factory=list)
    open: list[Message] = field(default_factory=list)
    statuses: dict[str, str | None] = field(default_factory=dict)
    paused: dict[str, bool] = field(default_factory=dict)
    turn: int = 0

    @property
    def names(self) -> list[str]:
        return list(self.dispatch.rotation.slots)

    @property
    def idle(self) -> int:
        return self.workers - len(self.claims) - len(self.expiries)

    @property
    def busy(self) -> list[str]:
        return [held.chat_id for held in [*(claim.message for claim in self.claims), *self.open]]

    def heads(self) -> list[Message]:
        first: dict[str, Message] = {}
        for waiting in sorted(self.waiting, key=lambda waiting: waiting.seq):
            first.setdefault(waiting.chat_id, waiting)
        return [head for chat_id, head in first.items() if chat_id not in self.busy]

    def usable(self, name: str) -> bool:
        return not self.paused.get(name) and self.statuses.get(name) in (None, "WORKING")

    def choices(self, message: Message) -> list[str]:
        """The usable sessions that a message allows."""
        allowed = message.sessions or self.names
        return [name for name in self.names if name in allowed and self.usable(name)]

    def gate_opens_at(self, name: str) -> float:
        slot = self.dispatch.rotation.slots[name]
        return max(slot.gate.opens_at(), slot.origin.opens_at())

    def is_full(self, name: str) -> bool:
        slots = self.dispatch.rotation.slots
        working = sum(
            self.usable(slot.session.name) and slot.gate.is_open and slot.origin.is_open
            for slot in slots.values()
        )
        limit = self.workers
        if working > 1:
            limit = max(1, int(self.workers / working + self.workers / 4))
        return [claim.session.name for claim in self.claims].count(name) >= limit

    def session_for(self, message: Message, now: float) -> str | None:
        """The one session over which a message may go at `now`."""
        choices = self.choices(message)
        turns = [*self.names[self.turn :], *self.names[: self.turn]]
        order = [name for name in turns if name in choices]
        if self.sticky:
            order = list(ranking(message.chat_id, choices))
        first = message.prefer if message.prefer in choices else None
        if self.sticky and first is None and order:
            first = order[0]
        if first is not None and self.gate_opens_at(first) <= now:
            return None if self.is_full(first) else first
        able = [n for n in order if self.gate_opens_at(n) <= now and not self.is_full(n)]
        return able[0] if able else None

    def claimable(self, now: float) -> list[Message]:
        return [
            head
            for head in self.heads()
            if head.due_at <= now and self.session_for(head, now) is not None
        ]

    def expired(self, now: float) -> list[Message]:
        return [waiting for waiting in self.waiting if waiting.expires_at <= now]

    def left_for(self, names: tuple[str, ...]) -> list[Message]:
        """The first of each line that one of the sessions `names` may send."""
        return [head for head in self.heads() if not head.sessions or {*head.sessions} & {*names}]

    def moments(self, now: float) -> set[float]:
        """Every later time at which anything could change by itself."""
        gates = [self.gate_opens_at(name) for name in self.names if self.usable(name)]
        dues = [head.due_at for head in self.heads()]
        ends = [waiting.expires_at for waiting in self.waiting]
        return {at for at in [*(gates if self.waiting else []), *dues, *ends] if now < at < inf}

    def reason(self, message: Message, now: float) -> Waiting:
        """What a waiting message waits for."""
        if message not in self.heads():
            return Waiting("recipient")
        if message.due_at > now:
            return Waiting("retry", message.due_at)
        opens_at = min(map(self.gate_opens_at, self.choices(message)), default=inf)
        if opens_at > now:
            return Waiting("session", None if opens_at == inf else opens_at)
        return Waiting("turn")

    def take(self, claim: Claim) -> None:
        self.claims.append(claim)
        self.turn = (self.names.index(claim.session.name) + 1) % len(self.names)

    def note(self, claim: Claim, outcome: Outcome | None) -> None:
        """A session that is at fault does not work, where its status can be known."""
        if isinstance(outcome, Unavailable) and outcome.fault == "session":
            name = claim.session.name
            if self.statuses.get(name) is not None:
                self.statuses[name] = outcome.status or "STOPPED"
