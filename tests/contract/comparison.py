"""All that can be seen of a store, compared with the model."""

from dataclasses import replace

from tests.contract.machine_crowd import BATCHES, NAMES
from tests.contract.messages import held
from tests.contract.model import UNSENT, Model
from trio_wa.core.message import LANES, Message
from trio_wa.core.status import Status
from trio_wa.ports import Filter, Store


async def compare(store: Store, model: Model, messages: dict[str, Message], now: float) -> None:
    """Compare a store with the model; `messages` are as the store should queue them."""
    await _compare_sums(store, model)
    await _compare_queues(store, model, messages)
    await _compare_people(store, model)
    entries = model.entries.items()
    attempts = await store.open_attempts()
    assert all(each.message.known_to == _known_to(model, each.message) for each in attempts)
    opened = {(each.message.id, each.asked) for each in attempts}
    assert opened == {(key, e.status is Status.UNKNOWN) for key, e in entries if e.open}
    waiting = await store.unconfirmed("default", 0.0, 1000)
    assert {each.message_id for each in waiting} == {key for key, e in entries if e.waits}
    flagged = await store.find(Filter(unconfirmed=True), 1000)
    assert {record.id for record in flagged} == {key for key, e in entries if e.unconfirmed}
    assert await store.histories(now) == model.histories(now)
    for message_id in messages:
        await _compare_record(store, model, message_id)
    spent = {key for key, e in entries if e.data_kept and e.settled_at is not None}
    assert set(await store.spent_data(1000)) == spent
    holding = {key for key, e in entries if e.has_data and e.settled_at is None}
    assert await store.holding_data(list(messages)) == holding


async def _compare_sums(store: Store, model: Model) -> None:
    ledger = await store.ledger()
    assert ledger.balanced
    assert (ledger.accepted, ledger.purged) == (model.accepted, model.purged)
    assert ledger.counts == model.counts()
    assert await held(store) == model.places()
    for name in BATCHES:
        entries = model.of_batch(name).values()
        batch = await store.batch(name)
        assert (batch is None) == (not entries)
        if batch is not None:
            statuses = [entry.status for entry in entries]
            counts = {status: statuses.count(status) for status in Status if status in statuses}
            assert {status: number for status, number in batch.counts.items() if number} == counts
            assert batch.scheduled == sum(entry.scheduled for entry in entries)
        listed = await store.find(Filter(batch=name), 1000)
        assert {record.id for record in listed} == set(model.of_batch(name))


async def _compare_queues(store: Store, model: Model, messages: dict[str, Message]) -> None:
    for priority in LANES:
        queued = await store.queued(priority, 0, 1000)
        assert [(message.seq, message.id) for message in queued] == model.queued(priority)
        assert queued == [
            replace(messages[message.id], known_to=_known_to(model, message)) for message in queued
        ]
    assert await store.next_due() == model.next_due()


async def _compare_people(store: Store, model: Model) -> None:
    listed = model.people.listed
    assert await store.suppressions("", 1000) == [listed[each] for each in sorted(listed)]
    for chat_id in NAMES:
        suppression = await store.suppression(chat_id)
        entries = model.people.entries(chat_id)
        assert suppression in entries or (suppression is None and not entries)


async def _compare_record(store: Store, model: Model, message_id: str) -> None:
    record, entry = await store.get(message_id), model.entries.get(message_id)
    if entry is None:
        assert record is None
        return
    assert record is not None
    assert (record.status, record.settled_at) == (entry.status, entry.settled_at)
    assert (record.waha_id, record.ack) == (entry.waha_id, entry.ack)
    assert (record.content is not None, record.unconfirmed) == (entry.text, entry.unconfirmed)
    assert (record.scheduled, record.has_data) == (entry.scheduled, entry.has_data)
    assert record.events[-1].status is entry.status or entry.status in UNSENT


def _known_to(model: Model, message: Message) -> tuple[str, ...]:
    return ("default",) if message.chat_id in model.known else ()
