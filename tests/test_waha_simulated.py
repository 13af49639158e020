"""The WAHA adapter against the project's own simulator, in virtual time."""

from dataclasses import replace
from typing import Any

import pytest
import trio
import trio.testing

from tests.core.messages import message
from tests.simulator.running import running
from tests.test_waha_requests import DATA, REQUESTS
from tests.waha_server import FakeMedia, waha
from trio_wa.core.content import NAMELESS, Content, Document, File, Image, Menu, Video, Voice
from trio_wa.core.outcome import Rejected, Sent, Unavailable
from trio_wa.core.session import Session
from trio_wa.ports import (
    Contact,
    Found,
    Missing,
    NoMessageIds,
    Picture,
    Refusal,
    Unreadable,
    WahaInfo,
)
from trio_wa.simulator import SimulatorOptions

ENGINES = ["NOWEB", "GOWS", "WEBJS"]
HOOK = "http://127.0.0.1:9/webhooks/waha"


@pytest.mark.parametrize("engine", ["NOWEB", "GOWS"])
async def test_a_message_goes_out_under_its_id_and_is_found_again(
    engine, autojump_clock: trio.testing.MockClock
) -> None:
    async with running(SimulatorOptions(engine=engine)) as server:
        session = Session("default", server.url)
        async with waha().connect() as sender, waha().observe() as observer:
            waha_id = await observer.new_message_id(session)
            assert isinstance(waha_id, str)
            assert await observer.look_up(session, waha_id) == Missing()
            chosen = replace(message(1), waha_id=waha_id)
            assert await sender.send(chosen, session) == Sent(waha_id)
            assert await observer.look_up(session, waha_id) == Found(0)
            await trio.sleep(1)
            assert await observer.look_up(session, waha_id) == Found(3)
            assert await sender.new_message_id(session) != waha_id


@pytest.mark.parametrize(
    "options", [SimulatorOptions(engine="WEBJS"), SimulatorOptions(message_ids=False)]
)
async def test_a_waha_without_ids_finds_what_it_sent_all_the_same(
    options, autojump_clock: trio.testing.MockClock
) -> None:
    async with running(options) as server:
        session = Session("default", server.url)
        async with waha().connect() as sender, waha().observe() as observer:
            assert await observer.new_message_id(session) == NoMessageIds()
            sent = await sender.send(replace(message(1), waha_id="3EB0AA"), session)
            assert isinstance(sent, Sent)
            assert sent.waha_id not in (None, "3EB0AA")
            assert await observer.look_up(session, sent.waha_id) == Found(0)


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_waha_whose_store_is_off_refuses_look_ups(
    engine, autojump_clock: trio.testing.MockClock
) -> None:
    options = SimulatorOptions(engine=engine, lookups=False)
    async with running(options) as server, waha().observe() as observer:
        finding = await observer.look_up(Session("default", server.url), "3EB0")
    assert isinstance(finding, Unreadable)
    assert finding.refused


async def test_a_session_that_does_not_work_says_so_to_a_check_and_nothing_to_a_look_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    options = SimulatorOptions(not_working_wait=2.0)
    async with running(options) as server:
        server.simulator.set_status("default", "SCAN_QR_CODE")
        session = Session("default", server.url)
        async with waha().connect() as sender, waha().observe() as observer:
            for found in (
                await sender.send(message(1), session),
                await sender.new_message_id(session),
                await sender.check_exists(session, "628123@c.us"),
            ):
                assert isinstance(found, Unavailable)
                assert (found.code, found.status) == ("session_not_working", "SCAN_QR_CODE")
            finding = await observer.look_up(session, "3EB0")
            assert isinstance(finding, Unreadable)
            assert not finding.refused


async def test_a_session_that_is_missing_is_told_as_missing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with running() as server:
        session = Session("nobody", server.url)
        async with waha().connect() as sender, waha().observe() as observer:
            sent = await sender.send(message(1), session)
            assert isinstance(sent, Unavailable)
            assert (sent.code, sent.status) == ("session_missing", "MISSING")
            for refusal in (
                await observer.restart(session),
                await observer.qr_code(session),
                await observer.register_webhook(session, HOOK, "s"),
            ):
                assert isinstance(refusal, Refusal)
                assert refusal.code == "session_missing"


async def test_a_number_is_on_whatsapp_or_not(autojump_clock: trio.testing.MockClock) -> None:
    async with running(SimulatorOptions(not_on_whatsapp=frozenset({"628999"}))) as server:
        session = Session("default", server.url)
        async with waha().connect() as sender:
            assert await sender.check_exists(session, "628123@c.us") == Contact("628123@c.us")
            assert await sender.check_exists(session, "628999@c.us") == Contact(None)


