"""A message as the model of a store knows it."""

from dataclasses import dataclass

from trio_wa.core.content import holds_data
from trio_wa.core.status import Status
from trio_wa.ports import Draft, Place


@dataclass(slots=True)
class Entry:
    draft: Draft
    seq: int
    expires_at: float
    scheduled: bool
    status: Status = Status.QUEUED
    settled_at: float | None = None
    text: bool = True
    waha_id: str | None = None
    ack: int | None = None
    flag: str = ""
    resent: bool = False
    data_kept: bool = False

    @property
    def place(self) -> Place:
        return "scheduled" if self.scheduled else self.draft.priority

    @property
    def has_data(self) -> bool:
        return holds_data(self.draft.content)

    @property
    def open(self) -> bool:
        asked = self.status is Status.UNKNOWN and self.settled_at is None
        return asked or self.status is Status.SENDING

    @property
    def waits(self) -> bool:
        unseen = self.flag in ("", "overdue") and (self.ack or 0) < 1
        return self.status is Status.SENT and self.waha_id is not None and unseen

    @property
    def unconfirmed(self) -> bool:
        return self.status is Status.SENT and self.flag != "" and (self.ack or 0) < 1

    def enter(self, status: Status, at: float) -> None:
        """Enter a settled state; what was settled before keeps its time."""
        self.status, self.scheduled = status, False
        self.settled_at = at if self.settled_at is None else self.settled_at
