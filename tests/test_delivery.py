"""What became of a message: unknown outcomes, receipts and confirmations, in virtual time."""

from collections import Counter

import pytest
import trio

from tests.test_service import number, send_many, somebody, times_sent
from trio_wa.core.evidence import ENGINE_SECONDS, LIMIT_SECONDS
from trio_wa.core.status import Status
from trio_wa.simulator.ack_plan import AckPlan

SECRET = {"waha_webhook_secret": "a-secret"}


async def statuses(trio_wa):
    """How many messages are in each state."""
    return {status.value: n for status, n in (await trio_wa.ledger()).counts.items() if n}


async def view_of(trio_wa, message_id):
    """What GET /messages/{id} shows."""
    return (await trio_wa.client.get(f"/messages/{message_id}")).json()


async def prove(trio_wa):
    """Let the service see that ids are kept, and that WAHA finds what it sent."""
    await trio_wa.send(somebody(9_999), "proof")
    await trio_wa.settled()
    await trio.sleep(5)


@pytest.mark.trio_wa(on_unknown="resend")
async def test_what_was_delivered_and_then_cut_is_found_and_sent_at_once(
    trio_wa, waha, autojump_clock
):
    waha.faults(cut_after=1)
    ids = await send_many(trio_wa, 100)
    began = trio.current_time()
    await trio_wa.settled()
    assert trio.current_time() - began < 2
    assert times_sent(waha) == {f"text {n}": 1 for n in range(100)}
    assert await statuses(trio_wa) == {"sent": 100}
    timeline = [(event.status, event.code) for event in (await trio_wa.message(ids[0])).events]
    assert timeline == [
        (Status.QUEUED, None),
        (Status.SENDING, None),
        (Status.UNKNOWN, "connection_lost"),
        (Status.SENT, None),
    ]


async def test_what_was_certainly_not_sent_goes_out_later_under_the_same_id(
    trio_wa, waha, autojump_clock
):
    await prove(trio_wa)
    waha.faults(cut_before=1, times=1)
    message_id = await trio_wa.send(somebody(1), "first")
    await trio_wa.send(somebody(1), "second")
    began = trio.current_time()
    await trio.sleep(ENGINE_SECONDS - 1)
    view = await view_of(trio_wa, message_id)
    assert (view["status"], view["waiting_for"]) == ("unknown", "evidence")
    assert len(waha.sent) == 1  # the second waits for the first
    await trio_wa.settled()
    assert trio.current_time() - began == pytest.approx(ENGINE_SECONDS, abs=2)
    assert [message.text for message in waha.sent] == ["proof", "first", "second"]
    first, again = [each for each in waha.requests if each.body["text"] == "first"]
    assert first.body["id"] == again.body["id"] == (await trio_wa.message(message_id)).waha_id


async def test_what_arrives_after_a_time_out_is_not_sent_again(trio_wa, waha, autojump_clock):
    await prove(trio_wa)
    waha.faults(deliver_after_hang=1, hang_seconds=100.0, times=1)
    await trio_wa.send(somebody(1), "late")
    await trio_wa.settled()
    await trio.sleep(3600)
    assert times_sent(waha)["late"] == 1
    assert await statuses(trio_wa) == {"sent": 2}


@pytest.mark.parametrize(
    ("expected", "sent"),
    [
        pytest.param({"unknown": 20}, 1, marks=pytest.mark.trio_wa(on_unknown="hold")),
        pytest.param(
            {"unknown": 20},
            3,
            marks=pytest.mark.trio_wa(on_unknown="resend", max_attempts=3),
        ),
    ],
)
@pytest.mark.waha(cut_after=1, message_ids=False)
async def test_without_ids_the_choice_decides_at_once(
    trio_wa, waha, autojump_clock, expected, sent
):
    began = trio.current_time()
    await send_many(trio_wa, 20)
    await trio_wa.settled()
    assert trio.current_time() - began < 30
    await trio.sleep(3600)
    assert await statuses(trio_wa) == expected
    assert times_sent(waha) == {f"text {n}": sent for n in range(20)}


@pytest.mark.waha(cut_after=1, message_ids=False)
async def test_a_messages_own_choice_comes_before_the_services(trio_wa, waha, autojump_clock):
    code = await trio_wa.send(somebody(1), "code", on_unknown="resend")
    await trio_wa.send(somebody(2), "receipt")
    await trio_wa.settled()
    assert times_sent(waha) == {"code": 5, "receipt": 1}
    assert (await view_of(trio_wa, code))["on_unknown"] == "resend"