async def test_waha_and_its_sessions_are_seen(autojump_clock: trio.testing.MockClock) -> None:
    options = SimulatorOptions(sessions=("a", "b"), api_key="secret")
    async with running(options) as server:
        server.simulator.set_status("b", "STOPPED")
        both = {"a": "WORKING", "b": "STOPPED"}
        async with waha().observe() as observer:
            asked = await observer.ask(server.url)
            assert asked == WahaInfo(server.url, "2026.6.1", "NOWEB", both)
            assert await observer.statuses(server.url) == WahaInfo(server.url, statuses=both)
        async with waha("wrong").observe() as observer:
            problem = "WAHA refuses the key: check WAHA_API_KEY"
            assert await observer.ask(server.url) == WahaInfo(server.url, problem=problem)
            assert await observer.statuses(server.url) == WahaInfo(server.url, problem=problem)


async def test_a_session_restarts(autojump_clock: trio.testing.MockClock) -> None:
    async with running() as server:
        server.simulator.set_status("default", "FAILED")
        session = Session("default", server.url)
        async with waha().observe() as observer:
            assert await observer.restart(session) is None
            assert (await observer.statuses(server.url)).statuses == {"default": "STARTING"}
            await trio.sleep(1)
            assert (await observer.statuses(server.url)).statuses == {"default": "WORKING"}


async def test_the_qr_code_is_there_while_the_session_waits_for_a_scan(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with running() as server:
        session = Session("default", server.url)
        async with waha().observe() as observer:
            refusal = await observer.qr_code(session)
            detail = "the session is WORKING, not SCAN_QR_CODE"
            assert refusal == Refusal("session_not_scanning", detail)
            server.simulator.set_status("default", "SCAN_QR_CODE")
            picture = await observer.qr_code(session)
    assert isinstance(picture, Picture)
    assert picture.content_type == "image/png"
    assert picture.data.startswith(b"\x89PNG")


async def test_a_webhook_is_registered_once(autojump_clock: trio.testing.MockClock) -> None:
    async with running() as server:
        session = Session("default", server.url)
        async with waha().observe() as observer:
            assert await observer.register_webhook(session, HOOK, "one") is True
            assert await observer.register_webhook(session, HOOK, "one") is False
            assert await observer.register_webhook(session, HOOK, "two") is True
        [target] = server.simulator.sessions["default"].webhooks
    assert (target.url, target.secret) == (HOOK, "two")
    assert target.wants("message.ack.group")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("content", "endpoint", "members"), REQUESTS)
async def test_each_kind_is_delivered(
    engine, content: Content, endpoint: str, members: dict[str, Any]
) -> None:
    async with running(SimulatorOptions(engine=engine)) as server:
        session = Session("default", server.url)
        async with waha(media=FakeMedia(m1=DATA)).connect() as sender:
            sent = replace(message(1), content=content, waha_id="3EB0AA")
            outcome = await sender.send(sent, session)
        if engine == "WEBJS" and isinstance(content, Menu):
            assert isinstance(outcome, Rejected)
            assert outcome.code == "not_implemented"
            return
        [delivered] = server.simulator.delivered
    assert outcome == Sent(delivered.id)
    assert (delivered.id == "3EB0AA") is (engine != "WEBJS" and content.kind not in NAMELESS)
    assert delivered.kind == endpoint
    assert delivered.file is None or delivered.file.size in (None, len(DATA))
    assert ("data" in members.get("file", ())) is (
        delivered.file is not None and delivered.file.size == len(DATA)
    )


async def test_a_list_to_a_group_is_refused_for_good() -> None:
    async with running() as server, waha().connect() as sender:
        sent = replace(message(1, to="120363025@g.us"), content=Menu("Menu", "Choose", ()))
        outcome = await sender.send(sent, Session("default", server.url))
    assert isinstance(outcome, Rejected)
    assert "direct message chat" in outcome.detail


async def test_media_that_need_plus_are_refused_for_good() -> None:
    options = SimulatorOptions(media_needs_plus=True)
    async with running(options) as server, waha(media=FakeMedia(m1=DATA)).connect() as sender:
        for content, _, _ in REQUESTS:
            outcome = await sender.send(
                replace(message(1), content=content), Session("default", server.url)
            )
            if isinstance(content, Image | Document | Voice | Video):
                assert isinstance(outcome, Rejected)
                assert outcome.code == "plan_required"
            else:
                assert isinstance(outcome, Sent)


async def test_a_file_larger_than_waha_takes_is_refused_for_good() -> None:
    options = SimulatorOptions(max_body_bytes=100_000)
    media = FakeMedia(m1=bytes(100_000))
    async with running(options) as server, waha(media=media).connect() as sender:
        sent = replace(message(1), content=Image(File("image/png")))
        outcome = await sender.send(sent, Session("default", server.url))
    assert isinstance(outcome, Rejected)
    assert outcome.code == "payload_too_large"


async def test_the_number_behind_a_hidden_one_is_told() -> None:
    async with running() as server, waha().observe() as observer:
        session = Session("default", server.url)
        assert await observer.number_of(session, "1@lid") is None
        server.simulator.receive("628123@c.us", "STOP", lid="1")
        assert await observer.number_of(session, "1@lid") == "628123@c.us"
