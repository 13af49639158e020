"""Ids fetched ahead: a send seldom waits for one, and never fails for want of one."""

from collections import Counter

import pytest
import structlog
import trio
import trio.testing

from tests.fakes import FakeObserver
from trio_wa.core.message import Message
from trio_wa.core.outcome import Outcome, Unavailable
from trio_wa.core.session import Session
from trio_wa.message_ids import AHEAD, PATIENCE, PAUSE_SECONDS, REMEMBERED, MessageIds
from trio_wa.ports import Check, MessageId, NoMessageIds

A = Session("a", "http://waha")
B = Session("b", "http://waha")
FAILS = Unavailable("no_message_id", "no answer within 5 s", "message")


class Source:
    """A WAHA that gives ids, or `instead`; it is an observer and a sender at once."""

    def __init__(self, instead: MessageId | None = None, seconds: float = 0.0) -> None:
        self.instead = instead
        self.seconds = seconds
        self.given: Counter[str] = Counter()
        self.by_sender = 0
        self.observer = FakeObserver()
        self.observer.new_message_id = self._ask  # type: ignore[method-assign]  # it takes time

    async def _ask(self, session: Session) -> MessageId:
        await trio.sleep(self.seconds)
        self.given[session.name] += 1
        return self.instead or f"{session.name}{self.given[session.name]}"

    async def new_message_id(self, session: Session) -> MessageId:
        self.by_sender += 1
        return await self._ask(session)

    async def send(self, message: Message, session: Session) -> Outcome:
        raise NotImplementedError

    def cut(self) -> Outcome:
        raise NotImplementedError

    async def check_exists(self, session: Session, chat_id: str) -> Check:
        raise NotImplementedError


def ids_of(source: Source, *, enabled: bool = True) -> MessageIds:
    return MessageIds(source.observer, [A, B], enabled=enabled)


