"""When messages of one request leave, asked of the dispatcher no more often than it can tell."""

from dataclasses import dataclass, field

import hypothesis.strategies as st
from hypothesis import given

from tests.desk import FakeDispatch
from trio_wa.core.content import Text
from trio_wa.core.message import LANES, Message, Priority
from trio_wa.intake.estimates import Estimates
from trio_wa.ports import Accepted, Draft, Replayed
from trio_wa.telemetry import timestamp
from trio_wa.window import Window

NOW = 1_800_000_000.0

Kind = tuple[tuple[str, ...], Priority, bool]


@dataclass
class PacedDispatch(FakeDispatch):
    """Tells when a message begins by how many go before it, but nothing of some kinds."""

    untold: frozenset[Kind] = frozenset()
    asked: list[Kind] = field(default_factory=list)

    def estimate(
        self,
        sessions: tuple[str, ...],
        priority: Priority,
        seq: int | None = None,
        *,
        stranger: bool = False,
        more: int = 0,
    ) -> float | None:
        del seq
        self.asked.append((sessions, priority, stranger))
        if self.asked[-1] in self.untold:
            return None
        return NOW + 1_000 + more + 500 * stranger + 100 * LANES.index(priority)


def draft_of(place: int, kind: Kind, ahead: float | None) -> Draft:
    sessions, priority, _ = kind
    return Draft(
        id=str(place),
        to="6281234567890",
        chat_id="6281234567890@c.us",
        content=Text("Hello"),
        accepted_at=NOW,
        expires_at=NOW + 1_150,
        sessions=sessions,
        priority=priority,
        send_at=None if ahead is None else NOW + ahead,
    )


def message_of(draft: Draft, kind: Kind) -> Message:
    known_to = () if kind[2] else ("a",)
    return Message(
        draft.id, 1, draft.chat_id, draft.content, NOW, draft.expires_at, known_to=known_to
    )


kinds = st.tuples(st.sampled_from([(), ("a",), ("a", "b")]), st.sampled_from(LANES), st.booleans())
items = st.lists(
    st.tuples(kinds, st.sampled_from([None, None, -5.0, 60.0, 2_000.0]), st.booleans()), max_size=12
)


@given(items, st.frozensets(kinds))
def test_in_one_step_each_is_told_what_it_would_be_told_alone(
    batch: list[tuple[Kind, float | None, bool]], untold: frozenset[Kind]
) -> None:
    dispatch = PacedDispatch(Window(capacity=1, max_backlog=1, max_scheduled=1), untold=untold)
    drafts = [draft_of(place, kind, ahead) for place, (kind, ahead, _) in enumerate(batch)]
    answers = [
        Accepted(message_of(draft, kind)) if accepted else Replayed("other")
        for draft, (kind, _, accepted) in zip(drafts, batch, strict=True)
    ]
    together = Estimates(dispatch)
    assert [together.too_late(draft) for draft in drafts] == [
        Estimates(dispatch).too_late(draft) for draft in drafts
    ]
    dispatch.asked.clear()
    found = Estimates(dispatch).of_all(drafts, answers)
    assert all(dispatch.asked.count(kind) <= 1 for kind in untold)
    for place, (kind, ahead, accepted) in enumerate(batch):
        draft = drafts[place]
        expected: str | None
        if draft.place == "scheduled":
            assert ahead is not None
            expected = timestamp(NOW + ahead)
        else:
            _, priority, stranger = kind
            behind = sum(
                isinstance(answer, Accepted)
                and later.priority == priority
                and later.place != "scheduled"
                for later, answer in zip(drafts[place:], answers[place:], strict=True)
            )
            at = dispatch.estimate(draft.sessions, priority, stranger=stranger, more=-behind)
            expected = None if at is None else timestamp(at)
        assert found[place] == (expected if accepted else None)
