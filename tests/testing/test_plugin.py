"""The plugin in suites of others: modes, markers, failures, leaks. Each has its own pytest."""

import sys

import pytest

# pytester unloads what one of its runs was the first to load; twice loaded, it does not fit.
import trio_wa.testing.harness
import trio_wa.testing.sync_trio_wa
import trio_wa.testing.sync_waha  # noqa: F401 - see above

pytest_plugins = ["pytester"]

SEND = """
import pytest

async def test_checkout_sends_a_receipt(trio_wa, waha):
    response = await trio_wa.client.post(
        "/send", json={"to": "6281234567890", "message": "Thank you"}
    )
    assert response.status_code == 202
    message = await waha.wait_for(to="6281234567890")
    assert "Thank you" in message.text
"""


@pytest.fixture
def run(pytester):
    """Run a test module in a pytest in which warnings are errors."""

    def run_module(source, *arguments):
        pytester.makepyfile(source)
        return pytester.runpytest_inprocess("-W", "error", "--strict-markers", *arguments)

    return run_module


@pytest.mark.parametrize("trio_mode", ["true", "false"])
def test_async_tests_run_whatever_trio_mode(run, trio_mode):
    run(SEND, "-o", f"trio_mode={trio_mode}").assert_outcomes(passed=1)


def test_no_environment_reaches_the_service(run, monkeypatch):
    monkeypatch.setenv("WORKER_COUNT", "nonsense")
    monkeypatch.setenv("WAHA_URL", "http://waha.example")
    monkeypatch.setenv("API_KEYS", "nonsense")
    run(SEND).assert_outcomes(passed=1)


def test_markers_of_module_and_test_add_up_and_the_closest_wins(run):
    result = run(
        """
        import pytest
        pytestmark = [
            pytest.mark.trio_wa(worker_count=3, message_ttl="1h"),
            pytest.mark.waha(sessions=("a", "b"), hang=1),
        ]

        @pytest.mark.trio_wa(worker_count=5)
        @pytest.mark.waha(engine="GOWS")
        async def test_it(trio_wa, waha):
            assert trio_wa.settings.worker_count == 5
            assert trio_wa.settings.message_ttl == 3600
            assert [session.name for session in trio_wa.settings.sessions] == ["a", "b"]
            assert waha.simulator.options.engine == "GOWS"
            assert waha.simulator.options.faults.hang == 1
        """
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("markers", "message"),
    [
        ("trio_wa(workers=3)", "*trio_wa has no argument 'workers': did you mean worker_count?"),
        ("trio_wa(worker_count=0)", "*trio_wa: WORKER_COUNT=*must be*"),
        ("trio_wa(3)", "*@pytest.mark.trio_wa takes named arguments only"),
        ("waha(session=('a',))", "*waha has no argument 'session': did you mean sessions?"),
        ("waha(hang=2)", "*@pytest.mark.waha: rates lie between 0 and 1*"),
    ],
)
@pytest.mark.parametrize(
    "test", ["async def test_it(trio_wa): pass", "def test_it(trio_wa_sync): pass"]
)
def test_a_wrong_marker_says_what_would_be_right(run, markers, message, test):
    result = run(f"import pytest\n@pytest.mark.{markers}\n{test}")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (
            "@pytest.mark.trio_wa(journal_path='j.db')\n"
            "async def test_it(trio_wa, autojump_clock): pass",
            "autojump_clock and journal_path cannot be had together*",
        ),
        (
            "def test_it(trio_wa_sync, autojump_clock): pass",
            "autojump_clock and trio_wa_sync or waha_sync cannot be had together*",
        ),
        (
            "@pytest.mark.usefixtures('autojump_clock')\nasync def test_it(trio_wa): pass",
            "autojump_clock is requested but does not run this test*",
        ),
    ],
)
def test_virtual_time_that_cannot_be_had_is_refused_at_the_set_up(run, test, message):
    result = run(f"import pytest\n{test}")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([message])


@pytest.mark.parametrize(
    ("test", "runner"),
    [
        ("def test_it(trio_wa): pass", "pytest alone"),
        ("@pytest.mark.asyncio\nasync def test_it(trio_wa): pass", "pytest-asyncio"),
        ("@pytest.mark.anyio\nasync def test_it(waha): pass", "anyio's plugin"),
    ],
)
def test_a_test_that_is_not_on_trio_is_told_to_use_the_synchronous_fixtures(run, test, runner):
    result = run(f"import pytest\n{test}", "-o", "markers=asyncio", "-o", "trio_mode=false")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"*this test is run by {runner}. Use trio_wa_sync*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_failure_under_a_clock_that_jumped_over_a_thread_says_so(run):
    result = run(
        """
        import time, trio

        async def test_with(trio_wa, autojump_clock):
            with trio.fail_after(30):
                await trio.to_thread.run_sync(time.sleep, 0.1)
                await trio.sleep(0)

        async def test_without(trio_wa, autojump_clock):
            await trio.sleep(30)
            raise trio.TooSlowError
        """
    )
    result.assert_outcomes(failed=2)
    noted = [line for line in result.outlines if "jumped while a thread worked (" in line]
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


def test_the_plugin_is_light_to_load(pytester):
    pytester.makepyfile(
        """
        import sys
        def test_it():
            import trio_wa.testing.plugin
            heavy = {"quart", "hypercorn", "httpx", "pydantic", "trio_wa.service"}
            assert not heavy & set(sys.modules)
        """
    )
    pytester.runpytest_subprocess("-p", "no:cov", "-p", "no:anyio").assert_outcomes(passed=1)


def test_the_markers_are_listed(run):
    result = run("", "--markers")
    result.stdout.fnmatch_lines(
        ["@pytest.mark.trio_wa(**settings)*", "@pytest.mark.waha(**options)*"]
    )


def test_without_pytest_trio_the_fixtures_say_what_to_install(pytester, monkeypatch):
    pytester.makepyfile(pytest_trio="raise ImportError")
    pytester.makepyfile(
        """
        async def test_on_trio(trio_wa): pass
        def test_sync(trio_wa_sync): pass
        """
    )
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(pytester.path))
    result = pytester.runpytest_subprocess("-p", "trio_wa.testing.plugin", "--strict-markers")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*needs pytest-trio: pip install 'trio-wa[[]testing]'"])
