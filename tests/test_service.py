"""The service from POST /send to WAHA, in one Trio run under a virtual clock.

What needs a real process, a real file or a real nginx is in tests/e2e.
"""

from collections import Counter, defaultdict

import pytest
import trio

from trio_wa.core.status import Status
from trio_wa.simulator import Uniform


def number(n):
    """The n-th recipient, of those that are kept for fiction."""
    return f"44770090000{n}"


def somebody(n):
    """The n-th of many recipients."""
    return f"62812{n:07}"


async def send_many(trio_wa, count, **members):
    """Send a message to each of `count` recipients."""
    return [await trio_wa.send(somebody(n), f"text {n}", **members) for n in range(count)]


def times_sent(waha):
    """How often each text was sent."""
    return Counter(message.text for message in waha.sent)


async def failed_attempts(trio_wa):
    """How many attempts certainly sent nothing, by the code of the reason."""
    codes = Counter()
    for listed in await trio_wa.messages():
        events = (await trio_wa.message(listed.id)).events
        codes.update(event.code for event in events if event.status is Status.QUEUED and event.code)
    return codes


@pytest.mark.waha(sessions=("a", "b", "c"), latency=Uniform(0.01, 2.0), proxy_503=0.1)
async def test_each_recipient_gets_its_messages_in_order_none_lost_and_none_twice(
    trio_wa, waha, autojump_clock
):
    texts = [f"{n}" for n in range(300)]

    async def send_to(recipient):
        for text in texts:
            await trio_wa.send(recipient, text)

    async with trio.open_nursery() as nursery:
        for n in range(3):
            nursery.start_soon(send_to, number(n))
    ledger = await trio_wa.settled()
    received = defaultdict(list)
    for message in waha.sent:
        received[message.chat_id].append(message.text)
    assert received == {f"{number(n)}@c.us": texts for n in range(3)}
    assert ledger.counts[Status.SENT] == 900
    assert len(waha.requests) > 900  # some of them failed before


@pytest.mark.waha(sessions=("a", "b", "c"), latency=1.0, message_ids=False)
async def test_a_session_that_hangs_leaves_the_others_their_share_of_the_workers(
    trio_wa, waha, autojump_clock
):
    waha.faults(session="b", hang=1)
    began = trio.current_time()
    await send_many(trio_wa, 300)
    await waha.wait_sent(271)
    assert trio.current_time() - began < 130
    assert waha.simulator.max_concurrency_by_session["b"] == 29
    ledger = await trio_wa.settled()
    assert 130 <= trio.current_time() - began < 135
    assert ledger.counts[Status.UNKNOWN] == 29
    assert {message.session for message in waha.sent} == {"a", "c"}


@pytest.mark.waha(cut_after=1, message_ids=False)
async def test_what_was_delivered_and_then_cut_is_unknown_and_not_sent_twice(
    trio_wa, waha, autojump_clock
):
    await send_many(trio_wa, 30)
    ledger = await trio_wa.settled()
    await trio.sleep(3600)
    assert times_sent(waha) == {f"text {n}": 1 for n in range(30)}
    assert ledger.counts[Status.UNKNOWN] == 30


@pytest.mark.trio_wa(on_unknown="resend", max_attempts=3)
@pytest.mark.waha(cut_after=1, message_ids=False)
async def test_under_resend_a_message_is_sent_as_often_as_allowed(trio_wa, waha, autojump_clock):
    await send_many(trio_wa, 10)
    ledger = await trio_wa.settled()
    assert times_sent(waha) == {f"text {n}": 3 for n in range(10)}
    assert ledger.counts[Status.UNKNOWN] == 10


@pytest.mark.trio_wa(on_unknown="resend")
@pytest.mark.waha(cut_before=0.3, seed=7, message_ids=False)
async def test_under_resend_what_was_cut_before_the_delivery_arrives(trio_wa, waha, autojump_clock):
    await send_many(trio_wa, 30)
    ledger = await trio_wa.settled()
    assert times_sent(waha) == {f"text {n}": 1 for n in range(30)}
    assert ledger.counts[Status.SENT] == 30


@pytest.mark.waha(proxy_503=1)
async def test_a_proxy_that_answers_503_for_two_seconds_loses_nothing(
    trio_wa, waha, autojump_clock
):
    await send_many(trio_wa, 60)
    await trio.sleep(2)
    refused = len(waha.requests)
    waha.clear_faults()
    await trio_wa.settled()
    assert times_sent(waha) == {f"text {n}": 1 for n in range(60)}
    # Up to 50 workers had begun before the first answer; then one probe at a time goes out.
    assert 2 <= refused <= 50 + 20
    assert len(waha.requests) == refused + 60


