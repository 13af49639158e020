"""`Dispatch` against a naive model: any schedule of arrivals, outcomes, expiry and discards."""

from dataclasses import replace
from math import inf

import hypothesis.strategies as st
from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.core.dispatch_model import Model
from tests.core.messages import message
from trio_wa.config.quiet_hours import parse_quiet_hours
from trio_wa.core.dispatch import Dispatch
from trio_wa.core.limits import Limits
from trio_wa.core.message import LANES, Message, Priority
from trio_wa.core.outcome import Outcome, Rejected, Sent, Unavailable, Unknown
from trio_wa.core.pace import DAY, HOUR, Pace
from trio_wa.core.retry import Requeue, RetryPolicy, decide
from trio_wa.core.session import Session
from trio_wa.core.slot import Ghost
from trio_wa.core.turn import Claim, Expiry, Wait

NAMES = ("a", "b", "c", "d", "e")
RECIPIENTS = ("1@c.us", "2@c.us", "3@c.us", "4@c.us", "5@g.us")
START = 1_764_000_000.0
HOLD = 2 * HOUR
POLICY = RetryPolicy(max_attempts=3, on_unknown="resend")

outcomes = st.one_of(
    st.just(Sent("3EB0")),
    st.just(Rejected("rejected", "")),
    st.builds(Unknown, st.sampled_from(["timeout", "other"]), st.just(""), st.booleans()),
    st.builds(
        Unavailable,
        st.just("throttled"),
        st.just(""),
        st.sampled_from(["message", "session", "origin", "contact"]),
        st.one_of(st.none(), st.floats(0, 30)),
        st.sampled_from([None, "SCAN_QR_CODE", "WORKING"]),
    ),
    st.none(),
)
statuses = st.sampled_from([None, "WORKING", "WORKING", "STOPPED", "MISSING"])
priorities = st.sampled_from(LANES)
jitters = st.floats(0, 1, exclude_max=True)
off = Pace()
# All times are exact, so that the model may add and compare as it likes.
paces = st.one_of(
    st.just(off),
    st.builds(
        Pace,
        rate=st.sampled_from([None, 6, 60]),
        gap=st.sampled_from([None, (2.0, 6.0)]),
        daily_cap=st.sampled_from([None, None, 1, 3]),
        new_contacts=st.sampled_from([None, 1, 60]),
    ),
    st.builds(
        Pace,
        rate=st.just(60),
        daily_cap=st.sampled_from([None, 2, 4]),
        warmup=st.sampled_from([(1, 2), (3, 1)]),
    ),
)
hours = st.sampled_from([None, None, None, "21:00-07:00 Asia/Jakarta", "12:30-14:00 Asia/Jakarta"])


