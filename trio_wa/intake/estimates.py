"""When messages leave at the earliest, and which of them cannot leave in time."""

from collections.abc import Sequence

from trio_wa.core.contacts import is_stranger
from trio_wa.core.message import LANES, Priority
from trio_wa.intake.dispatching import Dispatching
from trio_wa.intake.refusal import Refusal
from trio_wa.ports import Accepted, Draft
from trio_wa.telemetry import timestamp


class Estimates:
    """What the dispatcher says in one step, in which neither sessions nor their pace change.

    So where it can tell nothing of a message it is not asked of others of the same kind: however
    many go before those, it can tell nothing of them either.
    """

    def __init__(self, dispatch: Dispatching) -> None:
        self._dispatch = dispatch
        self._unknown: set[tuple[tuple[str, ...], Priority, bool]] = set()

    def too_late(self, draft: Draft) -> Refusal | None:
        """The refusal of a message that cannot leave in time, however well all goes."""
        at = draft.accepted_at
        if draft.send_at is not None and draft.place == "scheduled":
            at = draft.send_at
        elif (estimate := self._begins_at(draft)) is not None:
            at = max(at, estimate)
        if at < draft.expires_at:
            return None
        detail = (
            f"it would leave at {timestamp(at)} at the earliest, and expires at"
            f" {timestamp(draft.expires_at)}: give it more time, or a higher priority"
        )
        return Refusal(422, "cannot_meet_ttl", detail)

    def of_all(self, drafts: Sequence[Draft], answers: Sequence[object]) -> list[str | None]:
        """For each that was just accepted when it leaves at the earliest, where that is known."""
        behind = dict.fromkeys(LANES, 0)  # counts for each lane those that come behind
        estimates: list[str | None] = []
        for draft, answer in zip(reversed(drafts), reversed(answers), strict=True):
            at: float | None = None
            if isinstance(answer, Accepted):
                if draft.send_at is not None and draft.place == "scheduled":
                    at = draft.send_at
                else:
                    behind[draft.priority] += 1  # its own place does not go before it either
                    stranger = is_stranger(answer.message)
                    at = self._begins_at(draft, stranger=stranger, more=-behind[draft.priority])
            estimates.append(None if at is None else timestamp(at))
        return estimates[::-1]

    def _begins_at(self, draft: Draft, *, stranger: bool = False, more: int = 0) -> float | None:
        kind = draft.sessions, draft.priority, stranger
        if kind in self._unknown:
            return None
        at = self._dispatch.estimate(draft.sessions, draft.priority, stranger=stranger, more=more)
        if at is None:
            self._unknown.add(kind)
        return at