@pytest.mark.waha(ignore_ids=True)
async def test_a_waha_that_ignores_ids_is_seen_through_by_what_it_answers(
    trio_wa, waha, autojump_clock
):
    await prove(trio_wa)
    waha.faults(cut_after=1)
    began = trio.current_time()
    await send_many(trio_wa, 5)
    await trio_wa.settled()
    assert trio.current_time() - began < 1
    assert await statuses(trio_wa) == {"sent": 1, "unknown": 5}
    assert max(times_sent(waha).values()) == 1


@pytest.mark.parametrize(
    "blind",
    [
        pytest.param("refuses", marks=pytest.mark.waha(lookups=False)),
        pytest.param("does not find", marks=pytest.mark.waha(blind_lookups=True)),
    ],
)
async def test_look_ups_that_do_not_work_settle_nothing(trio_wa, waha, autojump_clock, blind):
    await prove(trio_wa)
    await trio.sleep(30)
    waha.faults(cut_after=1)
    began = trio.current_time()
    await send_many(trio_wa, 5)
    await trio_wa.settled()
    assert trio.current_time() - began < 1
    await trio.sleep(3600)
    assert await statuses(trio_wa) == {"sent": 1, "unknown": 5}
    assert max(times_sent(waha).values()) == 1


@pytest.mark.waha(blind_lookups=True)
async def test_before_look_ups_are_proven_a_miss_says_nothing(trio_wa, waha, autojump_clock):
    waha.faults(cut_after=1)
    await trio_wa.send(somebody(1), "the very first")
    await trio_wa.settled()
    assert await statuses(trio_wa) == {"unknown": 1}
    assert len(waha.sent) == 1


@pytest.mark.trio_wa(on_unknown="resend")
async def test_a_session_that_cannot_be_asked_any_more_leaves_the_choice_to_the_caller(
    trio_wa, waha, autojump_clock
):
    await prove(trio_wa)
    waha.faults(cut_before=1, times=1)
    message_id = await trio_wa.send(somebody(1), "Hello")
    await trio.sleep(1)
    waha.sessions["default"] = "SCAN_QR_CODE"
    began = trio.current_time()
    await trio.sleep(LIMIT_SECONDS - 10)
    assert (await trio_wa.message(message_id)).status is Status.UNKNOWN
    await trio.sleep(60)
    assert (await trio_wa.message(message_id)).status is Status.QUEUED
    waha.sessions["default"] = "WORKING"
    await trio_wa.settled()
    assert trio.current_time() - began > LIMIT_SECONDS
    assert times_sent(waha)["Hello"] == 1


@pytest.mark.trio_wa(worker_count=3)
@pytest.mark.waha(latency=10.0)
async def test_what_a_crash_left_begun_is_looked_up_and_not_sent_twice(
    trio_wa, waha, autojump_clock
):
    ids = await send_many(trio_wa, 20)
    await trio.sleep(5)
    await trio_wa.crash()
    await trio.sleep(30)
    assert len(waha.sent) == 3  # WAHA goes on with what it had
    assert {(await trio_wa.message(each)).status for each in ids[:3]} == {"sending"}
    await trio_wa.restart()
    await trio_wa.settled()
    assert await statuses(trio_wa) == {"read": 3, "sent": 17}  # WAHA knows the acks of the three
    assert times_sent(waha) == {f"text {n}": 1 for n in range(20)}


async def test_what_a_crash_cut_before_the_delivery_is_sent_in_its_place(
    trio_wa, waha, autojump_clock
):
    await prove(trio_wa)
    waha.faults(hang=1, times=1)
    for text in ("first", "second"):
        await trio_wa.send(somebody(1), text)
    await trio.sleep(5)
    await trio_wa.crash()
    await trio_wa.restart()
    began = trio.current_time()
    await trio_wa.send(somebody(1), "third")
    await trio_wa.send(somebody(2), "another's")
    await waha.wait_for(text="another's")
    assert trio.current_time() - began < 2
    await trio_wa.settled()
    assert trio.current_time() - began > ENGINE_SECONDS - 10
    texts = [m.text for m in waha.sent if m.chat_id == f"{somebody(1)}@c.us"]
    assert texts == ["first", "second", "third"]


@pytest.mark.trio_wa(worker_count=3, drain_timeout="1s")
async def test_what_is_looked_up_at_a_stop_goes_on_after_the_next_start(
    trio_wa, waha, autojump_clock
):
    await prove(trio_wa)
    waha.faults(cut_before=1, times=1)
    await trio_wa.send(somebody(1), "first")
    await trio_wa.send(somebody(1), "second")
    await trio.sleep(5)
    ended = await trio_wa.drain()
    assert ended.left == 2
    await trio_wa.restart()
    await trio_wa.settled()
    assert [message.text for message in waha.sent] == ["proof", "first", "second"]


