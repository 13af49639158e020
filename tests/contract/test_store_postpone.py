"""What was not even begun: something stood in its way."""

from dataclasses import replace

import pytest

from tests.contract.messages import NOW, accept, begun, record_of
from trio_wa.core.message import Message
from trio_wa.core.outcome import Unavailable
from trio_wa.core.retry import Requeue
from trio_wa.core.status import Status
from trio_wa.ports import Attempt, Event, Store

AWAY = Attempt("one", NOW + 1, NOW + 2, Unavailable("unreachable", "refused", "origin"))


def again(message: Message) -> Requeue:
    waits = replace(message, due_at=NOW + 9, deferrals=3, attempts=1)
    return Requeue(waits, "unreachable", "refused")


async def test_it_stays_queued_says_why_and_waits(store: Store) -> None:
    message = await accept(store, "m")
    assert await store.postpone(message, AWAY, again(message))
    record = await record_of(store, "m")
    assert (record.status, record.due_at) == (Status.QUEUED, NOW + 9)
    assert (record.code, record.detail) == ("unreachable", "refused")
    assert (record.session, record.waha_id) == (None, None)
    assert record.events[-1] == Event(
        NOW + 2, Status.QUEUED, "one", "unreachable", "refused", NOW + 1
    )
    assert await store.queued("normal", 0, 10) == [again(message).message]
    assert await store.open_attempts() == []
    assert await store.histories(NOW + 9) == {}
    assert await store.begin(message, "two", NOW + 10)


async def test_it_keeps_the_id_and_the_session_of_an_attempt_of_before(store: Store) -> None:
    message = await begun(store, "m", "3EB0A", session="two")
    unsent = Unavailable("throttled", "busy", "origin")
    requeued = Requeue(replace(message, due_at=NOW + 5), "throttled", "busy")
    await store.settle(message, Attempt("two", NOW + 1, NOW + 2, unsent), requeued)
    [queued] = await store.queued("normal", 0, 10)
    assert await store.postpone(queued, AWAY, again(queued))
    [later] = await store.queued("normal", 0, 10)
    assert (later.waha_id, later.prefer, later.due_at) == ("3EB0A", "two", NOW + 9)


@pytest.mark.parametrize("how", ["cancelled", "begun", "unknown"])
async def test_what_is_not_queued_is_left_alone(store: Store, how: str) -> None:
    message = await accept(store, "m")
    if how == "cancelled":
        assert await store.cancel("m", NOW)
    elif how == "begun":
        assert await store.begin(message, "two", NOW)
    else:
        message = replace(message, id="nobody")
    before = await store.get("m")
    assert not await store.postpone(message, AWAY, again(message))
    assert await store.get("m") == before
