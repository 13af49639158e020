"""The ready set stays as large as what lives in it, and no claim costs more in a long queue."""

import random
import sys
from collections.abc import Callable
from types import FrameType

import pytest

from tests.core.messages import message
from trio_wa.core.affinity import Route
from trio_wa.core.dispatch import Dispatch
from trio_wa.core.message import LANES, Message
from trio_wa.core.outcome import Sent
from trio_wa.core.ready import ReadySet
from trio_wa.core.session import Session
from trio_wa.core.turn import Claim, Wait

SESSIONS = [Session("a", "http://one"), Session("b", "http://two")]


def anywhere(waiting: Message) -> list[Route]:
    """No first choice."""
    return [Route(None, waiting.sessions)]


def entries(ready: ReadySet) -> int:
    """What the ready set holds, dead entries among it."""
    lines = sum(1 + len(line.waiting) for line in ready._lines.values())
    heads = sum(1 + len(heap) for heap in ready._heads.values())
    return lines + heads + len(ready._later) + len(ready._expiry)


def calls(function: Callable[[], object]) -> int:
    """How many functions, built-in ones too, are called by `function`."""
    count = 0

    def profile(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("live", [1, 50])
def test_memory_is_flat_over_a_hundred_thousand_messages(live: int) -> None:
    dispatch = Dispatch(SESSIONS, workers=live, retry_base=1.0)
    chance = random.Random(1)
    claims: list[Claim] = []
    largest = 0
    for seq in range(1, 100_001):
        dispatch.add(
            message(
                seq,
                to=f"{seq % 97}@c.us",
                sessions=("a",) if seq % 3 == 0 else (),
                due_at=seq / 2 if seq % 5 == 0 else 0.0,
                expires_at=1e9,
                priority=LANES[seq // 97 % 3],
            )
        )
        while isinstance(turn := dispatch.claim(float(seq), jitter=0.5), Claim):
            claims.append(turn)
        if claims:
            ended = claims.pop(chance.randrange(len(claims)))
            dispatch.finish(ended, Sent(), None, now=float(seq), jitter=0.5)
        largest = max(largest, sum(map(entries, dispatch.lanes.values())))
        assert dispatch.held <= 2 * live + 2
    assert largest < 20 * live + 200


def test_memory_is_flat_while_a_blocked_head_stands_before_discarded_messages() -> None:
    ready = ReadySet(anywhere)
    ready.add(message(1, due_at=1e6))
    for seq in range(2, 20_000):
        ready.add(message(seq))
        assert ready.discard(f"m{seq}") is not None
        assert entries(ready) < 200
    assert [head.seq for _, head in ready.heads(1e6)] == [1]


def test_memory_is_flat_while_one_message_is_requeued() -> None:
    ready = ReadySet(anywhere)
    again = message(1)
    for attempt in range(20_000):
        ready.add(again)
        if attempt:
            ready.free(again.chat_id)
        assert [head for _, head in ready.heads(float(attempt))] == [again]
        ready.take(again)
        again = message(1, due_at=float(attempt), attempts=attempt)
        assert entries(ready) < 200


def test_an_emptied_set_holds_next_to_nothing() -> None:
    ready = ReadySet(anywhere)
    for seq in range(1, 1_001):
        ready.add(message(seq, to=f"{seq}@c.us"))
    for seq in range(1, 1_001):
        ready.discard(f"m{seq}")
    assert ready.next_change() == float("inf")
    assert list(ready.heads(0.0)) == []
    assert entries(ready) == 0


@pytest.mark.parametrize("recipients", [1, 10_000])
def test_a_claim_costs_the_same_before_ten_and_before_ten_thousand_messages(
    recipients: int,
) -> None:
    costs = []
    for queued in (10, 10_000):
        dispatch = Dispatch(SESSIONS, workers=50, retry_base=1.0)
        for seq in range(1, queued + 1):
            dispatch.add(message(seq, to=f"{seq % recipients}@c.us"))

        def cycle(dispatch: Dispatch = dispatch) -> None:
            claim = dispatch.claim(0.0, jitter=0.5)
            assert isinstance(claim, Claim)
            dispatch.finish(claim, Sent(), None, now=0.0, jitter=0.5)

        costs.append(calls(cycle))
    assert costs[1] <= 2 * costs[0]


def test_a_wait_costs_the_same_before_ten_and_before_ten_thousand_messages() -> None:
    costs = []
    for queued in (10, 10_000):
        dispatch = Dispatch(SESSIONS, workers=50, retry_base=1.0)
        for seq in range(1, queued + 1):
            dispatch.add(message(seq, to=f"{seq}@c.us", due_at=60.0))
        costs.append(calls(lambda dispatch=dispatch: dispatch.claim(1.0, jitter=0.5)))  # type: ignore[misc]  # bound at once
        assert dispatch.claim(1.0, jitter=0.5) == Wait(60.0)
    assert costs[1] <= 2 * costs[0]


def test_what_a_message_waits_for_is_told() -> None:
    dispatch = Dispatch(SESSIONS, workers=1, retry_base=1.0)
    for queued in (message(1), message(2), message(3, to="3@c.us", due_at=9.0)):
        dispatch.add(queued)
    reasons = [
        (waiting.reason, waiting.until)
        for seq in (1, 2, 3)
        if (waiting := dispatch.waiting(f"m{seq}", 1.0)) is not None
    ]
    assert reasons == [("turn", None), ("recipient", None), ("retry", 9.0)]
    assert dispatch.waiting("stranger", 1.0) is None
    assert isinstance(dispatch.claim(1.0, jitter=0.5), Claim)
    assert dispatch.waiting("m1", 1.0) is None
    behind = dispatch.waiting("m2", 1.0)
    assert behind is not None
    assert behind.reason == "recipient"


def twelve(queued: int, *, sticky: bool) -> Dispatch:
    """Twelve sessions, and `queued` messages to as many recipients."""
    sessions = [Session(f"s{number}", "http://one") for number in range(12)]
    dispatch = Dispatch(sessions, workers=50, retry_base=1.0, sticky=sticky)
    for seq in range(1, queued + 1):
        dispatch.add(message(seq, to=f"{seq}@c.us"))
    return dispatch


def cycle(dispatch: Dispatch) -> None:
    claim = dispatch.claim(0.0, jitter=0.5)
    assert isinstance(claim, Claim)
    dispatch.finish(claim, Sent(), None, now=0.0, jitter=0.5)


def test_a_sticky_claim_costs_the_same_before_a_hundred_and_before_ten_thousand_messages() -> None:
    costs = []
    for queued in (100, 10_000):
        dispatch = twelve(queued, sticky=True)
        costs.append(max(calls(lambda dispatch=dispatch: cycle(dispatch)) for _ in range(20)))  # type: ignore[misc]  # bound at once
    assert costs[1] <= 2 * costs[0]


def test_a_change_of_sessions_is_paid_for_once_and_by_each_head_once() -> None:
    dispatch = twelve(10_000, sticky=True)
    usual = calls(lambda: cycle(dispatch))
    for name in ("s1", "s5", "s7"):
        dispatch.set_status(name, "STOPPED", 0.0)
    regrouped = calls(lambda: cycle(dispatch))
    assert 10_000 < regrouped < 100 * 10_000
    assert calls(lambda: cycle(dispatch)) <= 2 * usual


def test_a_change_of_sessions_costs_nothing_where_no_message_has_a_first_choice() -> None:
    dispatch = twelve(10_000, sticky=False)
    usual = calls(lambda: cycle(dispatch))
    dispatch.set_status("s1", "STOPPED", 0.0)
    assert calls(lambda: cycle(dispatch)) <= 2 * usual
    dispatch.add(message(10_001, prefer="s2"))
    dispatch.set_status("s1", "WORKING", 0.0)
    assert calls(lambda: cycle(dispatch)) > 10_000
    assert dispatch.discard("m10001")
    dispatch.set_status("s1", "STOPPED", 0.0)
    assert calls(lambda: cycle(dispatch)) <= 2 * usual


def test_a_change_and_its_return_before_the_next_claim_cost_nothing() -> None:
    dispatch = twelve(10_000, sticky=True)
    usual = calls(lambda: cycle(dispatch))
    dispatch.set_paused("s1", True)
    dispatch.set_paused("s1", False)
    assert calls(lambda: cycle(dispatch)) <= 2 * usual


def test_heads_filed_anew_keep_their_order_and_leave_nothing_behind() -> None:
    ready = ReadySet(lambda waiting: [Route(courses[waiting.seq % 2], waiting.sessions)])
    courses = ["even", "odd"]
    for seq in range(1, 1_001):
        ready.add(message(seq, to=f"{seq}@c.us"))
    for seq in range(1, 1_000):
        ready.discard(f"m{seq}")
    courses = ["same", "same"]
    ready.add(message(1_001, to="1001@c.us"))
    ready.regroup()
    assert [(first, head.seq) for (first, *_), head in ready.heads(0.0)] == [("same", 1_000)]
    assert sum(len(heap) for heap in ready._heads.values()) == 2
