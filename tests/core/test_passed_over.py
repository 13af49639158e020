"""No lane starves: one that was passed over twenty times has a claim before the higher ones."""

from dataclasses import dataclass, field
from itertools import count
from string import ascii_lowercase

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tests.core.messages import message
from trio_wa.core.dispatch import Dispatch
from trio_wa.core.limits import Limits
from trio_wa.core.message import LANES, Message, Priority
from trio_wa.core.outcome import Sent
from trio_wa.core.pace import Pace
from trio_wa.core.session import Session
from trio_wa.core.turn import Claim, Wait
from trio_wa.core.turns import PASSES

NEVER = 1e12
NAMES = "abc"

Stream = tuple[Priority, tuple[str, ...]]
"""Messages of a lane that allow the same sessions, of which more never end to come."""


@dataclass
class Flood:
    """Sends what goes, and has the next of each stream come at once."""

    under_test: Dispatch
    streams: list[Stream] = field(default_factory=list)
    now: float = 0.0

    def __post_init__(self) -> None:
        self.seqs = count(1)
        for priority, allowed in self.streams:
            self.add(priority, *allowed)

    def add(self, priority: Priority, *allowed: str) -> Message:
        seq = next(self.seqs)
        added = message(
            seq, to=f"{seq}@g.us", sessions=allowed, expires_at=NEVER, priority=priority
        )
        self.under_test.add(added)
        return added

    def next(self) -> Claim:
        while isinstance(turn := self.under_test.claim(self.now, jitter=0.5), Wait):
            self.now = turn.until
        assert isinstance(turn, Claim)
        self.under_test.finish(turn, Sent("3EB0"), None, now=self.now, jitter=0.5)
        if (turn.message.priority, turn.message.sessions) in self.streams:
            self.add(turn.message.priority, *turn.message.sessions)
        return turn

    def lanes(self, number: int) -> list[Priority]:
        return [self.next().message.priority for _ in range(number)]


def dispatch(
    names: str = NAMES, *, workers: int = 50, pace: Pace | None = None, sticky: bool = False
) -> Dispatch:
    return Dispatch(
        [Session(name, f"http://waha-{name}") for name in names],
        workers=workers,
        retry_base=1.0,
        sticky=sticky,
        limits=Limits(pace or Pace()),
    )


paces = pytest.mark.parametrize("pace", [Pace(), Pace(rate=60), Pace(rate=6, gap=(1.0, 30.0))])


@paces
@pytest.mark.parametrize("names", ["a", "abc"])
@pytest.mark.parametrize("lane", ["normal", "bulk"])
def test_a_lane_gets_one_claim_in_twenty_one_beside_an_endless_flood(
    lane: Priority, names: str, pace: Pace
) -> None:
    flood = Flood(dispatch(names, pace=pace), [("urgent", ()), (lane, ())])
    for _ in range(9):
        assert flood.lanes(PASSES + 1) == [*["urgent"] * PASSES, lane]


@paces
def test_beside_two_floods_bulk_still_gets_its_share(pace: Pace) -> None:
    flood = Flood(dispatch(pace=pace), [("urgent", ()), ("normal", ()), ("bulk", ())])
    claimed = flood.lanes(10 * (PASSES + 1) + 1)
    assert claimed.count("bulk") == claimed.count("normal") == 10
    assert "normal" not in claimed[:PASSES]


def test_what_may_go_over_one_session_alone_does_not_starve_as_others_of_its_lane_go() -> None:
    flood = Flood(dispatch("ab", pace=Pace(rate=60)), [("urgent", ("a",))])
    held = flood.add("bulk", "a")
    flood.streams.append(("bulk", ("b",)))
    flood.add("bulk", "b")
    claimed = [flood.next().message for _ in range(3 * PASSES)]
    assert held in claimed
    claimed = claimed[: claimed.index(held) + 1]
    assert [each.priority for each in claimed].count("urgent") == PASSES
    assert [each.sessions for each in claimed].count(("b",)) in (PASSES, PASSES + 1)


def test_a_flood_over_one_session_does_not_keep_the_only_worker_from_another() -> None:
    flood = Flood(dispatch("ab", workers=1), [("urgent", ("a",)), ("bulk", ("b",))])
    assert flood.lanes(PASSES + 1) == [*["urgent"] * PASSES, "bulk"]


def test_what_could_not_have_gone_is_not_passed_over() -> None:
    flood = Flood(dispatch("ab"), [("urgent", ())])
    flood.add("bulk", "b")
    flood.under_test.set_paused("b", True)
    assert set(flood.lanes(10 * PASSES)) == {"urgent"}
    flood.under_test.set_paused("b", False)
    assert flood.lanes(PASSES + 1) == [*["urgent"] * PASSES, "bulk"]


def test_while_a_session_is_at_its_pace_nothing_is_passed_over_there() -> None:
    others = ascii_lowercase[1:]
    flood = Flood(dispatch(ascii_lowercase, pace=Pace(rate=60)), [("bulk", ("a",))])
    assert flood.lanes(1) == ["bulk"]
    for _ in others:
        flood.add("urgent", *others)
    assert flood.lanes(len(others)) == ["urgent"] * len(others)
    assert flood.now == 0.0
    flood.add("urgent")
    assert flood.lanes(2) == ["urgent", "bulk"]


def test_only_passes_in_a_row_count() -> None:
    flood = Flood(dispatch("a"), [("bulk", ())])
    for _ in range(5 * PASSES):
        flood.add("urgent")
        assert flood.lanes(2) == ["urgent", "bulk"]
    for _ in range(PASSES - 1):
        flood.add("urgent")
        assert flood.lanes(1) == ["urgent"]
    flood.add("normal")
    flood.add("urgent")
    assert flood.lanes(3) == ["urgent", "bulk", "normal"]


streams = st.lists(
    st.tuples(
        st.sampled_from(LANES),
        st.sets(st.sampled_from(NAMES)).map(lambda names: tuple(sorted(names))),
    ),
    max_size=9,
    unique=True,
)


@settings(deadline=None)
@given(
    streams,
    st.sampled_from(LANES),
    st.sampled_from(["a", "b", "c", "ab", "abc", ""]),
    st.sampled_from([Pace(), Pace(rate=60), Pace(gap=(2.0, 6.0)), Pace(daily_cap=3)]),
    st.booleans(),
    st.sampled_from([1, 2, 50]),
)
def test_nothing_starves_beside_any_floods(
    streams: list[Stream], lane: Priority, allowed: str, pace: Pace, sticky: bool, workers: int
) -> None:
    flood = Flood(dispatch(workers=workers, pace=pace, sticky=sticky), streams)
    flood.lanes(50 if streams else 0)
    waiting = flood.add(lane, *allowed)
    older = len(streams)  # at most: those of its lane go before
    claims = (older + 1) * len(NAMES) * (PASSES + 3)
    assert any(flood.next().message is waiting for _ in range(claims))