async def test_a_waha_that_is_down_for_a_minute_loses_nothing(trio_wa, waha, autojump_clock):
    await waha.down()
    await send_many(trio_wa, 60)
    await trio.sleep(60)
    assert waha.requests == []
    attempts = await failed_attempts(trio_wa)
    back = trio.current_time()
    await waha.up()
    await waha.wait_for()
    assert trio.current_time() - back < 6  # a probe every 5 s at most
    await trio_wa.settled()
    assert trio.current_time() - back < 66  # a message that was often a probe waits RETRY_MAX
    assert times_sent(waha) == {f"text {n}": 1 for n in range(60)}
    # A minute with probes up to 5 s apart, 2.5 on average, after at most a worker's attempt each.
    assert set(attempts) == {"unreachable"}
    assert 12 <= attempts["unreachable"] <= 50 + 60


@pytest.mark.trio_wa(message_ttl="1m")
async def test_a_message_that_cannot_be_sent_in_time_expires(trio_wa, waha, autojump_clock):
    await waha.down()
    began = trio.current_time()
    message_id = await trio_wa.send(somebody(1), "too late")
    await trio_wa.settled()
    assert trio.current_time() - began == pytest.approx(60, abs=0.5)
    assert (await trio_wa.message(message_id)).status == "expired"
    await waha.up()
    await trio.sleep(600)
    assert waha.requests == []


@pytest.mark.trio_wa(queue_capacity=5)
async def test_a_full_queue_answers_503_until_there_is_room_again(trio_wa, waha, autojump_clock):
    await waha.down()
    await send_many(trio_wa, 5)
    body = {"to": somebody(6), "message": "one too many"}
    full = await trio_wa.client.post("/send", json=body)
    assert full.status_code == 503
    assert full.json()["error"] == "Server sibuk, antrean penuh"
    assert int(full.headers["Retry-After"]) >= 1
    await waha.up()
    await trio_wa.settled()
    assert (await trio_wa.client.post("/send", json=body)).status_code == 202
    await trio_wa.settled()
    assert len(waha.sent) == 6


@pytest.mark.trio_wa(worker_count=7)
@pytest.mark.waha(latency=1.0)
async def test_at_most_as_many_sends_at_once_as_there_are_workers(trio_wa, waha, autojump_clock):
    began = trio.current_time()
    await send_many(trio_wa, 70)
    await trio_wa.settled()
    assert waha.simulator.max_concurrency == 7
    assert trio.current_time() - began == pytest.approx(10, abs=1)


@pytest.mark.waha(sessions=("a", "b", "c"))
async def test_sessions_take_turns(trio_wa, waha, autojump_clock):
    for n in range(9):
        await trio_wa.send(somebody(n), "Hello")
        await trio_wa.settled()
    assert [message.session for message in waha.sent] == ["a", "b", "c"] * 3


@pytest.mark.waha(sessions=("a", "b", "c"))
async def test_a_message_goes_only_over_the_sessions_that_it_names(trio_wa, waha, autojump_clock):
    await send_many(trio_wa, 6, session="b")
    await send_many(trio_wa, 6, session=["c", "a"])
    await trio_wa.settled()
    used = Counter(message.session for message in waha.sent)
    assert used == {"b": 6, "a": 3, "c": 3}


@pytest.mark.waha(sessions=("a", "b"))
async def test_another_session_takes_over_from_one_that_does_not_work(
    trio_wa, waha, autojump_clock
):
    waha.sessions["a"] = "SCAN_QR_CODE"
    await send_many(trio_wa, 10)
    await trio_wa.settled()
    assert len(waha.requests) - 10 <= 5
    assert {message.session for message in waha.sent} == {"b"}
    waha.sessions["a"] = "WORKING"
    await trio.sleep(10)
    await send_many(trio_wa, 10)
    await trio_wa.settled()
    assert "a" in {message.session for message in waha.sent}


@pytest.mark.waha(unauthorized=1)
async def test_a_wrong_key_pauses_the_dispatch_until_it_is_right(trio_wa, waha, autojump_clock):
    await trio_wa.send(somebody(1), "Hello")
    await trio.sleep(60)
    ready = await trio_wa.client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["dispatch"] == "paused"
    assert ready.json()["obstacles"] == {"default": "unauthorized"}
    assert len(waha.requests) < 60
    waha.clear_faults()
    await trio_wa.settled()
    assert len(waha.sent) == 1
    ready = await trio_wa.client.get("/readyz")
    assert ready.json()["dispatch"] == "running"
    assert ready.json()["obstacles"] == {}


