"""`Dispatch` against a naive model: any schedule of arrivals, outcomes, expiry and discards."""

from dataclasses import dataclass, replace
from math import inf

import hypothesis.strategies as st
from hypothesis import Phase, assume, given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.core.messages import message
from trio_wa.core.dispatch import Claim, Dispatch, Expiry, Wait
from trio_wa.core.message import Message
from trio_wa.core.outcome import Outcome, Rejected, Sent, Unavailable, Unknown
from trio_wa.core.retry import Requeue, RetryPolicy, decide
from trio_wa.core.session import Session

NAMES = ("a", "b", "c", "d", "e")
RECIPIENTS = ("1@c.us", "2@c.us", "3@c.us", "4@c.us")
POLICY = RetryPolicy(max_attempts=3, on_unknown="resend")

outcomes = st.one_of(
    st.just(Sent("3EB0")),
    st.just(Rejected("rejected", "")),
    st.builds(Unknown, st.just("timeout"), st.just(""), st.booleans()),
    st.builds(
        Unavailable,
        st.just("throttled"),
        st.just(""),
        st.sampled_from(["message", "session", "origin"]),
        st.one_of(st.none(), st.floats(0, 30)),
    ),
    st.none(),
)
jitters = st.floats(0, 1, exclude_max=True)


@dataclass
class Model:
    """What may be claimed, told by looking at everything."""

    dispatch: Dispatch
    workers: int
    waiting: list[Message]
    claims: list[Claim]
    expiries: list[Expiry]

    @property
    def idle(self) -> int:
        return self.workers - len(self.claims) - len(self.expiries)

    def heads(self) -> list[Message]:
        busy = {claim.message.chat_id for claim in self.claims}
        first: dict[str, Message] = {}
        for waiting in sorted(self.waiting, key=lambda waiting: waiting.seq):
            first.setdefault(waiting.chat_id, waiting)
        return [head for chat_id, head in first.items() if chat_id not in busy]

    def free_sessions(self, now: float) -> set[str]:
        slots = self.dispatch.rotation.slots.values()
        working = sum(slot.gate.is_open and slot.origin.is_open for slot in slots)
        limit = self.workers
        if working > 1:
            limit = max(1, int(self.workers / working + self.workers / 4))
        held = [claim.session.name for claim in self.claims]
        return {
            slot.session.name
            for slot in slots
            if held.count(slot.session.name) < limit
            and slot.gate.opens_at() <= now
            and slot.origin.opens_at() <= now
        }

    def claimable(self, now: float) -> list[Message]:
        free = self.free_sessions(now)
        return [
            head
            for head in self.heads()
            if head.due_at <= now and (free if not head.sessions else free & {*head.sessions})
        ]

    def expired(self, now: float) -> list[Message]:
        return [waiting for waiting in self.waiting if waiting.expires_at <= now]

    def moments(self, now: float) -> set[float]:
        """Every later time at which anything could change by itself."""
        gates = [
            max(slot.gate.opens_at(), slot.origin.opens_at())
            for slot in self.dispatch.rotation.slots.values()
        ]
        dues = [head.due_at for head in self.heads()]
        ends = [waiting.expires_at for waiting in self.waiting]
        return {at for at in [*(gates if self.waiting else []), *dues, *ends] if now < at < inf}


