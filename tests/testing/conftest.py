"""Suites in a suite: each has its own pytest."""

import pytest

import trio_wa.testing.sync_trio_wa
import trio_wa.testing.sync_waha  # noqa: F401 - for what it loads
from trio_wa.testing import options, running_trio_wa, running_waha
from trio_wa.testing.thread import trio_thread


@pytest.fixture(scope="session")
def all_is_loaded():
    """Load what a service needs, httpcore too, which httpx loads with its first client.

    pytester unloads what one of its runs was the first to load, and loaded twice it does not fit.
    """
    simulated = options.simulator_options({})
    with trio_thread() as thread, thread.hold(running_waha(simulated)) as waha:
        settings = options.settings({}, waha_url=waha.url, options=simulated)
        with thread.hold(running_trio_wa(settings, waha)) as service:
            thread.call(service.send, "447700900000", "Hello")
            thread.call(service.settled)


@pytest.fixture
def run(pytester, all_is_loaded):
    """Run a test module in a pytest in which warnings are errors."""

    def run_module(source, *arguments):
        pytester.makepyfile(source)
        return pytester.runpytest_inprocess("-W", "error", "--strict-markers", *arguments)

    return run_module