@pytest.mark.waha(sessions=("a", "b", "c"), latency=Uniform(0.05, 1.0), proxy_503=0.05)
async def test_the_drain_sends_all_that_was_accepted_exactly_once(trio_wa, waha, autojump_clock):
    await send_many(trio_wa, 200)
    ended = await trio_wa.drain()
    assert ended.left == 0
    assert times_sent(waha) == {f"text {n}": 1 for n in range(200)}


@pytest.mark.trio_wa(drain_timeout=10)
async def test_a_bounded_drain_leaves_the_rest_for_the_next_start(trio_wa, waha, autojump_clock):
    await waha.down()
    await send_many(trio_wa, 20)
    began = trio.current_time()
    ended = await trio_wa.drain()
    assert trio.current_time() - began < 11
    assert ended.left == 20
    await waha.up()
    await trio_wa.restart()
    await trio_wa.settled()
    assert times_sent(waha) == {f"text {n}": 1 for n in range(20)}


@pytest.mark.trio_wa(worker_count=5, drain_timeout=10)
@pytest.mark.waha(hang=1, message_ids=False)
async def test_what_is_being_sent_when_the_drain_ends_is_unknown(trio_wa, waha, autojump_clock):
    await send_many(trio_wa, 20)
    began = trio.current_time()
    ended = await trio_wa.drain()
    assert trio.current_time() - began == pytest.approx(10, abs=0.1)
    assert ended.left == 15
    assert (await trio_wa.ledger()).counts[Status.UNKNOWN] == 5


@pytest.mark.trio_wa(worker_count=5)
@pytest.mark.waha(hang=1, message_ids=False)
async def test_a_second_stop_skips_the_drain_and_a_restart_goes_on(trio_wa, waha, autojump_clock):
    await send_many(trio_wa, 20)
    await trio.sleep(1)
    began = trio.current_time()
    trio_wa.stop()
    await trio.sleep(5)
    trio_wa.stop()
    ended = await trio_wa.stopped()
    assert trio.current_time() - began == pytest.approx(5, abs=0.1)
    assert ended.left == 15
    waha.clear_faults()
    await trio_wa.restart()
    ledger = await trio_wa.settled()
    assert (ledger.counts[Status.UNKNOWN], ledger.counts[Status.SENT]) == (5, 15)
    assert times_sent(waha) == {f"text {n}": 1 for n in range(5, 20)}


@pytest.mark.parametrize(
    ("unknown", "sent"),
    [
        pytest.param(3, 17, marks=pytest.mark.trio_wa(on_unknown="hold")),
        pytest.param(0, 20, marks=pytest.mark.trio_wa(on_unknown="resend")),
    ],
)
@pytest.mark.trio_wa(worker_count=3)
@pytest.mark.waha(latency=10.0, message_ids=False)
async def test_a_crash_loses_nothing_and_its_sends_are_unknown(
    trio_wa, waha, autojump_clock, unknown, sent
):
    ids = await send_many(trio_wa, 20)
    await trio.sleep(5)
    await trio_wa.crash()
    await trio.sleep(30)
    assert len(waha.sent) == 3  # WAHA goes on with what it had
    assert {(await trio_wa.message(each)).status for each in ids[:3]} == {"sending"}
    await trio_wa.restart()
    ledger = await trio_wa.settled()
    assert (ledger.counts[Status.UNKNOWN], ledger.counts[Status.SENT]) == (unknown, sent)
    twice = {f"text {n}" for n in range(3)} if unknown == 0 else set()
    assert {text for text, times in times_sent(waha).items() if times == 2} == twice
    assert set(times_sent(waha)) == {f"text {n}" for n in range(20)}


@pytest.mark.trio_wa(worker_count=1)
@pytest.mark.waha(latency=1.0)
async def test_a_restart_keeps_the_order_of_a_recipient(trio_wa, waha, autojump_clock):
    texts = [f"{n}" for n in range(30)]
    for text in texts[:20]:
        await trio_wa.send(number(1), text)
    await trio.sleep(4.5)
    await trio_wa.crash()
    await trio_wa.restart()
    for text in texts[20:]:
        await trio_wa.send(number(1), text)
    await trio_wa.settled()
    assert [message.text for message in waha.sent] == texts
