"""What bears no id chosen before its send, through the whole service in virtual time."""

import pytest
import trio

TO = "6281234567890"
OTHER = "6281234567891"
FILE = {"mimetype": "image/png", "url": "https://example.org/a.png"}
DATA = {"mimetype": "image/png", "data": "iVBORw=="}
HOME = {"waha_webhook_secret": "a-long-random-text"}


@pytest.mark.waha(cut_after=1)
@pytest.mark.parametrize("file", [FILE, DATA], ids=["url", "data"])
async def test_a_picture_whose_answer_was_lost_stays_unknown(file, trio_wa, waha, autojump_clock):
    message_id = await trio_wa.send(TO, type="image", file=file)
    await trio_wa.settled()
    await trio.sleep(600)
    message = await trio_wa.message(message_id)
    assert (message.status, message.code) == ("unknown", "connection_lost")
    assert len(waha.requests) == 1
    assert "id" not in waha.requests[0].body


@pytest.mark.parametrize("file", [FILE, DATA], ids=["url", "data"])
async def test_a_picture_is_sent_again_where_the_caller_wants_it(
    file, trio_wa, waha, autojump_clock
):
    waha.faults(cut_before=1, times=1)
    message_id = await trio_wa.send(TO, type="image", file=file, on_unknown="resend")
    await trio_wa.settled()
    assert (await trio_wa.message(message_id)).status == "sent"
    assert (len(waha.requests), len(waha.sent)) == (2, 1)


async def test_a_picture_leaves_the_look_ups_of_its_session_their_trust(
    trio_wa, waha, autojump_clock
):
    await trio_wa.send(TO, "Hello")
    await trio_wa.send(TO, type="image", file=FILE)
    await trio_wa.settled()
    waha.faults(cut_after=1, times=1)
    message_id = await trio_wa.send(TO, "Bye")
    await trio_wa.settled()
    assert (await trio_wa.message(message_id)).status == "sent"
    assert [message.kind for message in waha.sent] == ["sendText", "sendImage", "sendText"]
    (session,) = (await trio_wa.client.get("/sessions")).json()["data"]
    assert session["message_ids"] is True


@pytest.mark.trio_wa(**HOME, confirm_resend="once", confirm_timeout=60)
async def test_a_picture_that_nothing_confirmed_goes_once_more_without_its_old_id(
    trio_wa, waha, autojump_clock
):
    await trio_wa.send(OTHER, "Hello")
    await trio.sleep(5)  # until that is acknowledged: only then a missing ack tells something
    waha.faults(lose=1, times=1, to=TO)
    message_id = await trio_wa.send(TO, type="image", file=FILE)
    await trio.sleep(3600)
    message = await trio_wa.message(message_id)
    assert message.status == "read"
    assert message.waha_id == waha.sent[-1].id
    pictures = [each for each in waha.requests if each.kind == "sendImage"]
    assert ["id" in each.body for each in pictures] == [False, False]
    (session,) = (await trio_wa.client.get("/sessions")).json()["data"]
    assert session["message_ids"] is True


@pytest.mark.waha(sessions=("a",), engine="WEBJS")
async def test_a_list_that_the_engine_does_not_know_fails_at_once(trio_wa, waha, autojump_clock):
    menu = {
        "title": "Menu",
        "button": "Choose",
        "sections": [{"title": "Food", "rows": [{"title": "Rice", "row_id": "r1"}]}],
    }
    message_id = await trio_wa.send(TO, menu, type="list", on_unknown="resend")
    await trio_wa.settled()
    message = await trio_wa.message(message_id)
    assert (message.status, message.code) == ("failed", "not_implemented")
    assert len(waha.requests) == 1
