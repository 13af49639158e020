"""What comes of what people write: who is known since, and who gets no more messages."""

import itertools
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
import structlog
import trio
from trio.testing import MockClock

from tests.fake_list import FakeList, FakeWaiting
from tests.fakes import cancelled_at
from trio_wa.core.session import Session
from trio_wa.opt_outs import OptOuts
from trio_wa.ports import SessionStore, StoreUnavailable, Suppression
from trio_wa.window import Window
from trio_wa.writers import ASK_SECONDS, Writers

NOW = 1_795_489_115.25
NUMBER, LID = "6281234567890@c.us", "123456789012345@lid"
SESSION = Session("a", "http://waha")


class FakeNumbers:
    """A WAHA that knows whose an id is, and takes its time to say so."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self.seconds = 0.0
        self.asked: list[tuple[Session, str]] = []

    async def number_of(self, session: Session, lid: str) -> str | None:
        self.asked.append((session, lid))
        await trio.sleep(self.seconds)
        return self.known.get(lid)


class Bench:
    """Writers over a fake list, in front of a window that holds a place for what is queued."""

    def __init__(self, *, keywords: tuple[str, ...] = ("STOP", "BERHENTI")) -> None:
        self.list = FakeList()
        self.numbers = FakeNumbers()
        self.window = Window(capacity=10, max_backlog=10, max_scheduled=10)
        self.waiting = FakeWaiting(self.window)
        self.writers = Writers(
            cast("SessionStore", self.list),
            OptOuts(self.list, self.waiting),
            self.numbers,
            self.waiting,
            [SESSION],
            keywords,
        )

    def queue(self, chat_id: str, message_id: str, place: Any = "normal") -> None:
        assert self.window.reserve(place)
        self.list.queued.setdefault(chat_id, {})[message_id] = place

    async def write(self, text: str, *chat_ids: str) -> None:
        await self.writers.written_by("a", chat_ids or (NUMBER,), text, NOW)


async def test_who_wrote_is_recorded_and_told_to_the_dispatcher_under_each_name() -> None:
    bench = Bench()
    await bench.write("Hello", LID, NUMBER)
    assert bench.list.known == bench.waiting.learned == [("a", LID), ("a", NUMBER)]
    assert bench.list.listed == {}


async def test_who_wrote_and_could_not_be_recorded_is_told_to_nobody() -> None:
    bench = Bench()
    bench.list.refusals = 1
    with pytest.raises(StoreUnavailable):
        await bench.write("Hello")
    assert bench.waiting.learned == []


async def test_a_keyword_puts_its_writer_on_the_list_and_cancels_what_waits_for_them() -> None:
    bench = Bench()
    bench.queue(NUMBER, "now", "bulk")
    bench.queue(NUMBER, "later", "scheduled")
    bench.queue("1@c.us", "other", "bulk")
    await bench.write(" stop!")
    assert bench.list.listed == {NUMBER: Suppression(NUMBER, NOW, "STOP", "a")}
    assert bench.waiting.discarded == ["now", "later"]
    assert bench.window.places("bulk").taken == 1
    assert bench.window.places("scheduled").taken == 0
    assert bench.list.known == [("a", NUMBER)]


async def test_each_name_of_the_writer_is_on_the_list() -> None:
    bench = Bench()
    bench.queue(NUMBER, "m")
    bench.queue(LID, "l")
    await bench.write("Berhenti", LID, NUMBER)
    assert set(bench.list.listed) == {LID, NUMBER}
    assert bench.list.contacts == {LID: NUMBER}
    assert sorted(bench.waiting.discarded) == ["l", "m"]
    assert bench.window.backlog == 0


@pytest.mark.parametrize("text", ["stop it please", "", "Hello"])
async def test_anything_else_puts_nobody_on_the_list(text: str) -> None:
    bench = Bench()
    bench.queue(NUMBER, "m")
    await bench.write(text)
    assert bench.list.listed == {}
    assert (bench.waiting.discarded, bench.window.backlog) == ([], 1)


async def test_without_keywords_nobody_gets_on_the_list_by_a_message() -> None:
    bench = Bench(keywords=())
    await bench.write("STOP")
    assert bench.list.listed == {}
    assert bench.list.known == [("a", NUMBER)]


async def test_the_same_message_told_again_changes_nothing() -> None:
    bench = Bench()
    bench.queue(NUMBER, "m")
    with structlog.testing.capture_logs() as logs:
        await bench.write("STOP")
        await bench.writers.written_by("a", (NUMBER,), "STOP", NOW + 5)
    assert bench.list.listed[NUMBER].at == NOW
    assert (bench.waiting.discarded, bench.window.backlog) == (["m"], 0)
    assert [entry["event"] for entry in logs] == ["suppression.added"]


async def test_the_log_has_a_masked_number_and_no_text() -> None:
    bench = Bench()
    bench.queue(NUMBER, "m")
    with structlog.testing.capture_logs() as logs:
        await bench.write("Stop.", NUMBER)
    (entry,) = logs
    assert entry["number"] == "6281•••••890@c.us"
    assert (entry["session"], entry["cancelled"]) == ("a", 1)
    assert "Stop." not in str(entry)


async def test_a_wish_that_is_known_by_an_id_alone_is_kept_and_told() -> None:
    bench = Bench()
    with structlog.testing.capture_logs() as logs:
        await bench.write("STOP", LID)
        assert bench.list.contacts == {}
        await bench.write("STOP", LID)  # WAHA tells of it as message, and as message.any
    assert set(bench.list.listed) == {LID}
    (told,) = [entry for entry in logs if entry["event"] == "suppression.number_unknown"]
    assert (told["session"], told["lid"]) == ("a", "1234•••••345@lid")
    assert told["log_level"] == "warning"


async def test_a_wish_that_could_not_be_recorded_can_be_told_again() -> None:
    bench = Bench()
    bench.queue(NUMBER, "m")
    bench.list.refusals = 1
    with pytest.raises(StoreUnavailable):
        await bench.write("STOP", LID, NUMBER)
    assert (bench.list.listed, bench.window.backlog) == ({}, 1)
    await bench.write("STOP", LID, NUMBER)
    assert set(bench.list.listed) == {LID, NUMBER}
    assert bench.window.backlog == 0


async def test_waha_is_asked_whose_an_id_is() -> None:
    bench = Bench()
    bench.numbers.known[LID] = NUMBER
    assert await bench.writers.names_of("a", (LID,)) == (LID, NUMBER)
    assert bench.numbers.asked == [(SESSION, LID)]


@pytest.mark.parametrize("chat_ids", [(NUMBER,), (NUMBER, LID), (LID, NUMBER)])
async def test_waha_is_not_asked_where_the_number_is_known(chat_ids: tuple[str, ...]) -> None:
    bench = Bench()
    assert await bench.writers.names_of("a", chat_ids) == chat_ids
    assert bench.numbers.asked == []


async def test_what_waha_does_not_know_is_left_open() -> None:
    assert await Bench().writers.names_of("a", (LID,)) == (LID,)


async def test_a_waha_that_hangs_is_not_waited_for(autojump_clock: MockClock) -> None:
    bench = Bench()
    bench.numbers.known[LID] = NUMBER
    bench.numbers.seconds = 3600
    assert await bench.writers.names_of("a", (LID,)) == (LID,)
    assert trio.current_time() == ASK_SECONDS


async def test_a_record_that_is_cut_anywhere_and_what_follows_from_it_happen_or_neither() -> None:
    seen = set()
    for step in itertools.count(1):
        bench = Bench()
        bench.queue(NUMBER, "m")
        cut = await cancelled_at(step, write_stop(bench))
        listed = NUMBER in bench.list.listed
        assert bench.waiting.discarded == (["m"] if listed else [])
        assert bench.window.backlog == (0 if listed else 1)
        assert bench.waiting.learned == bench.list.known
        seen.add((listed, bool(bench.list.known)))
        if not cut:
            break
    assert seen == {(False, False), (True, False), (True, True)}


def write_stop(bench: Bench) -> Callable[[], Awaitable[None]]:
    return lambda: bench.write("STOP")