class DispatchMachine(RuleBasedStateMachine):
    """Random schedules; each claim is compared with the model's."""

    @initialize(
        workers=st.one_of(st.integers(1, 4), st.integers(1, 60)),
        homes=st.lists(st.integers(1, 3), min_size=1, max_size=5),
    )
    def begin(self, workers: int, homes: list[int]) -> None:
        self.sessions = [
            Session(name, f"http://waha-{home}") for name, home in zip(NAMES, homes, strict=False)
        ]
        self.now = 1_000.0
        self.seq = 0
        self.settled: set[str] = set()
        self.added: set[str] = set()
        self.dispatch = Dispatch(self.sessions, workers=workers, retry_base=1.0)
        self.model = Model(self.dispatch, workers, [], [], [])

    @rule(
        to=st.sampled_from(RECIPIENTS),
        allowed=st.sets(st.sampled_from(NAMES), max_size=3),
        ttl=st.sampled_from([1.0, 30.0, 86_400.0]),
        due_in=st.sampled_from([None, None, None, 0.0, 0.5, 20.0]),
    )
    def arrive(self, to: str, allowed: set[str], ttl: float, due_in: float | None) -> None:
        self.seq += 1
        arrival = message(
            self.seq,
            to=to,
            sessions=tuple(sorted(allowed & {session.name for session in self.sessions})),
            due_at=0.0 if due_in is None else self.now + due_in,
            expires_at=self.now + ttl,
        )
        self.added.add(arrival.id)
        self.model.waiting.append(arrival)
        self.dispatch.add(arrival)

    @rule()
    def claim_one(self) -> None:
        self._claim()

    @rule()
    def claim_all(self) -> None:
        while not isinstance(self._claim(), Wait):
            pass

    @precondition(lambda self: self.model.claims)
    @rule(data=st.data(), outcome=outcomes, jitter=jitters)
    def finish(self, data: st.DataObject, outcome: Outcome | None, jitter: float) -> None:
        index = data.draw(st.integers(0, len(self.model.claims) - 1))
        self._finish(self.model.claims[index], outcome, jitter)

    @precondition(lambda self: self.model.claims)
    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        """The store did not let an attempt begin: the message comes back as it was."""
        index = data.draw(st.integers(0, len(self.model.claims) - 1))
        self._finish(self.model.claims[index], None, 0.5, refused=True)

    @precondition(lambda self: self.model.expiries)
    @rule()
    def finish_expiry(self) -> None:
        self.settled.add(self.model.expiries.pop().message.id)
        self.dispatch.finish_expiry()

    @precondition(lambda self: self.model.waiting)
    @rule(data=st.data())
    def discard(self, data: st.DataObject) -> None:
        gone = data.draw(st.sampled_from(self.model.waiting))
        self.model.waiting.remove(gone)
        self.settled.add(gone.id)
        assert self.dispatch.discard(gone.id)
        assert not self.dispatch.discard(gone.id)

    @precondition(lambda self: self.model.claims)
    @rule(data=st.data())
    def discard_in_flight(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.model.claims))
        assert not self.dispatch.discard(claim.message.id)

    @rule(seconds=st.sampled_from([0.001, 0.3, 1.0, 7.0, 100.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def sleep_until_told(self) -> None:
        turn = self._claim()
        while isinstance(turn, Wait) and turn.until < inf:
            self.now = turn.until
            turn = self._claim()

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        model = self.model
        in_flight = len(model.claims) + len(model.expiries)
        assert self.dispatch.in_flight == in_flight <= model.workers
        assert self.dispatch.held == len(model.waiting) + in_flight
        assert {waiting.id for waiting in self.dispatch.ready} == {w.id for w in model.waiting}
        recipients = [claim.message.chat_id for claim in model.claims]
        assert len(recipients) == len(set(recipients))

    def teardown(self) -> None:
        """Nothing starves: once every attempt succeeds, everything leaves."""
        if not hasattr(self, "model"):
            return
        for _ in range(10 * len(self.added) + 10):
            turn = self._claim()
            if isinstance(turn, Wait):
                if self.model.claims:
                    self._finish(self.model.claims[0], Sent(), 0.5)
                elif self.model.expiries:
                    self.finish_expiry()
                elif turn.until == inf:
                    break
                else:
                    self.now = turn.until
        assert not self.model.waiting
        assert self.settled == self.added
        assert self._claim() == Wait(inf)

    def _finish(
        self, claim: Claim, outcome: Outcome | None, jitter: float, *, refused: bool = False
    ) -> None:
        requeue = None
        if refused:
            requeue = claim.message
        elif outcome is not None:
            decision = decide(claim.message, outcome, now=self.now, policy=POLICY, jitter=jitter)
            requeue = decision.message if isinstance(decision, Requeue) else None
        self.model.claims.remove(claim)
        if requeue is None:
            self.settled.add(claim.message.id)
        else:
            self.model.waiting.append(requeue)
        self.dispatch.finish(claim, outcome, requeue, now=self.now, jitter=jitter)

    def _claim(self) -> Claim | Expiry | Wait:
        model, now = self.model, self.now
        expired, claimable = model.expired(now), model.claimable(now)
        free = model.free_sessions(now)
        turn = self.dispatch.claim(now)
        match turn:
            case Wait(until):
                if model.idle == 0:
                    assert until == inf
                else:
                    assert not expired
                    assert not claimable, "an idle worker, and something that it could send"
                    self._check_wait(until)
            case Expiry(gone):
                assert model.idle > 0
                assert gone in expired
                model.waiting.remove(gone)
                model.expiries.append(turn)
            case Claim(oldest, session):
                assert model.idle > 0
                assert not expired
                assert oldest == min(claimable, key=lambda waiting: waiting.seq)
                assert session.name in free
                assert not oldest.sessions or session.name in oldest.sessions
                model.waiting.remove(oldest)
                model.claims.append(turn)
        return turn

    def _check_wait(self, until: float) -> None:
        """Not in the past, not too late, and for something that will happen."""
        moments = self.model.moments(self.now)
        assert until > self.now
        assert until == inf or until in moments, "woken for nothing"
        for at in moments:
            if at < until:
                assert not self.model.claimable(at)
                assert not self.model.expired(at)


TestDispatch = DispatchMachine.TestCase
TestDispatch.settings = settings(
    max_examples=200,
    stateful_step_count=50,
    deadline=None,
    phases=set(Phase) - {Phase.explain},  # which takes a minute
)


def dispatch(names: str, *, workers: int = 50, url: str = "http://waha") -> Dispatch:
    sessions = [Session(name, f"{url}-{name}") for name in names]
    return Dispatch(sessions, workers=workers, retry_base=1.0)


@given(
    sessions=st.integers(1, 5),
    ends=st.lists(st.booleans(), min_size=1, max_size=60),
)
def test_sessions_take_turns_as_the_counter_of_the_go_service(
    sessions: int, ends: list[bool]
) -> None:
    names = NAMES[:sessions]
    under_test = dispatch("".join(names), workers=60)
    for count, ended in enumerate(ends):
        under_test.add(message(count + 1, to=f"{count}@c.us"))
        claim = under_test.claim(0.0)
        assume(isinstance(claim, Claim))  # a full bulkhead is passed over: another test's matter
        assert isinstance(claim, Claim)
        assert claim.session.name == names[count % sessions]
        if ended:
            under_test.finish(claim, Sent(), None, now=0.0, jitter=0.5)


def test_a_hanging_session_holds_no_more_than_its_share() -> None:
    for names, share in (("a", 50), ("ab", 37), ("abc", 29)):
        under_test = dispatch(names)
        hanging = []
        for seq in range(1, 2_000):
            under_test.add(message(seq, to=f"{seq}@c.us"))
            turn = under_test.claim(0.0)
            if not isinstance(turn, Claim):
                assert under_test.in_flight == 50
                break
            if turn.session.name == "a":
                hanging.append(turn)
            else:
                under_test.finish(turn, Sent(), None, now=0.0, jitter=0.5)
        assert len(hanging) == share


def test_the_only_session_that_works_gets_every_worker() -> None:
    under_test = dispatch("abc")
    for seq in range(1, 200):
        under_test.add(message(seq, to=f"{seq}@c.us"))
    for _ in range(2):
        turn = under_test.claim(0.0)
        assert isinstance(turn, Claim)
        away = Unavailable("unreachable", "", "origin", retry_after=60)
        under_test.finish(turn, away, None, now=0.0, jitter=0.5)
    claimed = 0
    while isinstance(turn := under_test.claim(0.0), Claim):
        assert turn.session.name == "c"
        claimed += 1
    assert claimed == 50


def test_a_requeued_message_goes_before_later_ones_to_its_recipient() -> None:
    under_test = dispatch("a")
    for seq in (1, 2):
        under_test.add(message(seq))
    first = under_test.claim(0.0)
    assert isinstance(first, Claim)
    assert under_test.claim(0.0) == Wait(first.message.expires_at)
    again = replace(first.message, due_at=10.0)
    busy = Unavailable("throttled", "", "message")
    under_test.finish(first, busy, again, now=1.0, jitter=0.5)
    assert under_test.claim(5.0) == Wait(10.0)
    second = under_test.claim(10.0)
    assert isinstance(second, Claim)
    assert second.message == again


def test_an_empty_queue_waits_for_nothing() -> None:
    under_test = dispatch("a")
    under_test.add(message(1))
    claim = under_test.claim(0.0)
    assert isinstance(claim, Claim)
    under_test.finish(claim, Sent(), None, now=0.0, jitter=0.5)
    assert under_test.claim(0.0) == Wait(inf)
