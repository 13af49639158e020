"""However much bulk waits, an urgent message is the next that a session which may send it sends."""

from itertools import cycle
from math import inf

import hypothesis.strategies as st
from hypothesis import given, settings

from tests.core.dispatch_model import Model
from tests.core.messages import message
from tests.core.test_dispatch import hours, paces
from trio_wa.config.quiet_hours import parse_quiet_hours
from trio_wa.core.dispatch import Dispatch
from trio_wa.core.limits import Limits
from trio_wa.core.message import Message
from trio_wa.core.outcome import Sent
from trio_wa.core.pace import DAY, HOUR, Pace
from trio_wa.core.session import Session
from trio_wa.core.turn import Claim, Wait

NAMES = "abc"
START = 1_764_000_000.0
NEVER = 1e12

allowing = st.sets(st.sampled_from(NAMES)).map(lambda names: tuple(sorted(names)))


@settings(deadline=None, max_examples=300)
@given(
    workers=st.integers(1, 6),
    sticky=st.booleans(),
    pace=paces,
    quiet=hours,
    bulk=st.lists(st.tuples(st.integers(1, 9), allowing), min_size=1, max_size=40),
    allowed=allowing,
    known_to=allowing,
    arrives=st.sampled_from([0.0, 0.25, 1.0, 2.5, 9.0, 61.0, HOUR, DAY, 2 * DAY]),
    takes=st.lists(st.sampled_from([0.0, 0.5, 1.0, 30.0]), min_size=1, max_size=5),
    draws=st.lists(st.sampled_from([0.0, 0.25, 0.75]), min_size=1, max_size=5),
)
def test_an_urgent_message_goes_at_the_first_instant_at_which_any_session_may_send_it(
    workers: int,
    sticky: bool,
    pace: Pace,
    quiet: str | None,
    bulk: list[tuple[int, tuple[str, ...]]],
    allowed: tuple[str, ...],
    known_to: tuple[str, ...],
    arrives: float,
    takes: list[float],
    draws: list[float],
) -> None:
    quiet_hours = None if quiet is None else parse_quiet_hours(quiet)
    under_test = Dispatch(
        [Session(name, f"http://waha-{name}") for name in NAMES],
        workers=workers,
        retry_base=1.0,
        sticky=sticky,
        limits=Limits(pace),
        quiet_hours=quiet_hours,
    )
    model = Model(under_test, workers, sticky, pace, HOUR, quiet_hours)
    for seq, (number, sessions) in enumerate(bulk, 1):
        waiting = message(
            seq, to=f"{number}@c.us", sessions=sessions, expires_at=NEVER, priority="bulk"
        )
        model.waiting.append(waiting)
        under_test.add(waiting)
    urgent = message(
        99, to="1@c.us", sessions=allowed, known_to=known_to, expires_at=NEVER, priority="urgent"
    )
    run = Run(under_test, model, urgent, START + arrives, cycle(takes), cycle(draws))
    while not run.is_over:
        run.step()


class Run:
    """What goes until the urgent message does, each attempt taking its time."""

    def __init__(
        self,
        under_test: Dispatch,
        model: Model,
        urgent: Message,
        arrives: float,
        takes: "cycle[float]",
        draws: "cycle[float]",
    ) -> None:
        self.under_test = under_test
        self.model = model
        self.urgent = urgent
        self.arrives = arrives
        self.takes = takes
        self.draws = draws
        self.now = START
        self.ends: list[tuple[float, Claim]] = []
        self.is_over = False

    def step(self) -> None:
        """Make one claim, or let the time pass to what comes next."""
        model, now, here = self.model, self.now, self.urgent in self.model.waiting
        if not here and now >= self.arrives:
            model.waiting.append(self.urgent)
            self.under_test.add(self.urgent)
            return
        name = model.session_for(self.urgent, now) if here and model.idle else None
        jitter, oldest = next(self.draws), model.oldest(now)
        turn = self.under_test.claim(now, jitter=jitter)
        if isinstance(turn, Claim):
            if name is not None:
                assert (turn.message, turn.session.name) == (self.urgent, name)
            self.is_over = turn.message is self.urgent
            model.take(turn, jitter, oldest)
            self.ends.append((now + next(self.takes), turn))
            return
        assert isinstance(turn, Wait)
        assert name is None
        following = min([turn.until, *(at for at, _ in self.ends)])
        if here and model.idle:
            for at in model.moments(now):
                assert at >= following or model.session_for(self.urgent, at) is None
        self._pass_time(following if here else min(following, self.arrives))

    def _pass_time(self, until: float) -> None:
        assert until < inf
        self.now = until
        for end in [end for end in self.ends if end[0] <= until]:
            self.ends.remove(end)
            self.model.claims.remove(end[1])
            self.model.note(end[1], Sent("3EB0"), until)
            self.under_test.finish(end[1], Sent("3EB0"), None, now=until, jitter=0.5)


def test_one_urgent_message_goes_before_ten_thousand_in_bulk() -> None:
    under_test = Dispatch(
        [Session(name, "http://waha") for name in NAMES],
        workers=50,
        retry_base=1.0,
        limits=Limits(Pace(rate=60, gap=(0.5, 3.0))),
    )
    for seq in range(1, 10_001):
        under_test.add(message(seq, to=f"{seq}@g.us", expires_at=NEVER, priority="bulk"))
    while isinstance(turn := under_test.claim(START, jitter=0.5), Claim):
        assert turn.message.priority == "bulk"
    assert isinstance(turn, Wait)
    under_test.add(message(10_001, expires_at=NEVER, priority="urgent"))
    assert under_test.claim(START, jitter=0.5) == turn  # no session may send anything yet
    first = under_test.claim(turn.until, jitter=0.5)
    assert isinstance(first, Claim)
    assert first.message.priority == "urgent"
