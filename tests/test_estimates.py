"""What is asked of the dispatcher about when messages leave, and what is not."""

from dataclasses import dataclass, replace

import pytest

from tests.contract.messages import NOW, draft
from tests.desk import FakeDispatch
from trio_wa.core.message import Message
from trio_wa.intake.estimates import Estimates
from trio_wa.intake.refusal import too_late
from trio_wa.ports import Accepted, Draft, Replayed
from trio_wa.telemetry import timestamp
from trio_wa.window import Window


@dataclass
class LineByLine(FakeDispatch):
    """Says that each message begins a second after the one before it."""

    def estimates(self, messages: list[Message]) -> list[float | None]:
        self.estimated += messages
        return [NOW + message.seq for message in messages]


def dispatch(*, new_after: float = 0.0) -> FakeDispatch:
    window = Window(capacity=1, max_backlog=1, max_scheduled=1)
    return LineByLine(window, estimated_at=NOW + 60, new_after=new_after)


def accepted(of: Draft, seq: int) -> Accepted:
    message = Message(of.id, seq, of.chat_id, of.content, of.accepted_at, of.expires_at)
    return Accepted(message)


@pytest.mark.parametrize("new_after", [0.0, 60.0])
def test_what_is_in_time_to_whomever_it_goes_is_left_as_it_is(new_after: float) -> None:
    early = draft("a", expires_at=NOW + 60.5 + new_after)
    assert Estimates(dispatch(new_after=new_after)).in_time(early) is early


def test_what_is_late_to_new_contacts_alone_is_for_known_ones() -> None:
    between = draft("a", expires_at=NOW + 120)
    found = Estimates(dispatch(new_after=60.0)).in_time(between)
    assert found == replace(between, new_at=NOW + 120)


def test_what_is_late_to_known_contacts_too_is_refused() -> None:
    late = draft("a", expires_at=NOW + 60)
    found = Estimates(dispatch(new_after=60.0)).in_time(late)
    assert found == too_late(NOW + 60, NOW + 60)


@pytest.mark.parametrize("paced", [False, True])
async def test_of_one_request_each_that_is_queued_is_asked_of_at_once(paced: bool) -> None:
    asked = dispatch()
    if not paced:
        asked.estimated_at = None
    drafts = [draft("a"), draft("b", send_at=NOW + 99), draft("c"), draft("d", send_at=NOW - 9)]
    answers = [
        accepted(drafts[0], 1),
        accepted(drafts[1], 2),
        Replayed("z"),
        accepted(drafts[3], 3),
    ]
    found = await Estimates(asked).of_all(drafts, answers)
    first, last = (timestamp(NOW + 1), timestamp(NOW + 3)) if paced else (None, None)
    assert found == [first, timestamp(NOW + 99), None, last]
    assert [message.id for message in asked.estimated] == (["a", "d"] if paced else [])
