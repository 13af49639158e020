"""What a test can do with `trio_wa`, in memory and on disk."""

import threading

import pytest
import trio

from trio_wa.core.content import Text
from trio_wa.testing import Down, Lost, NotAccepted, NotSent
from trio_wa.testing.store import Fence, Fenced

ALICE = "447700900001"

on_disk = pytest.mark.trio_wa(journal_path="journal.db")
anywhere = pytest.mark.parametrize(
    "where", [pytest.param("memory"), pytest.param("disk", marks=on_disk)]
)


async def test_send_says_what_was_wrong(trio_wa):
    with pytest.raises(NotAccepted, match=r"/send answered 400: .*is not a phone number"):
        await trio_wa.send("nobody", "Hello")


@anywhere
async def test_message_and_ledger_tell_what_became_of_it(where, trio_wa, waha):
    message_id = await trio_wa.send(ALICE, "Hello")
    ledger = await trio_wa.settled()
    message = await trio_wa.message(message_id)
    assert (message.status, message.session) == ("sent", "default")
    assert message.content == Text("Hello")
    assert message.waha_id == waha.sent[0].id
    assert [event.status for event in message.events] == ["queued", "sending", "sent"]
    assert [each.id for each in await trio_wa.messages()] == [message_id]
    assert (ledger.accepted, ledger.balanced) == (1, True)
    with pytest.raises(KeyError):
        await trio_wa.message("unknown")


@anywhere
@pytest.mark.waha(message_ids=False)
async def test_a_crash_in_the_middle_of_a_send_leaves_it_begun(where, trio_wa, waha):
    waha.faults(hang=1)
    message_id = await trio_wa.send(ALICE, "Hello")
    while not waha.requests:  # noqa: ASYNC110 - WAHA tells nobody of a request
        await trio.sleep(0.01)
    await trio_wa.crash()
    waha.clear_faults()
    if where == "disk":
        with pytest.raises(Down, match="restart"):
            await trio_wa.message(message_id)
    else:
        assert (await trio_wa.message(message_id)).status == "sending"
    url = trio_wa.url
    await trio_wa.restart()
    assert trio_wa.url == url
    await trio_wa.settled()
    message = await trio_wa.message(message_id)
    assert (message.status, message.code) == ("unknown", "crash")
    assert waha.sent == []


@anywhere
async def test_what_was_queued_at_a_crash_is_sent_after_the_restart(where, trio_wa, waha):
    await waha.down()
    await trio_wa.send(ALICE, "one")
    queued = await trio_wa.send(ALICE, "two")  # behind the first
    await trio_wa.crash()
    await waha.up()
    await trio_wa.restart()
    await waha.wait_for(to=ALICE, text="two")
    await trio_wa.settled()
    assert (await trio_wa.message(queued)).status == "sent"


async def test_a_crashed_service_refuses_connections(trio_wa):
    await trio_wa.crash()
    with pytest.raises(OSError, match="all attempts to connect"):
        await trio.open_tcp_stream("127.0.0.1", int(trio_wa.url.rpartition(":")[2]))
    with pytest.raises(Down):
        await trio_wa.stopped()


async def test_settled_says_what_is_not(trio_wa, waha, autojump_clock):
    await waha.down()
    await trio_wa.send(ALICE, "Hello")
    with pytest.raises(
        NotSent, match=r"(?s)1 message is not settled within 60 s.*queued \(unreach"
    ):
        await trio_wa.settled(within=60)


async def test_drain_and_restart(trio_wa, waha):
    await trio_wa.send(ALICE, "Hello")
    assert (await trio_wa.drain()).left == 0
    assert len(waha.sent) == 1
    await trio_wa.restart()
    await trio_wa.send(ALICE, "again")
    await waha.wait_for(text="again")


async def test_a_drain_that_cannot_end_says_what_is_left(trio_wa, waha, autojump_clock):
    await waha.down()
    await trio_wa.send(ALICE, "Hello")
    with pytest.raises(NotSent, match=r"(?s)did not stop within 60 s\.\n.*queued \(unreach"):
        await trio_wa.drain(within=60)
    began = trio.current_time()
    with pytest.raises(NotSent, match="within 3600 s"):
        await trio_wa.stopped()
    assert trio.current_time() - began == pytest.approx(3600)
    await waha.up()
    assert (await trio_wa.stopped()).left == 0


@pytest.mark.trio_wa(drain_timeout=4000)
async def test_a_drain_may_take_its_own_time_by_default(trio_wa, waha, autojump_clock):
    await waha.down()
    await trio_wa.send(ALICE, "Hello")
    assert (await trio_wa.drain()).left == 1


async def test_waiting_for_a_stop_that_nobody_asked_for_ends(trio_wa):
    with pytest.raises(NotSent, match="nothing stopped it"):
        await trio_wa.stopped(within=0.05)


async def test_restart_of_a_running_service_crashes_it_first(trio_wa, waha):
    await trio_wa.restart()
    await trio_wa.send(ALICE, "Hello")
    await waha.wait_for()


async def test_nothing_under_a_virtual_clock_uses_a_thread(trio_wa, waha, autojump_clock):
    before = threading.enumerate()
    await trio_wa.send(ALICE, "Hello")
    await waha.wait_for()
    await trio_wa.restart()
    await trio_wa.client.get("/readyz")
    await trio.sleep(3600)
    # An idle thread of an earlier test may end meanwhile, by itself after ten seconds.
    assert threading.enumerate() == [thread for thread in before if thread.is_alive()]


class Diary:
    """A store that notes what it is told."""

    def __init__(self):
        self.written = []

    def problem(self):
        return None

    async def cancel(self, message_id, at):
        self.written.append(message_id)
        return True


async def test_a_fence_lets_reads_pass_and_no_write():
    diary, notes = Diary(), []
    fence = Fence(diary, lambda: notes.append("written"))
    assert await fence.cancel("one", 0.0)
    fence.put_up()
    with pytest.raises(Fenced):
        await fence.cancel("two", 0.0)
    assert fence.problem() is None
    assert (diary.written, notes) == (["one"], ["written"])


async def test_the_log_goes_where_pytest_shows_it(trio_wa, waha, caplog, capsys):
    await trio_wa.send(ALICE, "Hello")
    await trio_wa.settled()
    assert [each.levelname for each in caplog.records if "message.sent" in each.message] == ["INFO"]
    assert capsys.readouterr().out == ""


async def test_a_message_that_the_store_has_lost_is_told(trio_wa, waha):
    message_id = await trio_wa.send(ALICE, "Hello")
    await trio_wa.settled()
    rows = trio_wa._kept._store._table.rows
    row = rows.pop(message_id)
    with pytest.raises(Lost, match="does not add up"):
        await trio_wa.check_ledger()
    rows[message_id] = row
