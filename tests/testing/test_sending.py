"""Files, batches and opt-outs, as a test of an integrator uses them."""

import base64
import hashlib

import pytest
import trio

from tests.testing.test_trio_wa import anywhere
from trio_wa.testing import NotAccepted, NotSent

ALICE = "447700900001"
BOB = "447700900002"
PNG = b"\x89PNG" * 1_000
FILE = {
    "mimetype": "image/png",
    "filename": "a.png",
    "data": base64.b64encode(PNG).decode(),
}
HEARD = pytest.mark.trio_wa(waha_webhook_secret="a-long-random-text")


async def test_every_kind_is_sent_by_its_members(trio_wa, waha):
    await trio_wa.send(ALICE, type="image", file=FILE, caption="Look")
    message = await waha.wait_for(to=ALICE, text="Look")
    assert (message.kind, message.file.filename, message.file.size) == (
        "sendImage",
        "a.png",
        len(PNG),
    )
    assert message.file.sha256 == hashlib.sha256(PNG).hexdigest()
    await trio_wa.send(BOB, type="poll", poll={"name": "Lunch?", "options": ["yes", "no"]})
    poll = await waha.wait_for(to=BOB, text="Lunch?")
    assert poll.body["poll"]["options"] == ["yes", "no"]
    menu = {
        "title": "Menu",
        "button": "Choose",
        "sections": [{"title": "Food", "rows": [{"title": "Rice", "row_id": "r1"}]}],
    }
    await trio_wa.send(BOB, menu, type="list")
    assert (await waha.wait_for(text="Menu")).kind == "sendList"


@anywhere
async def test_a_file_outlives_a_crash(where, trio_wa, waha):
    waha.faults(proxy_503=1)
    message_id = await trio_wa.send(ALICE, type="file", file=FILE, on_unknown="resend")
    await trio_wa.crash()
    waha.clear_faults()
    await trio_wa.restart()
    message = await waha.wait_for(to=ALICE)
    assert (message.kind, message.file.size) == ("sendFile", len(PNG))
    await trio_wa.settled()
    assert (await trio_wa.message(message_id)).status == "sent"


async def test_a_file_that_waited_goes_as_its_message_is_settled(trio_wa, waha, autojump_clock):
    await trio_wa.send(ALICE, type="file", file=FILE)
    await trio_wa.settled()
    await trio.sleep(3600)
    assert await trio_wa._media.kept() == []


@anywhere
async def test_a_batch_is_accepted_and_counted(where, trio_wa, waha):
    answer = await trio_wa.send_batch(
        [
            {"to": ALICE, "message": "one"},
            {"to": "nobody", "message": "two"},
            {"to": BOB, "message": "three"},
        ]
    )
    assert [each["status"] for each in answer["results"]] == ["queued", "refused", "queued"]
    await waha.wait_sent(2)
    await trio_wa.settled()
    counts = (await trio_wa.batch(answer["id"])).counts
    assert {status: n for status, n in counts.items() if n} == {"sent": 2}
    with pytest.raises(KeyError):
        await trio_wa.batch("unknown")


async def test_a_batch_that_is_none_is_not_accepted(trio_wa):
    with pytest.raises(NotAccepted, match=r"/send/batch answered 400"):
        await trio_wa.send_batch([])


@HEARD
@pytest.mark.parametrize("lid", [None, "100000000000002"])
async def test_who_writes_stop_is_suppressed(lid, trio_wa, waha):
    waha.receive(ALICE, "STOP", lid=lid)
    assert (await trio_wa.suppressed(ALICE)).reason == "STOP"
    with pytest.raises(NotAccepted, match="suppressed"):
        await trio_wa.send(ALICE, "Sale!")
    await trio_wa.send(BOB, "Sale!")


@HEARD
async def test_a_hidden_number_that_nobody_knows_is_suppressed_as_such(trio_wa, waha):
    waha.receive("100000000000002@lid", "STOP")
    assert (await trio_wa.suppressed("100000000000002@lid")).reason == "STOP"


async def test_waiting_for_one_who_does_not_opt_out_ends(trio_wa):
    with pytest.raises(NotSent, match="did not come onto the list"):
        await trio_wa.suppressed(ALICE, within=0.05)


@HEARD
def test_the_synchronous_variant_does_the_same(trio_wa_sync, waha_sync):
    answer = trio_wa_sync.send_batch([{"to": ALICE, "message": "one"}])
    waha_sync.wait_for(to=ALICE, text="one")
    trio_wa_sync.settled()
    assert sum(trio_wa_sync.batch(answer["id"]).counts.values()) == 1
    trio_wa_sync.send(BOB, type="image", file=FILE, caption="Look")
    assert waha_sync.wait_for(text="Look").file.size == len(PNG)
    waha_sync.receive(ALICE, "STOP", lid="100000000000002")
    assert trio_wa_sync.suppressed(ALICE).chat_id == f"{ALICE}@c.us"
