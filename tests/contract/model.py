"""What a store should do, in the fewest words: the model that the state machine compares with."""

from collections import defaultdict
from dataclasses import dataclass, field

from tests.contract.model_entry import Entry
from tests.contract.model_people import People
from trio_wa.core.message import LANES, Priority
from trio_wa.core.pace import DAY, History
from trio_wa.core.status import Status, acknowledged, joined, may_follow
from trio_wa.ports import Draft, Moved, Place

UNSENT = (Status.FAILED, Status.UNKNOWN, Status.EXPIRED)
SENT = (Status.SENT, Status.DELIVERED, Status.READ)
STRENGTH = (0, -1, 1, 2, 3, 4)
"""Acks, from the one that says least to the one that says most."""


@dataclass(slots=True)
class Model:
    """Messages by id, in the order of acceptance, the acks that none bore, and the totals.

    `known` are the recipients that were written to, and `begun` when what counts for the pace began
    and whether it was to a new contact: that outlives the messages.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    acks: dict[str, int] = field(default_factory=dict)
    accepted: int = 0
    purged: int = 0
    people: People = field(default_factory=People)
    known: set[str] = field(default_factory=set)
    begun: list[tuple[float, bool]] = field(default_factory=list)

    def accept(self, draft: Draft, seq: int) -> None:
        assert all(entry.seq < seq for entry in self.entries.values())
        scheduled = draft.place == "scheduled"
        entry = Entry(draft, seq, draft.expires_at, scheduled)
        entry.data_kept = entry.has_data
        self.entries[draft.id] = entry
        self.accepted += 1

    def due(self, at: float) -> list[str]:
        """The scheduled messages whose time has come, by their time, then as accepted."""
        scheduled = [each for each in self.entries.items() if each[1].scheduled]
        due = [(entry.draft.send_at or 0.0, key) for key, entry in scheduled]
        return [key for send_at, key in sorted(due, key=lambda each: each[0]) if send_at <= at]

    def next_due(self) -> float | None:
        times = (entry.draft.send_at for entry in self.entries.values() if entry.scheduled)
        return min((at for at in times if at is not None), default=None)

    def end(self, message_id: str, after: Status, at: float) -> Place | None:
        """Take a message out of the queue; whose place it held."""
        entry = self.entries.get(message_id)
        if entry is None or entry.status is not Status.QUEUED:
            return None
        place = entry.place
        entry.enter(after, at)
        return place

    def of_batch(self, batch: str) -> dict[str, Entry]:
        return {key: entry for key, entry in self.entries.items() if entry.draft.batch == batch}

    def begin(self, message_id: str, seq: int, waha_id: str | None) -> bool:
        entry = self.entries.get(message_id)
        if entry is None or entry.status is not Status.QUEUED or entry.seq != seq:
            return False
        if entry.waha_id != waha_id:
            entry.waha_id, entry.ack, entry.flag = waha_id, None, ""
        entry.status = Status.SENDING
        return True

    def settle(
        self, message_id: str, after: Status, at: float, named: str | None, *, open_: bool = False
    ) -> Status | None:
        """End an attempt; `named` is the id that WAHA named, or the next one of a requeue."""
        entry = self.entries.get(message_id)
        if entry is None:
            return None
        if after is not Status.FAILED:
            self.begun.append((at - 1, entry.draft.chat_id not in self.known))
        if entry.status is not Status.SENDING:
            return entry.status
        borne = named if after is Status.SENT else entry.waha_id
        acks = [entry.ack] if entry.ack is not None and borne == entry.waha_id else []
        acks += [self.acks.pop(borne)] if borne in self.acks else []
        ack = max(acks, key=STRENGTH.index, default=None)
        after = self._called_off(entry, after)
        entry.status, entry.ack, entry.waha_id = joined(after, ack), ack, borne
        if entry.status is Status.QUEUED:
            entry.waha_id = named
        elif entry.status is not Status.UNKNOWN or not open_:
            entry.settled_at = at
        self._learn(entry)
        return entry.status

    def resolve(
        self, message_id: str, after: Status, at: float, waha_id: str | None
    ) -> Status | None:
        entry = self.entries.get(message_id)
        if entry is None or entry.status is not Status.UNKNOWN or entry.settled_at is not None:
            return None
        entry.status = self._called_off(entry, after)
        if entry.status is Status.QUEUED:
            entry.waha_id = waha_id
        else:
            entry.settled_at = at
        self._learn(entry)
        return entry.status

    def receive(self, waha_id: str, ack: int, at: float) -> Moved | None:
        bearers = (each for each in self.entries.items() if each[1].waha_id == waha_id)
        message_id, entry = next(bearers, ("", None))
        if entry is None:
            known = self.acks.get(waha_id, ack)
            self.acks[waha_id] = max(known, ack, key=STRENGTH.index)
            return None
        before, was_open = entry.status, entry.open
        after = acknowledged(before, ack)
        if ack >= 0 or after is not before or before is Status.SENDING:
            known = ack if entry.ack is None else entry.ack
            entry.ack = max(known, ack, key=STRENGTH.index)
        if after is before:
            return None
        assert may_follow(before, after)
        entry.enter(after, at)
        self._learn(entry)
        return Moved(message_id, before, after, was_open, entry.draft.priority)

    def retry(self, message_id: str, expires_at: float) -> bool:
        entry = self.entries.get(message_id)
        if entry is None or entry.status not in UNSENT or entry.settled_at is None:
            return False
        if not self._goes_again(entry):
            return False
        self._requeue(entry)
        entry.expires_at, entry.waha_id, entry.resent = expires_at, None, False
        return True

    def resend(self, message_id: str, at: float) -> bool:
        entry = self.entries.get(message_id)
        if entry is None or entry.status is not Status.SENT or (entry.ack or 0) != 0:
            return False
        if entry.resent or entry.expires_at <= at or not self._goes_again(entry):
            return False
        self._requeue(entry)
        entry.resent = True
        return True

    def mark(self, message_id: str) -> bool:
        entry = self.entries.get(message_id)
        if entry is None or not entry.waits:
            return False
        entry.flag = "unconfirmed"
        return True

    def flag(self, after: float, before: float) -> int:
        late = [
            entry
            for entry in self.entries.values()
            if entry.waits and not entry.flag and after < (entry.settled_at or 0) <= before
        ]
        for entry in late:
            entry.flag = "overdue"
        return len(late)

    def expire_overdue(self, priority: Priority, after_seq: int, at: float) -> int:
        queued = (self.entries[key] for seq, key in self.queued(priority) if seq > after_seq)
        overdue = [entry for entry in queued if entry.expires_at <= at]
        for entry in overdue:
            entry.enter(Status.EXPIRED, at)
        return len(overdue)

    def erase_texts(self, settled_before: float) -> int:
        settled = self._settled(settled_before).values()
        erased = [entry for entry in settled if entry.status in SENT and entry.text]
        for entry in erased:
            entry.text = False
        return len(erased)

    def purge(self, settled_before: float) -> int:
        settled = self._settled(settled_before).items()
        old = [message_id for message_id, entry in settled if not entry.data_kept]
        for message_id in old:
            del self.entries[message_id]
        self.purged += len(old)
        return len(old)

    def forget(self, before: float) -> int:
        """Forget whole minutes, but the first."""
        minutes = {at // 60 for at, _ in self.begun}
        old = {minute for minute in minutes if min(minutes) < minute < before // 60}
        self.begun = [each for each in self.begun if each[0] // 60 not in old]
        return len(old)

    def histories(self, now: float) -> dict[str, History]:
        if not self.begun:
            return {}
        minutes: dict[float, list[float]] = defaultdict(list)
        for at, _ in sorted(self.begun):
            minutes[at // 60].append(at)
        recent = ((times[-1], len(times)) for times in minutes.values() if times[-1] > now - DAY)
        newcomers: dict[float, list[float]] = defaultdict(list)
        for at in sorted(at for at, new in self.begun if new):
            newcomers[at // 60].append(at)
        new = tuple((times[-1], len(times)) for times in newcomers.values())
        return {"default": History(tuple(recent), min(self.begun)[0], new)}

    def _learn(self, entry: Entry) -> None:
        if entry.status in SENT:
            self.known.add(entry.draft.chat_id)

    def _called_off(self, entry: Entry, after: Status) -> Status:
        """The end of an attempt, unless that is another one that nobody wants."""
        unwanted = after is Status.QUEUED and self.people.refuse(entry.draft)
        return Status.CANCELLED if unwanted else after

    def _goes_again(self, entry: Entry) -> bool:
        return entry.text and not entry.has_data and not self.people.refuse(entry.draft)

    def _requeue(self, entry: Entry) -> None:
        entry.status, entry.settled_at, entry.ack, entry.flag = Status.QUEUED, None, None, ""
        entry.seq = max(each.seq for each in self.entries.values()) + 1

    def _settled(self, before: float) -> dict[str, Entry]:
        return {
            message_id: entry
            for message_id, entry in self.entries.items()
            if entry.settled_at is not None and entry.settled_at < before
        }

    def queued(self, priority: Priority) -> list[tuple[int, str]]:
        return sorted(
            (entry.seq, message_id)
            for message_id, entry in self.entries.items()
            if entry.status is Status.QUEUED and entry.place == priority
        )

    def places(self) -> dict[Place, int]:
        held = [entry.place for entry in self.entries.values() if entry.settled_at is None]
        every: tuple[Place, ...] = (*LANES, "scheduled")
        return {place: held.count(place) for place in every if place in held}

    def counts(self) -> dict[Status, int]:
        statuses = [entry.status for entry in self.entries.values()]
        return {status: statuses.count(status) for status in Status}