async def test_an_unlimited_drain_in_memory_waits_for_what_is_looked_up(
    trio_wa, waha, autojump_clock
):
    await prove(trio_wa)
    waha.faults(cut_before=1, times=1)
    await trio_wa.send(somebody(1), "first")
    await trio_wa.send(somebody(1), "second")
    ended = await trio_wa.drain()
    assert ended.left == 0
    assert [message.text for message in waha.sent] == ["proof", "first", "second"]


@pytest.mark.trio_wa(**SECRET)
async def test_acks_lead_from_sent_over_delivered_to_read(trio_wa, waha, autojump_clock):
    message_id = await trio_wa.send(somebody(1), "Hello")
    await trio_wa.settled()
    await trio.sleep(5)
    record = await trio_wa.message(message_id)
    assert [event.status.value for event in record.events] == [
        "queued",
        "sending",
        "sent",
        "delivered",
        "read",
    ]
    assert (record.status, record.ack) == (Status.READ, 3)
    assert (await trio_wa.ledger()).balanced


@pytest.mark.trio_wa(**SECRET)
async def test_acks_that_are_faster_than_the_answer_are_joined(trio_wa, waha, autojump_clock):
    waha.faults(latency=1.0, cut_after=1)
    await send_many(trio_wa, 20)
    await trio_wa.settled()
    await trio.sleep(5)
    assert await statuses(trio_wa) == {"read": 20}


@pytest.mark.trio_wa(**SECRET)
@pytest.mark.waha(lookups=False, cut_after=1)
async def test_where_no_look_up_works_an_ack_settles_the_unknown(trio_wa, waha, autojump_clock):
    await send_many(trio_wa, 20)
    await trio_wa.settled()
    await trio.sleep(5)
    assert await statuses(trio_wa) == {"read": 20}
    assert times_sent(waha) == {f"text {n}": 1 for n in range(20)}


@pytest.mark.trio_wa(**SECRET)
async def test_an_ack_of_an_error_is_a_failure(trio_wa, waha, autojump_clock):
    message_id = await trio_wa.send(f"{number(0)[:-2]}93", "refused")
    await trio_wa.settled()
    await trio.sleep(5)
    record = await trio_wa.message(message_id)
    assert (record.status, record.code) == (Status.FAILED, "ack_error")


async def confirmed_once(trio_wa):
    """Let the service see a first ack, which starts the watch for those that do not come."""
    await prove(trio_wa)
    assert await statuses(trio_wa) == {"read": 1}


@pytest.mark.trio_wa(**SECRET)
async def test_what_is_taken_and_never_delivered_is_unconfirmed_in_time(
    trio_wa, waha, autojump_clock
):
    await confirmed_once(trio_wa)
    waha.faults(lose=1)
    ids = await send_many(trio_wa, 100)
    await trio_wa.settled()
    await trio.sleep(59)
    assert not (await view_of(trio_wa, ids[0])).get("unconfirmed")
    await trio.sleep(1 + 2 * 5)
    views = [await view_of(trio_wa, message_id) for message_id in ids]
    assert {(view["status"], view.get("unconfirmed")) for view in views} == {("sent", True)}
    listed = await trio_wa.client.get("/messages", params={"unconfirmed": "true", "limit": 200})
    assert {each["id"] for each in listed.json()["data"]} == set(ids)
    assert len(waha.requests) == 101  # off by default: nothing is sent again


@pytest.mark.trio_wa(**SECRET, confirm_resend="once")
async def test_with_confirm_resend_it_is_sent_once_more_under_the_same_id(
    trio_wa, waha, autojump_clock
):
    await confirmed_once(trio_wa)
    waha.faults(lose=1)
    message_id = await trio_wa.send(somebody(1), "lost")
    await trio.sleep(90)
    requests = [each for each in waha.requests if each.body["text"] == "lost"]
    assert len(requests) == 2
    assert requests[0].body["id"] == requests[1].body["id"]
    await trio.sleep(3600)
    assert len([each for each in waha.requests if each.body["text"] == "lost"]) == 2
    view = await view_of(trio_wa, message_id)
    assert (view["status"], view["unconfirmed"]) == ("sent", True)
    assert (await trio_wa.ledger()).balanced


@pytest.mark.trio_wa(**SECRET)
async def test_a_look_up_confirms_what_no_webhook_told(trio_wa, waha, autojump_clock):
    await confirmed_once(trio_wa)
    waha.lose_webhooks(1.0)
    ids = await send_many(trio_wa, 20)
    await trio_wa.settled()
    await trio.sleep(120)
    assert await statuses(trio_wa) == {"read": 21}
    views = [await view_of(trio_wa, message_id) for message_id in ids]
    assert not any(view.get("unconfirmed") for view in views)
    [view] = (await trio_wa.client.get("/sessions")).json()["data"]
    assert view["webhooks"] == "silent"
    waha.lose_webhooks(0.0)
    await trio_wa.send(somebody(1), "again")
    await trio.sleep(5)
    [view] = (await trio_wa.client.get("/sessions")).json()["data"]
    assert view["webhooks"] == "heard"