class DispatchMachine(RuleBasedStateMachine):
    """Random schedules; each claim is compared with the model's."""

    @initialize(
        workers=st.one_of(st.integers(1, 4), st.integers(1, 60)),
        homes=st.lists(st.integers(1, 3), min_size=1, max_size=5),
        sticky=st.booleans(),
        pace=paces,
        quiet=hours,
        asks=st.booleans(),
    )
    def begin(
        self,
        workers: int,
        homes: list[int],
        sticky: bool,
        pace: Pace,
        quiet: str | None,
        asks: bool,
    ) -> None:
        self.sessions = [
            Session(name, f"http://waha-{home}") for name, home in zip(NAMES, homes, strict=False)
        ]
        self.now = START
        self.seq = 0
        self.asks = asks  # which may file the heads anew
        self.settled: set[int] = set()
        self.added: set[int] = set()
        quiet_hours = parse_quiet_hours(quiet) if quiet is not None else None
        self.dispatch = Dispatch(
            self.sessions,
            workers=workers,
            retry_base=1.0,
            sticky=sticky,
            limits=Limits(pace, timelock_hold=HOLD),
            quiet_hours=quiet_hours,
        )
        self.model = Model(self.dispatch, workers, sticky, pace, HOLD, quiet_hours)

    @rule(
        to=st.sampled_from(RECIPIENTS),
        allowed=st.sets(st.sampled_from(NAMES), max_size=3),
        ttl=st.sampled_from([1.0, 30.0, 86_400.0, 10 * DAY]),
        due_in=st.sampled_from([None, None, None, 0.0, 0.5, 20.0]),
        prefer=st.sampled_from([None, None, *NAMES]),
        known_to=st.sets(st.sampled_from(NAMES)),
        priority=priorities,
    )
    def arrive(
        self,
        to: str,
        allowed: set[str],
        ttl: float,
        due_in: float | None,
        prefer: str | None,
        known_to: set[str],
        priority: Priority,
    ) -> None:
        self.seq += 1
        arrival = message(
            self.seq,
            to=to,
            sessions=tuple(sorted(allowed & {session.name for session in self.sessions})),
            due_at=0.0 if due_in is None else self.now + due_in,
            expires_at=self.now + ttl,
            prefer=prefer,
            priority=priority,
        )
        self._add(replace(arrival, known_to=tuple(sorted(known_to))))

    @rule(
        priority=priorities,
        number=st.integers(1, 30),
        allowed=st.sampled_from(NAMES),
        jitter=jitters,
    )
    def flood(self, priority: Priority, number: int, allowed: str, jitter: float) -> None:
        """Many of a lane come, and what may go does as soon as it came."""
        for _ in range(number):
            self.seq += 1
            sessions = (allowed,) if allowed in self.model.names else ()
            self._add(
                message(
                    self.seq,
                    to=f"{self.seq}@g.us",
                    sessions=sessions,
                    expires_at=self.now + 100.0,
                    priority=priority,
                )
            )
            turn = self._claim()
            if isinstance(turn, Claim):
                self._finish(turn, Sent("3EB0"), jitter)

    @rule(data=st.data(), status=statuses)
    def set_status(self, data: st.DataObject, status: str | None) -> None:
        self._set_status(data.draw(st.sampled_from(self.sessions)).name, status)

    @rule(data=st.data(), paused=st.booleans())
    def set_paused(self, data: st.DataObject, paused: bool) -> None:
        self._set_paused(data.draw(st.sampled_from(self.sessions)).name, paused)

    @rule(data=st.data(), ghost=st.sampled_from([None, "probe", "out"]))
    def set_ghost(self, data: st.DataObject, ghost: Ghost | None) -> None:
        self._set_ghost(data.draw(st.sampled_from(self.sessions)).name, ghost)

    @rule(data=st.data(), seconds=st.sampled_from([0.0, 9.0, HOUR]))
    def set_locked(self, data: st.DataObject, seconds: float) -> None:
        name = data.draw(st.sampled_from(self.sessions)).name
        self.model.locks[name] = self.now + seconds
        self.dispatch.rotation.set_locked(name, self.now + seconds)

    @rule(data=st.data(), to=st.sampled_from(RECIPIENTS))
    def learn_contact(self, data: st.DataObject, to: str) -> None:
        """A recipient wrote to a session."""
        name = data.draw(st.sampled_from(self.sessions)).name
        self.model.news[name, to] = True
        self.dispatch.learn_contact(name, to)

    @rule(to=st.sampled_from(RECIPIENTS), priority=priorities)
    def block(self, to: str, priority: Priority) -> None:
        """An attempt was open at the start."""
        if (to, priority) not in self.model.busy:
            self.seq += 1
            begun = message(self.seq, to=to, expires_at=self.now + DAY, priority=priority)
            self.added.add(begun.seq)
            self.model.open.append(begun)
            self.dispatch.block(begun)

    @precondition(lambda self: self.model.waiting or self.model.claims or self.model.expiries)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        """A message became final in the store, was retried, and a newer copy of it comes."""
        model = self.model
        jobs = [*model.claims, *model.expiries]
        old = data.draw(st.sampled_from([*model.waiting, *(job.message for job in jobs)]))
        self.seq += 1
        self._add(replace(old, seq=self.seq, due_at=0.0, expires_at=self.now + DAY, prefer=None))

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
    @rule(data=st.data(), answered=st.booleans())
    def hold(self, data: st.DataObject, answered: bool) -> None:
        """An attempt ended in an unknown outcome, which is looked up."""
        claim = data.draw(st.sampled_from(self.model.claims))
        unknown = Unknown("timeout", "", answered)
        self.model.claims.remove(claim)
        self.model.open.append(claim.message)
        self.model.note(claim, unknown, self.now)
        self.dispatch.finish(claim, unknown, None, now=self.now, jitter=0.5, hold=True)

    @precondition(lambda self: self.model.open)
    @rule(data=st.data(), again=st.booleans(), over=st.sampled_from([None, *NAMES]))
    def release(self, data: st.DataObject, again: bool, over: str | None) -> None:
        held = data.draw(st.sampled_from(self.model.open))
        self._check_out(held)
        self._release(held, replace(held, prefer=over, due_at=self.now) if again else None)

    @precondition(lambda self: self.model.claims)
    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        """The store did not let an attempt begin: the message comes back as it was."""
        index = data.draw(st.integers(0, len(self.model.claims) - 1))
        self._finish(self.model.claims[index], None, 0.5, refused=True)

    @precondition(lambda self: self.model.expiries)
    @rule()
    def finish_expiry(self) -> None:
        expired = self.model.expiries.pop().message
        self.settled.add(expired.seq)
        self.dispatch.finish_expiry(expired)

    @precondition(lambda self: self.model.expiries)
    @rule()
    def refuse_expiry(self) -> None:
        """The store did not record an expiry: the message comes back as it was."""
        expired = self.model.expiries.pop().message
        self.dispatch.finish_expiry(expired)
        self._add(expired)

    @precondition(lambda self: self.model.waiting)
    @rule(data=st.data())
    def discard(self, data: st.DataObject) -> None:
        gone = data.draw(st.sampled_from(self.model.waiting))
        self.model.waiting.remove(gone)
        self.settled.add(gone.seq)
        assert self.dispatch.discard(gone.id)
        assert not self.dispatch.discard(gone.id)

    @precondition(lambda self: self.model.claims)
    @rule(data=st.data())
    def discard_in_flight(self, data: st.DataObject) -> None:
        self._check_out(data.draw(st.sampled_from(self.model.claims)).message)

    @rule(seconds=st.sampled_from([0.001, 0.3, 1.0, 7.0, 100.0, HOUR, DAY / 2]))
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
        assert self.dispatch.open == len(model.open)
        assert self.dispatch.held == len(model.waiting) + in_flight + len(model.open)
        held = [*model.waiting, *model.open]
        held += [claim.message for claim in model.claims]
        held += [expiry.message for expiry in model.expiries]
        for lane in LANES:
            waiting = {each.id for each in model.waiting if each.priority == lane}
            assert {each.id for each in reversed(self.dispatch.lanes[lane])} == waiting
            assert self.dispatch.held_in(lane) == sum(each.priority == lane for each in held)
        assert len(model.busy) == len(set(model.busy))

    @invariant()
    def tells_what_each_message_waits_for(self) -> None:
        for waiting in self.model.waiting if self.asks else []:
            told = self.dispatch.waiting(waiting.id, self.now)
            assert told == self.model.reason(waiting, self.now)

    def teardown(self) -> None:
        """Nothing starves: once every attempt succeeds, all leaves that a usable session may send.

        That it leaves long before it would expire shows that no message was waited out.
        """
        if not hasattr(self, "model"):
            return
        for held in list(self.model.open):
            self._release(held, held)
        only, *others = (session.name for session in self.sessions)
        self._set_paused(only, paused=False)
        self._set_ghost(only, None)
        self._set_status(only, None)
        for name in others:
            self._set_status(name, "STOPPED")
        self._drain(only)
        for name in others:
            self._set_paused(name, paused=False)
            self._set_ghost(name, None)
            self._set_status(name, "WORKING")
        self._drain(only, *others)
        assert self.settled == self.added
        assert self._claim() == Wait(inf)

    def _drain(self, *names: str) -> None:
        """Let every attempt succeed, until nothing is left that the sessions `names` may send."""
        model, began_at = self.model, self.now
        longest = 10_000.0
        if model.pace != off or model.quiet_hours is not None:
            longest += 2 * DAY * len(model.waiting)  # a day each, and a night
        while model.claims or model.expiries or model.left_for(names):
            turn = self._claim()
            if isinstance(turn, Wait):
                if model.claims:
                    self._finish(model.claims[0], Sent(), 0.5)
                elif model.expiries:
                    self.finish_expiry()
                else:
                    self.now = turn.until
            assert self.now < began_at + longest

    def _add(self, arrival: Message) -> None:
        self.added.add(arrival.seq)
        old = self.model.wait(arrival)
        self.dispatch.add(arrival)
        self._note_outdated(old)

    def _note_outdated(self, old: list[Message]) -> None:
        assert self.dispatch.outdated == old
        self.settled.update(message.seq for message in old)
        self.dispatch.outdated.clear()

    def _check_out(self, held: Message) -> None:
        """What is with a worker, or looked up, is not in the ready set; a newer copy may be."""
        if all(waiting.id != held.id for waiting in self.model.waiting):
            assert not self.dispatch.discard(held.id)

    def _set_status(self, name: str, status: str | None) -> None:
        self.model.statuses[name] = status
        self.dispatch.set_status(name, status, self.now)

    def _set_ghost(self, name: str, ghost: Ghost | None) -> None:
        self.model.ghosts[name] = ghost
        self.dispatch.rotation.set_ghost(name, ghost)

    def _set_paused(self, name: str, paused: bool) -> None:
        self.model.paused[name] = paused
        self.dispatch.set_paused(name, paused)

    def _release(self, held: Message, requeue: Message | None) -> None:
        self.model.open.remove(held)
        old = self._leave_or_wait(held, requeue)
        assert self.dispatch.release(held, requeue)
        assert not self.dispatch.release(held, requeue)
        self._note_outdated(old)

    def _leave_or_wait(self, held: Message, requeue: Message | None) -> list[Message]:
        """What the model makes of a message that comes back; the old copy that leaves."""
        if requeue is not None:
            return self.model.wait(requeue)
        self.settled.add(held.seq)
        return []

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
        old = self._leave_or_wait(claim.message, requeue)
        self.model.note(claim, outcome, self.now)
        self.dispatch.finish(claim, outcome, requeue, now=self.now, jitter=jitter)
        self._note_outdated(old)

    def _claim(self) -> Claim | Expiry | Wait:
        model, now = self.model, self.now
        expired = model.expired(now)
        oldest = model.oldest(now)
        jitter = self.seq % 4 / 4
        turn = self.dispatch.claim(now, jitter=jitter)
        match turn:
            case Wait(until):
                if model.idle == 0:
                    assert until == inf
                else:
                    assert not expired
                    assert not oldest, "an idle worker, and something that it could send"
                    self._check_wait(until)
            case Expiry(gone):
                assert model.idle > 0
                assert gone in expired
                model.waiting.remove(gone)
                model.expiries.append(turn)
            case Claim(first, session, at):
                assert at == now
                assert model.idle > 0
                assert not expired
                assert (first, session.name) == model.choose(oldest)
                model.take(turn, jitter, oldest)
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
