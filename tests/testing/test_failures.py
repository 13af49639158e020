"""What pytest shows where a test with the fixtures fails."""

import sys

import pytest

pytest_plugins = ["pytester"]


def test_a_failure_under_a_clock_that_jumped_over_a_thread_says_so(run):
    result = run(
        """
        import threading, trio

        async def test_with(trio_wa, autojump_clock):
            late = threading.Event()

            def sleep():
                late.wait(60)

            async def be_late():
                await trio.sleep(31)
                late.set()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(be_late)
                with trio.fail_after(30):
                    await trio.to_thread.run_sync(sleep)
                    await trio.sleep(0)

        async def test_without(trio_wa, autojump_clock):
            await trio.sleep(30)
            raise trio.TooSlowError
        """
    )
    result.assert_outcomes(failed=2)
    # Under CI pytest repeats the message in its summary, so only the tracebacks are looked at.
    shown = [line for line in result.outlines if line.startswith("E ")]
    noted = [line for line in shown if "jumped while a thread worked (" in line]
    assert len(noted) == 1
    assert "(sleep from <test 'test_with'>)" in noted[0]


def test_waiting_in_vain_shows_what_was_sent_instead_and_how_each_message_stands(run):
    result = run(
        """
        async def test_it(trio_wa, waha, autojump_clock):
            waha.faults(to="447700900002", proxy_503=1)
            await trio_wa.send("447700900001", "to somebody else")
            await trio_wa.send("447700900002", "the one")
            await waha.wait_for(to="447700900002", text="the one", within=3)
        """,
        "--show-capture=no",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            '> *await waha.wait_for(to="447700900002", text="the one", within=3)',
            "*NotSent: no message to 447700900002@c.us with 'the one' in its text within 3 s.",
            "*Sent instead (1):",
            "* over default to 447700900001@c.us: 'to somebody else'",
            "*Reached WAHA and was not delivered (*",
            "* over default to 447700900002@c.us: answered 503",
            "* to 447700900001 is sent: 'to somebody else'",
            "* sent over default",
            "* to 447700900002 is queued (proxy_unavailable)*: 'the one'",
            "*+0.000 s queued",
            "*+0.0?? s sending over default",
            "*+0.0?? s queued over default: proxy_unavailable, WAHA answered 503*",
        ]
    )
    result.stdout.no_fnmatch_line("*Exception Group*")


def test_a_failed_assertion_shows_without_nurseries_around_it(run):
    result = run("async def test_it(trio_wa): assert {'a': 1} == {'a': 2}", "--show-capture=no")
    result.stdout.fnmatch_lines(["*AssertionError: assert {'a': 1} == {'a': 2}"])
    result.stdout.no_fnmatch_line("*Exception Group*")


@pytest.mark.skipif(sys.platform != "linux", reason="sockets and files are seen on Linux only")
def test_a_leak_fails_the_test_that_caused_it_and_no_other(run):
    result = run(
        """
        import pytest, socket
        left = []

        async def test_before(trio_wa): pass

        async def test_port(trio_wa, waha):
            address = waha.url.removeprefix("http://").split(":")
            left.append(socket.create_connection(tuple(address)))

        async def test_between(trio_wa): pass

        @pytest.mark.trio_wa(journal_path="journal.db")
        async def test_file(trio_wa):
            left.append(open(trio_wa.settings.journal_path, "rb"))

        def test_after(trio_wa_sync): pass

        @pytest.mark.trio_wa(journal_path="journal.db")
        def test_file_sync(trio_wa_sync):
            left.append(open(trio_wa_sync.settings.journal_path, "rb"))

        def test_clean_up():
            for each in left:
                each.close()
        """,
        "--show-capture=no",
    )
    result.assert_outcomes(passed=5, failed=2, errors=1)
    result.stdout.fnmatch_lines(
        [
            "after the test trio_wa has */test_file_sync0/journal.db still open",
            "after the test waha has a connection open to its port *",
            "after the test trio_wa has */test_file0/journal.db still open",
            "FAILED *::test_port*",
            "FAILED *::test_file*",
            "ERROR *::test_file_sync*",
        ]
    )


def test_an_error_of_the_service_fails_the_test_at_once(run):
    result = run(
        """
        import trio

        async def test_it(trio_wa, waha):
            def broken(*_): raise RuntimeError("the service is broken")
            trio_wa._kept._store.begin = broken
            await trio_wa.send("447700900000", "Hello")
            await waha.wait_for()
        """,
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*the service is broken*"])


@pytest.mark.parametrize(("a", "wait", "_sync"), [("async ", "await ", ""), ("", "", "_sync")])
def test_a_restart_that_fails_ends_and_its_reason_is_shown(run, a, wait, _sync):
    result = run(
        f"""
        import pytest
        from pathlib import Path

        @pytest.mark.trio_wa(journal_path="journal.db")
        {a}def test_it(trio_wa{_sync}):
            {wait}trio_wa{_sync}.crash()
            Path(trio_wa{_sync}.settings.journal_path).write_bytes(b"no database" * 1000)
            {wait}trio_wa{_sync}.restart()
        """
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*StoreUnusable: *journal.db*"])
