"""When messages leave at the earliest, and which of them cannot leave in time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import trio

from trio_wa.core.content import Text
from trio_wa.core.message import Message
from trio_wa.intake.dispatching import Dispatching
from trio_wa.intake.refusal import Refusal, too_late
from trio_wa.ports import Accepted, Draft, Record
from trio_wa.telemetry import timestamp


@dataclass(frozen=True, slots=True)
class Estimates:
    """Asks the dispatcher, where there is a pace."""

    dispatch: Dispatching

    def in_time(self, draft: Draft) -> Draft | Refusal:
        """The message as the store is to have it, or its refusal if it is late in any case.

        Only the store knows who is a new contact. A message that would be late to one alone, it
        takes to others only.
        """
        at = draft.accepted_at
        if draft.send_at is not None and draft.place == "scheduled":
            at = draft.send_at
        if at >= draft.expires_at:
            return too_late(at, draft.expires_at)
        if draft.place == "scheduled" or not self.dispatch.paced:
            return draft
        if self.dispatch.surely_before(draft.expires_at, draft.priority):
            return draft
        message = _message(draft, 0)
        new_at = self.dispatch.earliest(message, new=True)
        if new_at is None or new_at < draft.expires_at:
            return draft
        known_at = self.dispatch.earliest(message, new=False)
        if known_at is None or known_at < draft.expires_at:
            return replace(draft, new_at=new_at)
        return too_late(known_at, draft.expires_at)

    def of(self, record: Record) -> float | None:
        """When a queued message leaves at the earliest, where that is known."""
        if not self.dispatch.paced:
            return None
        [at] = self.dispatch.estimates([_message(record, record.seq)])
        return at

    async def of_all(self, drafts: Sequence[Draft], answers: Sequence[object]) -> list[str | None]:
        """For each that was just accepted when it leaves at the earliest, where that is known."""
        times: dict[str, float | None] = {}
        queued = []
        for draft, answer in zip(drafts, answers, strict=True):
            if not isinstance(answer, Accepted):
                continue
            if draft.place == "scheduled":
                times[draft.id] = draft.send_at
            else:
                queued.append(answer.message)
        if queued and self.dispatch.paced:
            await trio.lowlevel.checkpoint()  # the dispatcher takes in what was just recorded
            ids = [message.id for message in queued]
            times.update(zip(ids, self.dispatch.estimates(queued), strict=True))
        found = [times.get(draft.id) for draft in drafts]
        return [None if at is None else timestamp(at) for at in found]


def _message(of: Draft | Record, seq: int) -> Message:
    """A message as far as its place among others goes; what it says does not matter for that."""
    return Message(
        of.id,
        seq,
        of.chat_id,
        Text(""),
        of.accepted_at,
        of.expires_at,
        of.sessions,
        priority=of.priority,
    )
