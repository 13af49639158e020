"""How far look-ups are believed, and how that is proven."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
import trio.testing

from tests.contract.messages import accept, finish, status_of
from tests.fakes import FailingStore, FakeObserver
from trio_wa.adapters.memory_store import MemoryStore
from trio_wa.clock import Clock
from trio_wa.core.session import Session
from trio_wa.core.status import Status
from trio_wa.look_ups import PROOF_AGAIN_SECONDS, PROOF_SECONDS, LookUps
from trio_wa.ports import Finding, Found, Missing, SessionMemory, StoreUnavailable, Unreadable

REFUSED = Unreadable("the store is off", refused=True)
SOON, LATE = PROOF_SECONDS


@dataclass
class FakePool:
    """Sessions that work, or all do not; proofs are refused so often at first."""

    working: bool = True
    refusals: int = 0
    proven_: list[str] = field(default_factory=list)

    def works(self, session: str) -> bool:
        return self.working

    async def proven(self, session: str) -> None:
        await trio.lowlevel.checkpoint()
        if self.refusals:
            self.refusals -= 1
            raise StoreUnavailable("full")
        self.proven_.append(session)


class Bench:
    """Look-ups over one session."""

    def __init__(self, memory: SessionMemory | None = None, **failures: int) -> None:
        self.store = MemoryStore(lambda _message: None)
        self.pool = FakePool()
        self.observer = FakeObserver(finding=lambda waha_id: self.findings.get(waha_id, Missing()))
        self.findings: dict[str, Finding] = {}
        failing: Any = FailingStore(self.store, **failures)
        sessions = {Session("a", "http://waha"): memory or SessionMemory()}
        self.look_ups = LookUps(failing, self.observer, self.pool, Clock(), sessions)

    @property
    def look_ups_work(self) -> bool | None:
        return self.look_ups.trust("a").look_ups

    @property
    def looked_for(self) -> list[str]:
        return [waha_id for name, waha_id in self.observer.asked if name == "look_up"]


async def test_what_was_sent_under_its_id_is_looked_up_and_proves_it(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.look_ups.run)
    bench.findings["1"] = Found(0)
    bench.look_ups.sent("a", "1", "1")
    await trio.sleep(SOON + 1)
    assert bench.look_ups.trust("a").proven
    assert bench.pool.proven_ == ["a"]
    bench.look_ups.sent("a", "2", "2")
    await trio.sleep(3600)
    assert bench.looked_for == ["1"]  # a proof is enough


async def test_what_waha_stores_slowly_is_looked_up_a_second_time(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.look_ups.run)
    bench.look_ups.sent("a", "1", "1")
    await trio.sleep(SOON + 1)
    assert bench.look_ups_work is None
    bench.findings["1"] = Found(0)
    await trio.sleep(LATE)
    assert bench.look_ups_work is True


async def test_of_a_stream_of_sends_none_is_looked_up_before_its_time(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """WAHA may need a moment to store what it sent."""
    bench = Bench()
    nursery.start_soon(bench.look_ups.run)
    sent: dict[str, float] = {}
    ages = []

    def look(waha_id: str) -> Finding:
        ages.append(trio.current_time() - sent[waha_id])
        return Found(0) if ages[-1] >= 1.5 else Missing()

    bench.observer.finding = look
    for n in range(300):
        sent[f"{n}"] = trio.current_time()
        bench.look_ups.sent("a", f"{n}", f"{n}")
        await trio.sleep(0.1)
    assert min(ages) >= SOON
    assert bench.look_ups_work is True


@pytest.mark.parametrize("finding", [Missing(), REFUSED])
async def test_look_ups_that_do_not_find_what_was_sent_are_useless_for_a_while(
    finding: Finding, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.look_ups.run)
    bench.findings["1"] = finding
    bench.look_ups.sent("a", "1", "1")
    await trio.sleep(SOON + LATE + 1)
    assert bench.look_ups_work is False
    assert await bench.look_ups.find("a", "7") == Unreadable(
        "look-ups tell nothing of this message", refused=True
    )
    bench.look_ups.sent("a", "2", "2")
    await trio.sleep(PROOF_AGAIN_SECONDS - 2)
    assert bench.looked_for == ["1", "1"]
    await trio.sleep(3)
    bench.findings["3"] = Found(0)
    bench.look_ups.sent("a", "3", "3")
    await trio.sleep(SOON + 1)
    assert bench.look_ups_work is True


async def test_a_session_that_starts_anew_is_tried_at_once_with_what_is_sent_next(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.look_ups.run)
    bench.look_ups.sent("a", "1", "1")
    await trio.sleep(SOON + LATE + 1)
    bench.look_ups.sent("a", "2", "2")  # too early for the next proof
    await trio.sleep(1)
    bench.findings["2"] = Found(0)
    bench.look_ups.renew("a")
    assert bench.look_ups.trust("a").may_tell
    await trio.sleep(SOON + 1)
    assert bench.look_ups_work is True


async def test_a_proof_that_a_new_start_crossed_does_not_count(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.look_ups.run)
    bench.look_ups.sent("a", "1", "1")
    await trio.sleep(SOON + 1)
    bench.look_ups.renew("a")  # a WAHA that forgets at its start what it sent before
    await trio.sleep(LATE)
    assert bench.look_ups_work is None
    bench.findings["2"] = Found(0)
    bench.look_ups.sent("a", "2", "2")
    await trio.sleep(2 * (SOON + LATE))
    assert bench.look_ups_work is True


async def test_a_find_amid_a_proof_is_not_taken_back_by_it(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.look_ups.run)
    bench.look_ups.sent("a", "1", "1")
    await trio.sleep(SOON + 1)
    bench.findings["other"] = Found(1)
    assert await bench.look_ups.find("a", "other") == Found(1)
    await trio.sleep(LATE)
    assert bench.look_ups.trust("a").proven
    assert bench.pool.proven_ == ["a"]


async def test_an_id_that_came_back_otherwise_is_not_looked_for(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.look_ups.run)
    bench.look_ups.sent("a", "1", "WAHA's own")
    await trio.sleep(3600)
    assert bench.looked_for == []
    assert isinstance(await bench.look_ups.find("a", "1"), Unreadable)


async def test_without_an_id_nothing_is_asked() -> None:
    bench = Bench()
    assert isinstance(await bench.look_ups.find("a", None), Unreadable)
    assert bench.looked_for == []


async def test_what_is_found_under_the_id_that_was_chosen_proves_both(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    nursery.start_soon(bench.look_ups.run)
    bench.findings["1"] = Found(0)
    assert await bench.look_ups.find("a", "2") == Missing()
    assert not bench.look_ups.trust("a").proven
    assert await bench.look_ups.find("a", "1") == Found(0)
    assert bench.look_ups.trust("a").proven
    await trio.sleep(1)
    assert bench.pool.proven_ == ["a"], "which outlives a restart"


async def test_a_session_that_does_not_work_is_not_asked_and_loses_no_trust() -> None:
    bench = Bench()
    bench.pool.working = False
    finding = await bench.look_ups.find("a", "1")
    assert finding == Unreadable("the session does not work")
    assert bench.looked_for == []
    assert bench.look_ups_work is None


async def test_a_session_of_before_is_never_believed_nor_asked() -> None:
    bench = Bench()
    assert not bench.look_ups.trust("gone").may_tell
    finding = await bench.look_ups.find("gone", "1")
    assert isinstance(finding, Unreadable)
    assert finding.refused
    assert bench.looked_for == []


async def test_a_refusal_ends_all_trust_unless_look_ups_were_seen_to_work() -> None:
    bench = Bench()
    bench.findings["1"] = REFUSED
    assert await bench.look_ups.find("a", "1") == REFUSED
    assert bench.look_ups_work is False
    bench = Bench()
    bench.look_ups.trust("a").look_ups = True
    bench.findings["1"] = REFUSED
    assert await bench.look_ups.find("a", "1") == REFUSED
    assert bench.look_ups_work is True


async def test_what_was_sent_before_the_start_and_is_missing_says_nothing(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(SessionMemory(proven=True))
    await finish(bench.store, await accept(bench.store, "1"), Status.SENT, session="a")
    nursery.start_soon(bench.look_ups.run)
    bench.look_ups.renew("a")
    await trio.sleep(2 * (SOON + LATE) + 1)
    assert "3EB01" in bench.looked_for
    assert bench.look_ups_work is None
    bench.findings["2"] = Found(0)
    bench.look_ups.sent("a", "2", "2")
    await trio.sleep(SOON + 1)
    assert bench.look_ups_work is True


async def test_what_was_sent_before_the_start_proves_it_too(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(SessionMemory(proven=True))
    await finish(bench.store, await accept(bench.store, "1"), Status.SENT, session="a")
    assert await status_of(bench.store, "1") is Status.SENT
    bench.findings["3EB01"] = Found(1)
    nursery.start_soon(bench.look_ups.run)
    await trio.sleep(SOON + 1)
    assert bench.look_ups.trust("a").proven


@pytest.mark.parametrize("failure", ["find", "proven"])
async def test_a_store_that_fails_ends_nothing(
    failure: str, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(find=1 if failure == "find" else 0)
    bench.pool.refusals = 3 if failure == "proven" else 0
    nursery.start_soon(bench.look_ups.run)
    bench.findings["1"] = Found(0)
    bench.look_ups.sent("a", "1", "1")
    await trio.sleep(SOON + 5)
    assert bench.look_ups.trust("a").proven
    assert bench.pool.proven_ == ["a"]


async def test_a_find_does_not_wait_for_a_store_that_fails(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Bench()
    bench.pool.refusals = 100
    bench.look_ups.sent("a", "1", "1")
    bench.findings["2"] = Found(2)
    assert await bench.look_ups.find("a", "2") == Found(2)
    assert trio.current_time() == 0