async def test_the_first_send_fetches_and_the_next_find_one_waiting(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    source = Source(seconds=0.1)
    ids = ids_of(source)
    nursery.start_soon(ids.run)
    assert ids.offered("a") is None
    taken = [await ids.take(A, source)]
    await trio.sleep(1)
    began = trio.current_time()
    for _ in range(AHEAD):
        taken.append(await ids.take(A, source))  # noqa: PERF401 - one after another
    assert trio.current_time() == began
    assert source.by_sender == 1
    assert len(set(taken)) == len(taken)
    assert ids.offered("a") is True
    assert source.given["b"] == 0


async def test_no_more_than_the_pool_holds_is_fetched_ahead(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    source = Source()
    ids = ids_of(source)
    nursery.start_soon(ids.run)
    for seconds in (0.0, 10.0, 3600.0):
        ids.renew("a")
        await trio.sleep(seconds)
    await trio.testing.wait_all_tasks_blocked()
    assert source.given["a"] == AHEAD


async def test_no_id_is_given_twice_however_many_take_at_once(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    source = Source(seconds=0.05)
    ids = ids_of(source)
    nursery.start_soon(ids.run)
    taken: list[MessageId] = []

    async def take() -> None:
        for _ in range(10):
            taken.append(await ids.take(A, source))  # noqa: PERF401 - one after another

    async with trio.open_nursery() as takers:
        for _ in range(50):
            takers.start_soon(take)
    assert len(set(taken)) == 500


async def test_a_waha_without_ids_is_asked_once_and_after_a_start_again(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    source = Source(NoMessageIds())
    ids = ids_of(source)
    nursery.start_soon(ids.run)
    for _ in range(20):
        assert await ids.take(A, source) == NoMessageIds()
        await trio.testing.wait_all_tasks_blocked()
    assert source.given["a"] <= 2  # the send's own, and the pool's beside it
    assert ids.offered("a") is False
    source.instead = None
    ids.renew("a")
    await trio.testing.wait_all_tasks_blocked()
    assert ids.offered("a") is True
    assert isinstance(await ids.take(A, source), str)


async def test_turned_off_nobody_is_asked(autojump_clock: trio.testing.MockClock) -> None:
    source = Source()
    ids = ids_of(source, enabled=False)
    with trio.move_on_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ids.run)
            ids.renew("a")
            await ids.seen("a")
            assert await ids.take(A, source) == NoMessageIds()
            await trio.sleep_forever()
    assert source.given["a"] == 0
    assert ids.offered("a") is False


async def test_after_failures_in_a_row_messages_go_without_for_a_minute(
    autojump_clock: trio.testing.MockClock,
) -> None:
    source = Source(FAILS)
    ids = ids_of(source)
    answers = [await ids.take(A, source) for _ in range(PATIENCE + 5)]
    assert answers[: PATIENCE - 1] == [FAILS] * (PATIENCE - 1)
    assert set(answers[PATIENCE - 1 :]) == {NoMessageIds()}
    assert source.by_sender == PATIENCE
    source.instead = None
    await trio.sleep(PAUSE_SECONDS)
    assert await ids.take(A, source) == f"a{PATIENCE + 1}"


async def test_a_success_between_failures_begins_the_count_anew(
    autojump_clock: trio.testing.MockClock,
) -> None:
    source = Source()
    ids = ids_of(source)
    for answer in [FAILS, FAILS, None] * 5:
        source.instead = answer
        assert await ids.take(A, source) != NoMessageIds()


async def test_a_session_that_does_not_work_does_not_make_ids_fail(
    autojump_clock: trio.testing.MockClock,
) -> None:
    down = Unavailable("session_not_working", "", "session", status="STOPPED")
    source = Source(down)
    ids = ids_of(source)
    assert [await ids.take(A, source) for _ in range(10)] == [down] * 10
    assert ids.offered("a") is None


async def test_one_session_that_fails_leaves_the_other_its_ids(
    autojump_clock: trio.testing.MockClock,
) -> None:
    source = Source(FAILS)
    ids = ids_of(source)
    for _ in range(PATIENCE):
        await ids.take(A, source)
    source.instead = None
    assert await ids.take(A, source) == NoMessageIds()
    assert await ids.take(B, source) == "b1"


async def test_an_id_that_a_cache_gives_again_goes_to_no_second_message(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    source = Source("kept", seconds=0.1)
    ids = ids_of(source)
    nursery.start_soon(ids.run)
    taken: list[MessageId] = []

    async def take() -> None:
        taken.append(await ids.take(A, source))

    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            async with trio.open_nursery() as takers:
                for _ in range(5):
                    takers.start_soon(take)
            await trio.sleep(2 * PAUSE_SECONDS)
    assert len(taken) == 15
    assert taken.count(NoMessageIds()) >= 14  # the first may have come ahead, and wait
    assert ids.offered("a") is False
    [entry] = logs
    assert (entry["event"], entry["log_level"]) == ("message_ids.repeated", "warning")
    assert (entry["session"], "cache" in entry["remedy"]) == ("a", True)
    source.instead = None
    assert await ids.take(A, source) == f"a{source.given['a']}"
    assert ids.offered("a") is True
    assert isinstance(await ids.take(B, source), str)


async def test_what_a_cache_kept_over_a_start_goes_to_no_message_at_all(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    source = Source("kept")
    ids = ids_of(source)
    nursery.start_soon(ids.run)
    ids.renew("a")
    await trio.testing.wait_all_tasks_blocked()
    assert await ids.take(A, source) == NoMessageIds()


async def test_a_repeat_is_told_again_after_the_next_start(
    autojump_clock: trio.testing.MockClock,
) -> None:
    source = Source("kept")
    ids = ids_of(source)
    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            ids.renew("a")
            for _ in range(3):
                await ids.take(A, source)
    assert [entry["event"] for entry in logs] == ["message_ids.repeated"] * 2


async def test_ids_are_not_known_for_ever(autojump_clock: trio.testing.MockClock) -> None:
    source = Source()
    ids = ids_of(source)
    for _ in range(REMEMBERED + 1):
        await ids.take(A, source)
    source.instead = "a1"
    assert await ids.take(A, source) == "a1"
    source.instead = "a3"
    assert await ids.take(A, source) == NoMessageIds()


async def test_whoever_waits_to_see_hears_as_soon_as_it_was_seen(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    source = Source(seconds=3.0)
    ids = ids_of(source)
    nursery.start_soon(ids.run)
    ids.renew("a")
    with trio.fail_after(60):
        await ids.seen("a")
    assert trio.current_time() == 3.0


@pytest.mark.parametrize("patience", [0.5, 2.0])
async def test_a_cut_take_leaves_the_pool_usable(
    patience: float, autojump_clock: trio.testing.MockClock
) -> None:
    source = Source(seconds=1.0)
    ids = ids_of(source)
    with trio.move_on_after(patience):
        await ids.take(A, source)
        await ids.take(A, source)
        await ids.take(A, source)
    source.seconds = 0.0
    assert isinstance(await ids.take(A, source), str)
