"""The plugin in suites of others: modes, markers, refusals."""

import pytest

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
        ("waha(engine='FOO')", "*waha: engine is one of NOWEB, GOWS, WEBJS, not 'FOO'"),
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
