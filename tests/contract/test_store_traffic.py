"""What every store keeps of what each session sent, for its pace."""

from dataclasses import replace

import pytest
import trio

from tests.contract.messages import NOW, accept, inquire, receive
from trio_wa.core.outcome import Outcome, Rejected, Sent, Unavailable, Unknown
from trio_wa.core.pace import DAY, History
from trio_wa.core.retry import Decision, Final, Inquire, Requeue
from trio_wa.core.status import Status
from trio_wa.ports import Attempt, SessionMemory, Store

MINUTE = 60.0 * (NOW // 60)
"""The beginning of a minute."""

GROUP = "120363025246125888@g.us"
SENT = Final(Status.SENT)
TIMEOUT = Unknown("timeout", "?")


async def send(
    store: Store,
    began_at: float,
    *,
    to: str = "1@c.us",
    session: str = "one",
    outcome: Outcome = Sent("3EB0A"),  # noqa: B008 - it is a value
    decision: Decision | None = SENT,
) -> None:
    """Lead a message of its own through one attempt; without a decision it goes back."""
    message = await accept(store, f"m{(await store.ledger()).accepted}", chat_id=to)
    assert await store.begin(message, session, began_at)
    attempt = Attempt(session, began_at, began_at + 5, outcome)
    await store.settle(message, attempt, decision or Requeue(message, "again", "?"))


def last_new_at(sent: History) -> float | None:
    """When a session last wrote to a new contact."""
    return max((at for at, _ in sent.new), default=None)


async def history(store: Store, now: float, session: str = "one") -> History:
    return (await store.histories(now))[session]


async def test_a_session_that_sent_nothing_has_no_history(store: Store) -> None:
    assert await store.histories(NOW) == {}
    message = await accept(store, "a")
    assert await store.begin(message, "one", NOW)
    assert await store.histories(NOW + 1) == {}, "how it ends is not known yet"


@pytest.mark.parametrize(
    ("outcome", "decision", "counts"),
    [
        (Sent("3EB0A"), SENT, True),
        (Sent(None), SENT, True),
        (TIMEOUT, Final(Status.UNKNOWN, "timeout", "?"), True),
        (TIMEOUT, Inquire("timeout", "?"), True),
        (TIMEOUT, None, True),
        (Rejected("rejected", "no"), Final(Status.FAILED, "rejected", "no"), False),
        (Unavailable("down", "?", "session"), None, False),
        (Unavailable("down", "?", "origin"), Final(Status.FAILED, "down", "?"), False),
        (Unavailable("463", "?", "contact"), Final(Status.EXPIRED, "463", "?"), False),
    ],
    ids=repr,
)
async def test_what_was_sent_or_may_have_been_counts(
    store: Store, outcome: Outcome, decision: Decision | None, *, counts: bool
) -> None:
    await send(store, NOW, outcome=outcome, decision=decision)
    found = await store.histories(NOW + 99)
    assert found == ({"one": History(((NOW, 1),), NOW, ((NOW, 1),))} if counts else {})


async def test_an_attempt_that_an_ack_overtook_counts_once(store: Store) -> None:
    message = replace(await accept(store, "a"), waha_id="3EB0A")
    assert await store.begin(message, "one", NOW)
    await receive(store, "3EB0A", 3, session="one")
    await inquire(store, message, at=NOW + 1, session="one")
    await receive(store, "3EB0A", 4, session="one")
    assert await history(store, NOW + 9) == History(((NOW, 1),), NOW, ((NOW, 1),))


async def test_what_a_look_up_finds_out_counts_no_second_time(store: Store) -> None:
    message = await accept(store, "a")
    assert await store.begin(message, "one", NOW)
    await inquire(store, message, at=NOW + 1, session="one")
    assert await store.resolve(message, "one", NOW + 9, SENT)
    assert (await history(store, NOW + 9)).begun == ((NOW, 1),)


async def test_every_attempt_of_a_message_counts_by_its_own_begin(store: Store) -> None:
    message = await accept(store, "a")
    for n, session in enumerate(["one", "two", "one"]):
        at = MINUTE + 60 * n
        assert await store.begin(message, session, at)
        attempt = Attempt(session, at, at + 5, TIMEOUT)
        await store.settle(message, attempt, Requeue(message, "timeout", "?"))
    assert (await history(store, NOW + 999)).begun == ((MINUTE, 1), (MINUTE + 120, 1))
    assert (await history(store, NOW + 999, "two")).begun == ((MINUTE + 60, 1),)


async def test_begins_of_a_minute_are_given_as_one_at_the_latest_of_them(store: Store) -> None:
    for seconds in (5, 59.5, 0, 30):
        await send(store, MINUTE + seconds)
    assert (await history(store, MINUTE + 99)).first_at == MINUTE
    for seconds in (60, -0.5):
        await send(store, MINUTE + seconds)
    found = await history(store, MINUTE + 99)
    assert found.begun == ((MINUTE - 0.5, 1), (MINUTE + 59.5, 4), (MINUTE + 60, 1))
    assert found.first_at == MINUTE - 0.5


async def test_no_begin_is_lost_nor_taken_for_an_earlier_one(store: Store) -> None:
    """Many attempts end at once, in no order."""
    times = [MINUTE + 7 * n for n in range(60)]
    async with trio.open_nursery() as nursery:
        for n in range(len(times)):
            message = await accept(store, f"m{n}")
            at = times[n * 7 % len(times)]
            assert await store.begin(message, "one", at)
            nursery.start_soon(store.settle, message, Attempt("one", at, NOW, Sent("3EB0A")), SENT)
    begun = (await history(store, MINUTE + 999)).begun
    counted = [at for at, number in begun for _ in range(number)]
    assert all(at <= taken < at + 60 for at, taken in zip(times, counted, strict=True))


async def test_a_history_holds_the_last_24_hours_and_what_a_clock_that_ran_ahead_left(
    store: Store,
) -> None:
    now = MINUTE + 2 * DAY
    for at in (MINUTE, now - DAY, now - DAY + 60, now + 7200):
        await send(store, at)
    found = await history(store, now)
    assert found.begun == ((now - DAY + 60, 1), (now + 7200, 1))
    assert found.first_at == MINUTE
    later = await history(store, now + 9 * DAY)
    assert (later.begun, later.first_at) == ((), MINUTE)


async def test_a_history_outlives_the_messages(store: Store) -> None:
    for n in range(3):
        await send(store, MINUTE + n)
    before = await store.histories(MINUTE + 9)
    assert await store.purge(NOW + 999, 10) == 3
    assert await store.histories(MINUTE + 9) == before


async def test_only_the_first_message_to_a_person_opens_a_contact(store: Store) -> None:
    await send(store, MINUTE)
    await send(store, MINUTE + 60)
    assert last_new_at(await history(store, NOW)) == MINUTE, "it was known"
    await send(store, MINUTE + 61, to=GROUP)
    await send(store, MINUTE + 62, to="1@newsletter")
    assert last_new_at(await history(store, NOW)) == MINUTE, "a group is no stranger"
    failed = Final(Status.FAILED, "no", "no")
    await send(store, MINUTE + 63, to="2@c.us", outcome=Rejected("no", "no"), decision=failed)
    assert last_new_at(await history(store, NOW)) == MINUTE, "it was not sent"
    for n, person in enumerate(["2@c.us", "3@s.whatsapp.net", "4@lid"]):
        await send(store, MINUTE + 120 + n, to=person)
        assert last_new_at(await history(store, NOW)) == MINUTE + 120 + n


async def test_a_contact_that_was_told_of_is_not_new(store: Store) -> None:
    await store.remember_recipient("one", "1@c.us")
    await send(store, MINUTE)
    assert last_new_at(await history(store, NOW)) is None
    await send(store, MINUTE, session="two")
    assert last_new_at(await history(store, NOW, "two")) == MINUTE, "each session has its own"


async def test_of_two_messages_that_wait_for_a_stranger_the_first_opens_the_contact(
    store: Store,
) -> None:
    messages = [await accept(store, name, chat_id="1@c.us") for name in ("a", "b")]
    for message, at in zip(messages, (MINUTE, MINUTE + 60), strict=True):
        assert message.known_to == ()
        assert await store.begin(message, "one", at)
        await store.settle(message, Attempt("one", at, at + 1, Sent("3EB0A")), SENT)
    assert last_new_at(await history(store, NOW)) == MINUTE


async def test_what_may_have_reached_a_stranger_counts_as_new(store: Store) -> None:
    await send(store, MINUTE, outcome=TIMEOUT, decision=Final(Status.UNKNOWN, "timeout", "?"))
    assert last_new_at(await history(store, NOW)) == MINUTE
    await send(store, MINUTE + 60)
    assert last_new_at(await history(store, NOW)) == MINUTE + 60, "nothing was known of it"


async def test_the_latest_new_contact_of_a_minute_counts_in_whatever_order_they_end(
    store: Store,
) -> None:
    for n, seconds in enumerate((5, 50, 20)):
        await send(store, MINUTE + seconds, to=f"{n}@c.us")
    await send(store, MINUTE + 59, to="0@c.us")
    found = await history(store, NOW)
    assert (last_new_at(found), found.begun) == (MINUTE + 50, ((MINUTE + 59, 4),))
    assert found.new == ((MINUTE + 50, 3),)


async def test_old_begins_are_forgotten_in_chunks_and_the_first_of_each_session_stays(
    store: Store,
) -> None:
    for n in range(5):
        await send(store, MINUTE + 60 * n)
        await send(store, MINUTE + 60 * n + 30, session="two")
    before = MINUTE + 60 * 4
    counts = [await store.forget_histories(before, 4) for _ in range(3)]
    assert counts == [4, 2, 0]
    for session, seconds in (("one", 0), ("two", 30)):
        found = await history(store, MINUTE + DAY - 1, session)
        assert found.first_at == MINUTE + seconds
        assert found.begun[-1] == (MINUTE + 240 + seconds, 1)
    later = await history(store, MINUTE + DAY + 120)
    assert later == History(((MINUTE + 240, 1),), MINUTE, later.new)
    assert await store.forget_histories(MINUTE + 9 * DAY, 4) == 2
    assert (await history(store, MINUTE + 9 * DAY)).first_at == MINUTE


async def test_a_memory_of_a_session_has_its_ghost_and_its_time_lock(store: Store) -> None:
    ghost = SessionMemory(ghost=True, acked_at=NOW, rate=20)
    locked = SessionMemory(paused=True, proven=True, locked_until=NOW + 3600.5)
    await store.remember_session("one", ghost)
    await store.remember_session("two", locked)
    assert await store.session_memories() == {"one": ghost, "two": locked}
    await store.remember_session("one", locked)
    await store.remember_session("two", SessionMemory())
    assert await store.session_memories() == {"one": locked, "two": SessionMemory()}


async def test_a_record_says_its_place_in_the_queue(store: Store) -> None:
    first = await accept(store, "a")
    second = await accept(store, "b")
    for message in (first, second):
        record = await store.get(message.id)
        assert record is not None
        assert record.seq == message.seq
    assert await store.cancel("b", NOW)
    await send(store, NOW)
    assert await store.expire(first, NOW)
    assert await store.retry("a", NOW, NOW + 99)
    record = await store.get("a")
    [queued] = await store.queued("normal", 0, 10)
    assert record is not None
    assert record.seq == queued.seq > second.seq
