"""Lanes in the whole service, in virtual time: a campaign delays no login code."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import trio

from tests.test_service import somebody
from trio_wa.core.status import Status

NUMBERS = ("a", "b", "c")
CODE = "+62 811-2345-6789"


async def post_batches(trio_wa, count, priority):
    """Have many messages to as many recipients accepted, in batches of 1,000."""
    for first in range(0, count, 1_000):
        batch = [
            {"to": somebody(n), "message": "Promo", "priority": priority}
            for n in range(first, min(count, first + 1_000))
        ]
        answer = await trio_wa.client.post("/send/batch", json=batch)
        assert (answer.status_code, answer.json()["refused"]) == (202, 0)


async def begins(trio_wa):
    """When each attempt began, and of which message, in order."""
    records = [await trio_wa.message(each.id) for each in await trio_wa.messages()]
    return sorted(
        (event.at, record.id)
        for record in records
        for event in record.events
        if event.status is Status.SENDING
    )


PACES = [
    {},
    {"pace": "gentle", "message_ttl": "60d"},
    {"pace": "gentle", "message_ttl": "60d", "session_rotation": "sticky"},
    {"pace": "careful", "message_ttl": "60d"},
    {"pace": "careful", "message_ttl": "60d", "session_rotation": "sticky"},
    {"session_rate": 1, "message_ttl": "60d"},
    {"session_gap": "10-30", "message_ttl": "60d"},
    {"new_contact_rate": 60, "message_ttl": "60d"},
]
MARKED = [
    pytest.param(id=str(each), marks=pytest.mark.trio_wa(worker_count=3, session_poll="1h", **each))
    for each in PACES
]


@pytest.mark.parametrize((), MARKED)
@pytest.mark.waha(sessions=NUMBERS, latency=1.0)
async def test_a_login_code_leaves_within_the_next_free_slot(trio_wa, waha, autojump_clock):
    """With 10,000 bulk messages queued, it is accepted, and nothing begins before it any more."""
    await post_batches(trio_wa, 10_000, "bulk")
    full = {"to": somebody(1), "message": "Promo", "priority": "bulk"}
    assert (await trio_wa.client.post("/send", json=full)).status_code == 503
    await waha.wait_sent(2 * len(NUMBERS))
    await trio.sleep(0.5)
    before = {message_id for _, message_id in await begins(trio_wa)}
    code = await trio_wa.send(CODE, "123456", priority="urgent")
    await waha.wait_sent(1, to=CODE)
    later = [each for each in await begins(trio_wa) if each[1] not in before]
    [at] = [at for at, message_id in later if message_id == code]
    assert [message_id for begun_at, message_id in later if begun_at < at] == []


@pytest.mark.trio_wa(quiet_hours="21:00-07:00 Asia/Jakarta", session_poll="1h")
@pytest.mark.waha(sessions=NUMBERS)
async def test_a_login_code_goes_in_quiet_hours(trio_wa, waha, autojump_clock):
    zone = ZoneInfo("Asia/Jakarta")
    clock = waha.clock
    now = datetime.fromtimestamp(clock.now(), zone)
    await trio.sleep((24 - now.hour) * 3600.0)  # midnight and some minutes
    await post_batches(trio_wa, 100, "bulk")
    await trio_wa.send(CODE, "123456", priority="urgent")
    await trio_wa.send(somebody(500), "Receipt")
    await trio.sleep(3600)
    assert sorted(message.text for message in waha.sent) == ["123456", "Receipt"]
    await trio.sleep(8 * 3600)
    assert len(waha.sent) == 102


@pytest.mark.trio_wa(worker_count=2, session_poll="1h")
@pytest.mark.waha(sessions=("a",), latency=0.1)
async def test_a_flood_of_codes_does_not_stop_a_campaign(trio_wa, waha, autojump_clock):
    await post_batches(trio_wa, 100, "urgent")
    await post_batches(trio_wa, 50, "normal")
    await post_batches(trio_wa, 5, "bulk")
    ledger = await trio_wa.settled()
    assert ledger.balanced
    records = [await trio_wa.message(each.id) for each in await trio_wa.messages()]
    begun = sorted((record.events[1].at, record.priority) for record in records)
    first = {name: [each for _, each in begun].index(name) for name in ("normal", "bulk")}
    assert 15 < first["normal"] < 25
    assert 15 < first["bulk"] < 50


@pytest.mark.trio_wa(queue_capacity=5, session_poll="1h")
@pytest.mark.waha(sessions=("a",), latency=3600)
async def test_a_campaign_that_fills_its_lane_gives_no_code_a_503(trio_wa, waha, autojump_clock):
    batch = [{"to": somebody(n), "message": "Promo", "priority": "bulk"} for n in range(10)]
    answer = await trio_wa.client.post("/send/batch", json=batch)
    assert (answer.json()["accepted"], answer.json()["refused"]) == (5, 5)
    for priority in ("urgent", "normal"):
        await trio_wa.send(CODE, "123456", priority=priority)
    health = (await trio_wa.client.get("/readyz")).json()
    assert health["lanes"] == {"urgent": 1, "normal": 1, "bulk": 5}


@pytest.mark.trio_wa(session_poll="1h")
@pytest.mark.waha(sessions=("a",), latency=10.0)
async def test_a_code_does_not_wait_for_a_campaign_to_the_same_person(
    trio_wa, waha, autojump_clock
):
    for text in ("one", "two", "three"):
        await trio_wa.send(CODE, text, priority="bulk")
    await trio.sleep(1)
    await trio_wa.send(CODE, "123456", priority="urgent")
    await trio_wa.settled()
    assert [message.text for message in waha.sent] == ["one", "123456", "two", "three"]
