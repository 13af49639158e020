"""A pace, and numbers in trouble, as the dispatcher keeps them: in virtual time, with workers."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import trio
import trio.testing

from tests.core.messages import message
from tests.test_dispatcher import Line
from trio_wa.clock import Clock
from trio_wa.core.limits import Limits
from trio_wa.core.message import Message, Priority
from trio_wa.core.notice import BreakerClosed, BreakerOpened, GhostProbed, Timelocked
from trio_wa.core.outcome import Outcome, Sent, Unavailable, Unknown
from trio_wa.core.pace import Pace
from trio_wa.core.quiet_hours import QuietHours
from trio_wa.core.retry import Final
from trio_wa.core.session import Session
from trio_wa.core.status import Status
from trio_wa.core.turn import Waiting

HOUR = 3_600.0
ENGINE_ERROR = Unknown("engine_error", "the page crashed", answered=True)
TIMELOCK = Unavailable("timelock", "error 463", "contact")


def paced(*, names: str = "ab", **pace: int) -> Line:
    return Line(names=names, workers=50, limits=Limits(Pace(**pace)))


def note_begins(line: Line) -> dict[str, float]:
    """When each message begins, from now on."""
    begins: dict[str, float] = {}

    def answer(sent: Message, _session: Session) -> Outcome:
        begins[sent.id] = line.clock.now()
        return Sent()

    line.gateway.answer = answer
    return begins


def estimate(line: Line, seq: int, *, priority: Priority = "normal") -> float | None:
    """When a message that was accepted is said to begin, in seconds from now."""
    waiting = message(seq, to=f"{seq}@c.us", priority=priority)
    [at] = line.dispatcher.estimates([waiting])
    return None if at is None else at - line.clock.now()


@pytest.mark.parametrize("names", ["a", "abc"])
async def test_a_message_begins_when_it_was_said_to(
    names: str, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    line = paced(names=names, rate=60)
    begins = note_begins(line)
    nursery.start_soon(line.run)
    await trio.testing.wait_all_tasks_blocked()
    promised = {}
    for seq in range(1, 41):
        line.accept(seq)
        at_once = estimate(line, seq)
        await trio.testing.wait_all_tasks_blocked()
        assert estimate(line, seq) == at_once
        assert at_once is not None
        promised[f"m{seq}"] = line.clock.now() + at_once
    [*later] = line.dispatcher.estimates([message(seq) for seq in range(1, 41)])
    assert dict(zip(promised, later, strict=True)) == pytest.approx(promised, abs=1e-3)
    await trio.sleep(60)
    assert begins == pytest.approx(promised, abs=1e-3)


async def test_nothing_is_said_where_no_session_works(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    line = paced(names="ab", rate=60)
    nursery.start_soon(line.run)
    line.dispatcher.set_status("a", "FAILED")
    line.dispatcher.set_ghost("b", "out")
    line.accept(1)
    await trio.testing.wait_all_tasks_blocked()
    assert estimate(line, 1) is None
    assert line.dispatcher.earliest(message(2), new=True) is None
    assert line.dispatcher.earliest(message(2), new=False) is None


async def test_what_lies_only_in_the_store_is_ahead_too(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    line = Line(capacity=5, limits=Limits(Pace(rate=60)))
    nursery.start_soon(line.run)
    for seq in range(1, 21):
        line.accept(seq)
    await trio.testing.wait_all_tasks_blocked()  # the first is out, four wait in memory
    waits = [estimate(line, seq) for seq in range(1, 21)]
    assert waits == pytest.approx(range(20))
    for new in (False, True):
        at = line.dispatcher.earliest(message(21), new=new)
        assert at == pytest.approx(line.clock.now() + 20)
        urgent = line.dispatcher.earliest(message(21, priority="urgent"), new=new)
        assert urgent == pytest.approx(line.clock.now() + 1)
    assert line.window.reserve("normal")  # somebody else's, who is not recorded yet
    assert estimate(line, 20) == pytest.approx(19)
    bulk = line.dispatcher.earliest(message(21, priority="bulk"), new=False)
    assert bulk == pytest.approx(line.clock.now() + 21)


async def test_without_a_pace_there_is_none() -> None:
    assert not Line().dispatcher.paced
    assert paced(rate=60).dispatcher.paced


async def test_whether_a_recipient_is_known_is_asked_of_the_store_and_of_what_is_new_since(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    line = paced(names="ab", rate=60, new_contacts=60)
    nursery.start_soon(line.run)
    for seq in (1, 2, 3):
        line.accept(seq)
    await trio.testing.wait_all_tasks_blocked()  # two are out, over a session each
    line.dispatcher.learn_contact("b", "9@c.us")

    def wait(to: str, *, new: bool) -> float:
        at = line.dispatcher.earliest(message(10, to=to), new=new)
        assert at is not None
        return at - line.clock.now()

    assert wait("8@c.us", new=True) == pytest.approx(60)
    assert wait("8@c.us", new=False) == pytest.approx(1)
    assert wait("9@c.us", new=True) == pytest.approx(1)
    assert wait("9@g.us", new=True) == pytest.approx(1)


async def test_quiet_hours_put_off_what_is_said_to_begin_in_them(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    now = datetime.fromtimestamp(Clock().now(), UTC)
    start, end = ((now + timedelta(hours=hours)).time().replace(microsecond=0) for hours in (1, 9))
    line = Line(
        limits=Limits(Pace(rate=1)),
        quiet_hours=QuietHours(time(start.hour, start.minute), end, ZoneInfo("UTC")),
    )
    nursery.start_soon(line.run)
    for seq in range(1, 101):
        line.accept(seq, priority="bulk")
    await trio.testing.wait_all_tasks_blocked()
    assert estimate(line, 10, priority="bulk") == pytest.approx(9 * 60)
    assert estimate(line, 100, priority="bulk") == pytest.approx(99 * 60 + 8 * HOUR, abs=120)


async def test_who_writes_is_no_new_contact_from_that_moment(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    line = paced(names="a", new_contacts=1)
    nursery.start_soon(line.run)
    for seq in (1, 2, 3):
        line.accept(seq)
    await trio.sleep(60)
    assert line.settled == ["m1"]
    waiting = line.dispatcher.waiting("m3")
    assert waiting == Waiting("pace", pytest.approx(line.clock.now() - 60 + HOUR))
    line.dispatcher.learn_contact("a", "3@c.us")
    await trio.testing.wait_all_tasks_blocked()
    assert line.settled == ["m1", "m3"]
    line.dispatcher.learn_contact("a", "nobody@c.us")
    await trio.sleep(HOUR - 70)
    assert line.settled == ["m1", "m3"]
    await trio.sleep(20)
    assert line.settled == ["m1", "m3", "m2"]


async def test_a_time_lock_holds_new_contacts_alone_until_it_ends(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    line = Line()
    line.gateway.answer = lambda sent, _session: TIMELOCK if sent.chat_id == "9@c.us" else Sent()
    nursery.start_soon(line.run)
    line.dispatcher.learn_contact("a", "1@c.us")
    line.accept(9)
    await trio.testing.wait_all_tasks_blocked()
    until = line.clock.now() + 6 * HOUR
    assert line.noticed == [("a", Timelocked(pytest.approx(until)))]
    line.gateway.answer = lambda _sent, _session: Sent()
    line.accept(1)
    line.accept(2)
    await trio.sleep(600)
    assert line.settled == ["m9", "m1"]
    for name in ("m9", "m2"):
        assert line.dispatcher.waiting(name) == Waiting("timelock", pytest.approx(until))
    assert line.dispatcher.obstacles() == {}
    line.dispatcher.set_locked("a", line.clock.now() + 60)  # WAHA told of another end
    await trio.sleep(59)
    assert line.settled == ["m9", "m1"]
    await trio.sleep(2)
    assert sorted(line.settled[2:]) == ["m2", "m9"]
    assert len(line.noticed) == 1


async def test_a_lock_that_is_taken_off_frees_its_line_at_once(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    line = Line()
    nursery.start_soon(line.run)
    line.dispatcher.set_locked("a", line.clock.now() + HOUR)
    line.accept(1)
    await trio.sleep(60)
    assert line.settled == []
    line.dispatcher.set_locked("a", 0.0)
    await trio.testing.wait_all_tasks_blocked()
    assert line.settled == ["m1"]


async def test_what_a_locked_session_may_not_write_another_writes(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    line = Line(names="ab")
    line.gateway.answer = lambda _sent, session: TIMELOCK if session.name == "a" else Sent()
    nursery.start_soon(line.run)
    for seq in range(1, 11):
        line.accept(seq)
    await trio.sleep(60)
    over_a = [name for name, session in line.gateway.written if session == "a"]
    over_b = {name for name, session in line.gateway.written if session == "b"}
    assert over_b == {f"m{seq}" for seq in range(1, 11)}
    assert 1 <= len(over_a) <= 3  # what the workers had in hand at that instant


async def test_a_ghost_gets_nothing_and_on_trial_one_message_at_a_time(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    line = Line()
    nursery.start_soon(line.run)
    line.dispatcher.set_ghost("a", "out")
    for seq in range(1, 6):
        line.accept(seq)
    await trio.sleep(600)
    assert line.settled == []
    assert line.dispatcher.obstacles() == {"a": "ghost"}
    line.gateway.answer = lambda _sent, _session: Unavailable("session_not_working", "", "session")
    line.dispatcher.set_ghost("a", "probe")
    await trio.sleep(2)  # what certainly was not sent is no probe, and the next may pass
    line.gateway.answer = lambda _sent, _session: Sent("3EB0")
    await trio.sleep(600)
    sent = [outcome for _, outcome, _ in line.store.settles if outcome == Sent("3EB0")]
    assert len(sent) == 1
    assert [notice for _, notice in line.noticed][-1] == GhostProbed("3EB0")
    line.dispatcher.set_ghost("a", None)
    await trio.testing.wait_all_tasks_blocked()
    assert {name for name, outcome, _ in line.store.settles if outcome == Sent("3EB0")} == {
        f"m{seq}" for seq in range(1, 6)
    }


async def test_a_probe_that_may_have_been_sent_leaves_the_ghost_out(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    line = Line()
    line.gateway.answer = lambda _sent, _session: Unknown("timeout", "silence")
    nursery.start_soon(line.run)
    line.dispatcher.set_ghost("a", "probe")
    for seq in range(1, 6):
        line.accept(seq)
    await trio.sleep(600)
    assert len(line.settled) == 1
    assert ("a", GhostProbed(None)) in line.noticed


async def test_five_engine_errors_open_the_breaker_and_a_success_closes_it(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    line = Line(workers=1)
    line.gateway.answer = lambda _sent, _session: ENGINE_ERROR
    nursery.start_soon(line.run)
    for seq in range(1, 31):
        line.accept(seq)
    await trio.sleep(14)  # the first probe waits for 15 seconds at least
    assert line.settled == [f"m{seq}" for seq in range(1, 6)]
    [(_, opened)] = line.noticed
    assert isinstance(opened, BreakerOpened)
    assert not opened.probe
    assert 1 <= opened.until - line.clock.now() <= 16
    assert line.dispatcher.obstacles() == {"a": "breaker_open"}
    assert line.dispatcher.waiting("m6") == Waiting("session", pytest.approx(opened.until))
    line.noticed.clear()
    await trio.sleep(16.1)
    assert len(line.settled) == 6  # one probe
    [(_, failed)] = line.noticed
    assert isinstance(failed, BreakerOpened)
    assert failed.probe
    assert failed.until - line.clock.now() > 13  # a longer wait
    line.noticed.clear()
    line.gateway.answer = lambda _sent, _session: Sent()
    await trio.sleep(61)
    assert line.noticed == [("a", BreakerClosed())]
    assert line.dispatcher.obstacles() == {}
    assert len(line.settled) == 30


@pytest.mark.parametrize(
    "outcome",
    [
        Unavailable("throttled", "", "message"),
        Unknown("connection_lost", ""),
        Unknown("interrupted", ""),
    ],
)
async def test_what_says_nothing_of_the_engine_opens_no_breaker(
    outcome: Outcome, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    line = Line(workers=1)
    line.gateway.answer = lambda _sent, _session: outcome
    nursery.start_soon(line.run)
    for seq in range(1, 31):
        line.accept(seq)
    await trio.sleep(600)
    assert not [notice for _, notice in line.noticed if isinstance(notice, BreakerOpened)]


async def test_while_one_breaker_is_open_the_other_session_takes_all(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    line = Line(names="ab", workers=4)
    line.gateway.answer = lambda _sent, session: ENGINE_ERROR if session.name == "a" else Sent()
    nursery.start_soon(line.run)
    for seq in range(1, 101):
        line.accept(seq)
    await trio.sleep(10)
    over_a = [name for name, session in line.gateway.written if session == "a"]
    assert 5 <= len(over_a) <= 8  # and what was under way
    assert len(line.settled) == 100


CHANGES: list[Callable[[Line], None]] = [
    lambda line: line.dispatcher.set_ghost("a", None),
    lambda line: line.dispatcher.set_locked("a", 0.0),
    lambda line: line.dispatcher.learn_contact("a", "1@c.us"),
    lambda line: line.dispatcher.set_status("a", "WORKING"),
]


@pytest.mark.parametrize("change", CHANGES)
async def test_no_change_of_a_session_needs_a_dispatcher_that_runs(
    change: Callable[[Line], None],
) -> None:
    line = Line()
    change(line)
    line.accept(1)
    line.window.close()
    await line.run()
    assert line.settled == ["m1"]


@pytest.mark.parametrize("status", [Status.SENT, Status.DELIVERED, Status.UNKNOWN])
async def test_who_was_written_to_as_a_look_up_shows_is_no_new_contact(
    status: Status, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    line = paced(names="a", new_contacts=1)
    line.gateway.answer = lambda _message, _session: Unknown("timeout", "silence")
    line.inquiries.tells, line.addressing._ids = True, ["3EB0"]
    nursery.start_soon(line.run)
    line.accept(1, to="1@c.us")
    line.accept(2, to="1@c.us")
    await trio.sleep(60)
    begins = note_begins(line)
    line.dispatcher.released(line.inquiries.opened.pop().message, Final(status))
    await trio.sleep(60)
    assert list(begins) == ([] if status is Status.UNKNOWN else ["m2"])


def seconds_until(line: Line, each: Message) -> float:
    """How long a message that is to come waits at least, to whoever it is known."""
    at = line.dispatcher.earliest(each, new=False)
    assert at is not None
    return at - line.clock.now()


async def test_what_is_on_its_way_in_goes_before_nobody_yet(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """Only its record tells to whom it is new, and it may be for another session."""
    line = paced(rate=60, new_contacts=10)
    nursery.start_soon(line.run)
    for _ in range(100):
        assert line.window.reserve("normal")
    assert seconds_until(line, message(200, to="200@c.us", sessions=("b",))) == 0.0


async def test_what_lies_only_in_a_higher_lane_of_the_store_passes_a_message_20_times(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    line = Line(names="a", workers=50, capacity=50, limits=Limits(Pace(rate=60)))
    nursery.start_soon(line.run)
    for seq in range(1, 501):
        line.accept(seq, priority="urgent")
    await trio.testing.wait_all_tasks_blocked()
    said = seconds_until(line, message(900, to="900@c.us"))
    begins, start = note_begins(line), line.clock.now()
    line.accept(900)
    await trio.sleep(40)
    assert 10 < said <= begins["m900"] - start < 25


async def test_an_estimate_sees_a_session_that_came_back_while_all_workers_are_busy(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    line = Line(names="ab", workers=1, sticky=True, limits=Limits(Pace(rate=60)))
    line.gateway.seconds = 3_600.0
    line.dispatcher.set_status("a", "STOPPED")
    for seq in range(1, 100):
        line.accept(seq)
    nursery.start_soon(line.run)
    await trio.sleep(10)
    over_b = seconds_until(line, message(900, to="900@c.us"))
    line.dispatcher.set_status("a", "WORKING")
    assert seconds_until(line, message(900, to="900@c.us")) < over_b - 20