@pytest.mark.trio_wa(**SECRET, confirm_resend="once")
@pytest.mark.waha(acks=AckPlan(hold_at=0))
async def test_what_a_session_that_never_delivered_anything_sends_shows_as_unconfirmed(
    trio_wa, waha, autojump_clock
):
    message_id = await trio_wa.send(somebody(1), "Hello")
    await trio.sleep(59)
    assert "unconfirmed" not in await view_of(trio_wa, message_id)
    await trio.sleep(10)
    await trio_wa.crash()
    await trio_wa.restart()
    view = await view_of(trio_wa, message_id)
    assert (view["status"], view["unconfirmed"]) == ("sent", True)
    another = await trio_wa.send(somebody(2), "Hello")
    await trio.sleep(70)
    assert (await view_of(trio_wa, another))["unconfirmed"]
    assert len(waha.requests) == 2, "and nothing is sent again"


async def test_without_webhooks_nothing_is_called_unconfirmed(trio_wa, waha, autojump_clock):
    message_id = await trio_wa.send(somebody(1), "Hello")
    await trio.sleep(3600)
    view = await view_of(trio_wa, message_id)
    assert (view["status"], view.get("unconfirmed")) == ("sent", None)


@pytest.mark.trio_wa(check_exists="new")
@pytest.mark.waha(not_on_whatsapp=frozenset({somebody(1)}))
async def test_a_new_contact_that_is_not_on_whatsapp_fails_without_a_send(
    trio_wa, waha, autojump_clock
):
    message_id = await trio_wa.send(somebody(1), "Hello")
    await trio_wa.send(somebody(2), "Hello")
    await trio_wa.settled()
    record = await trio_wa.message(message_id)
    assert (record.status, record.code) == (Status.FAILED, "not_on_whatsapp")
    assert [message.chat_id for message in waha.sent] == [f"{somebody(2)}@c.us"]
    assert len(waha.requests) == 1


@pytest.mark.trio_wa(**SECRET, worker_count=20)
@pytest.mark.waha(
    sessions=("a", "b", "c"), latency=0.05, cut_after=0.02, cut_before=0.02, error_after=0.01
)
async def test_with_five_percent_unknown_nothing_is_sent_twice_and_order_holds(
    trio_wa, waha, autojump_clock
):
    recipients = 60
    for n in range(900):
        await trio_wa.send(somebody(n % recipients), f"{n}")
    await trio_wa.settled()
    assert Counter(times_sent(waha).values()) == {1: 900}
    for recipient in range(recipients):
        texts = [int(m.text) for m in waha.sent if m.chat_id == f"{somebody(recipient)}@c.us"]
        assert texts == sorted(texts)
    assert (await trio_wa.ledger()).balanced


async def test_a_long_pause_between_two_lives_counts_for_what_is_looked_up(
    trio_wa, waha, autojump_clock
):
    await prove(trio_wa)
    waha.faults(hang=1, times=1)
    message_id = await trio_wa.send(somebody(1), "Hello")
    await trio.sleep(5)
    await trio_wa.crash()
    await trio.sleep(700)
    await trio_wa.restart()
    began = trio.current_time()
    await trio_wa.settled()
    assert trio.current_time() - began < 10
    record = await trio_wa.message(message_id)
    assert record.status is Status.SENT
    assert [event.at for event in record.events] == sorted(event.at for event in record.events)


@pytest.mark.trio_wa(**SECRET, waha_webhook_url="http://127.0.0.1:9/webhooks/waha")
@pytest.mark.waha(sessions=("a", "b"))
async def test_the_webhook_is_registered_with_each_session_once_and_the_sessions_go_on(
    trio_wa, waha, autojump_clock
):
    await trio.sleep(10)
    for session in waha.simulator.sessions.all():
        [target] = [each for each in session.webhooks if each.url.endswith(":9/webhooks/waha")]
        assert target.secret == "a-secret"
        assert {"message.ack", "message.any", "session.status"} <= target.events
    changes = [session.changes for session in waha.simulator.sessions.all()]
    await send_many(trio_wa, 4)
    await trio_wa.settled()
    await trio_wa.restart()
    await trio.sleep(60)
    assert [session.changes for session in waha.simulator.sessions.all()] == changes
    assert Counter(message.session for message in waha.sent) == {"a": 2, "b": 2}
