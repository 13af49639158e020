"""What a store should do, in the fewest words: the model that the state machine compares with."""

from dataclasses import dataclass, field

from trio_wa.core.status import Status

UNSENT = (Status.FAILED, Status.UNKNOWN, Status.EXPIRED)
SENT = (Status.SENT, Status.DELIVERED, Status.READ)


@dataclass(slots=True)
class Entry:
    status: Status
    seq: int
    expires_at: float
    settled_at: float | None = None
    text: bool = True


@dataclass(slots=True)
class Model:
    """Messages by id, in the order of acceptance, and the totals."""

    entries: dict[str, Entry] = field(default_factory=dict)
    accepted: int = 0
    purged: int = 0

    def accept(self, message_id: str, seq: int, expires_at: float) -> None:
        assert all(entry.seq < seq for entry in self.entries.values())
        self.entries[message_id] = Entry(Status.QUEUED, seq, expires_at)
        self.accepted += 1

    def move(
        self, message_id: str, before: tuple[Status, ...], after: Status, at: float | None = None
    ) -> bool:
        entry = self.entries.get(message_id)
        if entry is None or entry.status not in before:
            return False
        entry.status, entry.settled_at = after, at
        return True

    def retry(self, message_id: str, expires_at: float) -> bool:
        if not self.move(message_id, UNSENT, Status.QUEUED):
            return False
        entry = self.entries[message_id]
        entry.seq = max(entry.seq for entry in self.entries.values()) + 1
        entry.expires_at = expires_at
        return True

    def expire_overdue(self, after_seq: int, at: float) -> int:
        overdue = [
            message_id
            for message_id, entry in self.entries.items()
            if entry.status is Status.QUEUED and entry.seq > after_seq and entry.expires_at <= at
        ]
        for message_id in overdue:
            self.move(message_id, (Status.QUEUED,), Status.EXPIRED, at)
        return len(overdue)

    def erase_texts(self, settled_before: float) -> int:
        erased = [
            entry
            for entry in self._settled(settled_before).values()
            if entry.status in SENT and entry.text
        ]
        for entry in erased:
            entry.text = False
        return len(erased)

    def purge(self, settled_before: float) -> int:
        old = self._settled(settled_before)
        for message_id in old:
            del self.entries[message_id]
        self.purged += len(old)
        return len(old)

    def _settled(self, before: float) -> dict[str, Entry]:
        return {
            message_id: entry
            for message_id, entry in self.entries.items()
            if entry.settled_at is not None and entry.settled_at < before
        }

    def queued(self) -> list[tuple[int, str]]:
        return sorted(
            (entry.seq, message_id)
            for message_id, entry in self.entries.items()
            if entry.status is Status.QUEUED
        )

    def counts(self) -> dict[Status, int]:
        statuses = [entry.status for entry in self.entries.values()]
        return {status: statuses.count(status) for status in Status}
