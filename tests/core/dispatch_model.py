"""A model of `Dispatch` that looks at everything; of its subject it asks gates and breakers."""

from dataclasses import dataclass, field
from math import inf
from typing import TypeAlias

from tests.core.pace_model import SessionLog, quiet_until
from trio_wa.core.affinity import ranking
from trio_wa.core.dispatch import Dispatch
from trio_wa.core.message import LANES, Message, Priority
from trio_wa.core.outcome import Outcome, Sent, Unavailable, Unknown
from trio_wa.core.pace import Pace
from trio_wa.core.quiet_hours import QuietHours
from trio_wa.core.slot import Barrier, Ghost
from trio_wa.core.turn import Claim, Expiry, Waiting

Oldest: TypeAlias = dict[Priority, tuple[Message, str]]
"""Of each lane the oldest message that may go now, and over which session, in lane order."""


@dataclass
class Model:
    """What may be claimed, and over which session."""

    dispatch: Dispatch
    workers: int
    sticky: bool
    pace: Pace
    hold: float
    quiet_hours: QuietHours | None
    waiting: list[Message] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    expiries: list[Expiry] = field(default_factory=list)
    open: list[Message] = field(default_factory=list)
    statuses: dict[str, str | None] = field(default_factory=dict)
    paused: dict[str, bool] = field(default_factory=dict)
    ghosts: dict[str, Ghost | None] = field(default_factory=dict)
    probed: dict[str, float] = field(default_factory=dict)
    locks: dict[str, float] = field(default_factory=dict)
    news: dict[tuple[str, str], bool] = field(default_factory=dict)
    turn: int = 0
    turns: list[tuple[Message, Oldest]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.logs = {name: SessionLog(self.pace) for name in self.names}

    @property
    def names(self) -> list[str]:
        return list(self.dispatch.rotation.slots)

    @property
    def idle(self) -> int:
        return self.workers - len(self.claims) - len(self.expiries)

    @property
    def busy(self) -> list[tuple[str, Priority]]:
        return [line(held) for held in [*(claim.message for claim in self.claims), *self.open]]

    def wait(self, arrival: Message) -> list[Message]:
        """Let a message wait; of two copies the older one leaves, and is returned."""
        copies = [waiting for waiting in self.waiting if waiting.id == arrival.id]
        newest = max([*copies, arrival], key=lambda copy: copy.seq)
        self.waiting = [waiting for waiting in self.waiting if waiting not in copies] + [newest]
        return [copy for copy in [*copies, arrival] if copy is not newest]

    def heads(self) -> list[Message]:
        first: dict[tuple[str, Priority], Message] = {}
        for waiting in sorted(self.waiting, key=lambda waiting: waiting.seq):
            first.setdefault(line(waiting), waiting)
        return [head for key, head in first.items() if key not in self.busy]

    def quiet_until(self, message: Message, now: float) -> float | None:
        """When the quiet hours that hold a message are over."""
        return quiet_until(self.quiet_hours, now) if message.priority == "bulk" else None

    def usable(self, name: str) -> bool:
        works = self.statuses.get(name) in (None, "WORKING")
        return works and not self.paused.get(name) and self.ghosts.get(name) in (None, "probe")

    def choices(self, message: Message) -> list[str]:
        """The usable sessions that a message allows."""
        allowed = message.sessions or self.names
        return [name for name in self.names if name in allowed and self.usable(name)]

    def is_new(self, name: str, message: Message) -> bool:
        known = self.news.get((name, message.chat_id), name in message.known_to)
        return message.chat_id.endswith("@c.us") and not known

    def matters_new(self, name: str, message: Message, now: float) -> bool:
        return self.minds_new(now) and self.is_new(name, message)

    def minds_new(self, now: float) -> bool:
        return self.pace.new_contacts is not None or any(map(now.__lt__, self.locks.values()))

    def gate_opens_at(self, name: str) -> float:
        slot = self.dispatch.rotation.slots[name]
        return max(slot.gate.opens_at(), slot.origin.opens_at(), slot.breaker.opens_at())

    def is_full(self, name: str) -> bool:
        slots = self.dispatch.rotation.slots
        working = sum(
            self.usable(slot.session.name)
            and slot.gate.is_open
            and slot.origin.is_open
            and slot.breaker.state == "closed"
            for slot in slots.values()
        )
        limit = self.workers
        if working > 1:
            limit = max(1, int(self.workers / working + self.workers / 4))
        return [claim.session.name for claim in self.claims].count(name) >= limit

    def is_obstructed(self, name: str, *, new: bool, now: float) -> bool:
        """Whether anything but its spacing, and its other sends, keeps a session from a send."""
        locked = new and self.locks.get(name, 0.0) > now
        return locked or self.gate_opens_at(name) > now or self.logs[name].is_capped(now)

    def is_able(self, name: str, *, new: bool, now: float) -> bool:
        spaced = self.logs[name].spaced_until(new=new) > now
        return not spaced and not self.is_obstructed(name, new=new, now=now)

    def first_for(self, message: Message, now: float) -> str | None:
        """Over which session a message would rather go."""
        choices = self.choices(message)
        if message.prefer in choices:
            return message.prefer
        known: list[str] = []
        if self.minds_new(now) and message.chat_id.endswith("@c.us"):
            known = [name for name in choices if not self.is_new(name, message)]
            choices = known or [name for name in choices if self.locks.get(name, 0.0) <= now]
        return ranking(message.chat_id, choices)[0] if choices and (self.sticky or known) else None

    def session_for(self, message: Message, now: float) -> str | None:
        """The one session over which a message may go at `now`."""
        if self.quiet_until(message, now) is not None:
            return None
        choices = self.choices(message)
        new = {name: self.matters_new(name, message, now) for name in choices}
        first = self.first_for(message, now)
        if first is not None and not self.is_obstructed(first, new=new[first], now=now):
            able = self.is_able(first, new=new[first], now=now)
            return first if able and not self.is_full(first) else None
        turns = [*self.names[self.turn :], *self.names[: self.turn]]
        order = [name for name in turns if name in choices]
        if self.sticky and first is not None:
            order = list(ranking(message.chat_id, choices))
        able_ones = (name for name in order if self.is_able(name, new=new[name], now=now))
        return next((name for name in able_ones if not self.is_full(name)), None)

    def claimable(self, now: float) -> list[Message]:
        return [
            head
            for head in self.heads()
            if head.due_at <= now and self.session_for(head, now) is not None
        ]

    def oldest(self, now: float) -> Oldest:
        claimable = sorted(self.claimable(now), key=lambda message: message.seq)
        firsts = {message.priority: message for message in reversed(claimable)}
        names = {lane: self.session_for(message, now) for lane, message in firsts.items()}
        return {lane: (firsts[lane], name) for lane in LANES if (name := names.get(lane))}

    def choose(self, oldest: Oldest) -> tuple[Message, str]:
        """The message that goes first, and over which session."""
        starved = [lane for lane, (message, _) in oldest.items() if self.is_starved(message)]
        return oldest[[*starved, *oldest][0]]

    def is_starved(self, message: Message) -> bool:
        """Whether it was passed over twenty times since it last went; or its lane was."""
        passes, passes_of_lane = 0, 0
        went, lane_went = False, False
        for first, oldest in reversed(self.turns):
            went = went or first.seq == message.seq
            lane_went = lane_went or first.priority == message.priority
            able = oldest.get(message.priority)
            passes += not went and able is not None and able[0].seq == message.seq
            passes_of_lane += not lane_went and able is not None
        return max(passes, passes_of_lane) >= 20

    def expired(self, now: float) -> list[Message]:
        return [waiting for waiting in self.waiting if waiting.expires_at <= now]

    def left_for(self, names: tuple[str, ...]) -> list[Message]:
        """The first of each line that one of the sessions `names` may send."""
        return [head for head in self.heads() if not head.sessions or {*head.sessions} & {*names}]

    def moments(self, now: float) -> set[float]:
        """Every later time at which anything could change by itself."""
        moments = [waiting.expires_at for waiting in self.waiting]
        quiet_ends = {waiting.id: self.quiet_until(waiting, now) for waiting in self.waiting}
        moments += [end for end in quiet_ends.values() if end is not None]
        moments += [head.due_at for head in self.heads() if quiet_ends[head.id] is None]
        if None in quiet_ends.values():
            moments += self.locks.values()
            for name in filter(self.usable, self.names):
                log = self.logs[name]
                spaced = [log.spaced_until(new=new) for new in (False, True)]
                moments += [self.gate_opens_at(name), log.capped_until(now), *spaced]
        return {at for at in moments if now < at < inf}

    def reason(self, message: Message, now: float) -> Waiting:
        """What a waiting message waits for."""
        if message not in self.heads():
            return Waiting("recipient")
        if message.due_at > now:
            return Waiting("retry", message.due_at)
        if (quiet_end := self.quiet_until(message, now)) is not None:
            return Waiting("quiet_hours", quiet_end)
        names = self.choices(message)
        first = self.first_for(message, now)
        if first is not None:
            new = self.matters_new(first, message, now)
            if not self.is_obstructed(first, new=new, now=now):
                names = [first]
        none: tuple[float, Barrier] = (inf, "session")
        opens_at, barrier = min((self.barrier(name, message, now) for name in names), default=none)
        if opens_at > now:
            return Waiting(barrier, None if opens_at == inf else opens_at)
        return Waiting("turn")

    def barrier(self, name: str, message: Message, now: float) -> tuple[float, Barrier]:
        """When a session may send a message, but for its other sends, and what keeps it so long."""
        new, log = self.matters_new(name, message, now), self.logs[name]
        paced = max(log.spaced_until(new=new), log.capped_until(now))
        locked = self.locks.get(name, 0.0) if new else 0.0
        opens_at = max(paced, locked, self.gate_opens_at(name))
        if opens_at == locked:
            return opens_at, "timelock"
        return opens_at, "pace" if opens_at == paced else "session"

    def take(self, claim: Claim, jitter: float, oldest: Oldest) -> None:
        name, message = claim.session.name, claim.message
        self.turns.append((message, oldest))
        self.waiting.remove(message)
        self.claims.append(claim)
        self.turn = (self.names.index(name) + 1) % len(self.names)
        new = self.is_new(name, message)
        self.logs[name].begin(claim.at, jitter=jitter, new=new)
        if self.ghosts.get(name) == "probe":
            self.ghosts[name], self.probed[name] = "probing", claim.at

    def note(self, claim: Claim, outcome: Outcome | None, now: float) -> None:
        """What the end of an attempt tells of its session and of its recipient."""
        name, contact = claim.session.name, (claim.session.name, claim.message.chat_id)
        if not isinstance(outcome, Sent | Unknown):
            self.logs[name].undo(claim.at)
        if isinstance(outcome, Unavailable):
            if outcome.fault == "session" and self.statuses.get(name) is not None:
                self.statuses[name] = outcome.status or "STOPPED"
            if outcome.fault == "contact":
                self.news[contact] = False
                if self.locks.get(name, 0.0) <= now:
                    self.locks[name] = now + self.hold
        if isinstance(outcome, Sent):
            self.news[contact] = True
        elif self.ghosts.get(name) == "probing" and claim.at >= self.probed[name]:
            self.ghosts[name] = "out" if isinstance(outcome, Unknown) else "probe"


def line(message: Message) -> tuple[str, Priority]:
    """Within which messages keep their order."""
    return message.chat_id, message.priority
