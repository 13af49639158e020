"""The pytest plugin. It imports nothing heavy before a test asks for one of its fixtures."""

import inspect
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from trio_wa.testing.leaks import Leak

if TYPE_CHECKING:
    from trio_wa.config import Settings
    from trio_wa.simulator import SimulatorOptions
    from trio_wa.testing.harness import TrioWa
    from trio_wa.testing.sync_trio_wa import SyncTrioWa
    from trio_wa.testing.sync_waha import SyncWaha
    from trio_wa.testing.thread import TrioThread
    from trio_wa.testing.waha import Waha

try:
    from pytest_trio import trio_fixture  # type: ignore[import-untyped]  # it ships no types
except ImportError:  # trio-wa without its extra `testing`
    trio_fixture = None

T = TypeVar("T")

WATCH = pytest.StashKey[Any]()  # the ThreadWatch of a test

ASYNC_FIXTURES = frozenset({"trio_wa", "waha"})

NOT_ON_TRIO = (
    "trio_wa and waha are for async tests on Trio, and this test is run by {runner}. Use "
    "trio_wa_sync and waha_sync here, or let pytest-trio run it: an async test without "
    "@pytest.mark.asyncio or anyio, and asyncio_mode and anyio_mode not auto"
)


def _on_trio(function: Callable[..., T]) -> Callable[..., T]:
    """Make `function` a fixture of pytest-trio, with `trio_mode` or without."""
    if trio_fixture is not None:
        made: Callable[..., T] = trio_fixture(function)
        return made

    def missing() -> None:
        pytest.fail("this fixture needs pytest-trio: pip install 'trio-wa[testing]'", pytrace=False)

    return pytest.fixture(name=function.__name__)(missing)


def pytest_configure(config: pytest.Config) -> None:
    """Describe the markers."""
    for line in (
        "trio_wa(**settings): settings of the service, as worker_count=5 or message_ttl='1h'",
        "waha(**options): options and faults of the simulated WAHA, as sessions=('a', 'b')",
    ):
        config.addinivalue_line("markers", line)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let pytest-trio run the async tests that use our fixtures, without `trio_mode` too."""
    for item in items if trio_fixture is not None else ():
        is_async = inspect.iscoroutinefunction(getattr(item, "obj", None))
        if is_async and _is_ours(item) and item.get_closest_marker("trio") is None:
            item.add_marker("trio")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse a test that uses our fixtures and is not on Trio, before it ends in a muddle."""
    if trio_fixture is not None and _is_ours(item) and (runner := _other_runner(item)) is not None:
        pytest.fail(NOT_ON_TRIO.format(runner=runner), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Report the error that made a test fail, without the nurseries around it.

    Where time was virtual and could not be, it says so.
    """
    try:
        return (yield)
    except BaseException as whole:
        error = _innermost(whole) if _is_ours(item) else whole
        if WATCH in item.stash and (warning := item.stash[WATCH].warning) is not None:
            error.add_note(warning)
        if error is whole:
            raise
        raise error from error.__cause__


@_on_trio
async def waha(request: pytest.FixtureRequest) -> AsyncIterator["Waha"]:
    """A simulated WAHA on a free port, as `@pytest.mark.waha(…)` asks for it."""
    from trio_wa.testing.virtual_time import NO_ARGUMENT, is_virtual, watched
    from trio_wa.testing.waha import running_waha

    if "autojump_clock" in request.fixturenames and not is_virtual():
        pytest.fail(NO_ARGUMENT, pytrace=False)
    with _leaks_in_a_line(), watched() as watch:
        request.node.stash[WATCH] = watch
        async with running_waha(_options(request)) as waha:
            yield waha


@_on_trio
async def trio_wa(request: pytest.FixtureRequest, waha: "Waha") -> AsyncIterator["TrioWa"]:
    """A running trio-wa before `waha`, as `@pytest.mark.trio_wa(…)` asks for it."""
    from trio_wa.testing.harness import running_trio_wa
    from trio_wa.testing.virtual_time import NO_FILE, is_virtual

    settings = _settings(request, waha)
    if is_virtual() and not settings.in_memory:
        pytest.fail(NO_FILE, pytrace=False)
    with _leaks_in_a_line():
        async with running_trio_wa(settings, waha) as trio_wa:
            yield trio_wa


@pytest.fixture
def trio_wa_thread(request: pytest.FixtureRequest) -> Iterator["TrioThread"]:
    """The thread of `waha_sync` and `trio_wa_sync`."""
    from trio_wa.testing.thread import trio_thread
    from trio_wa.testing.virtual_time import NO_THREAD

    if "autojump_clock" in request.fixturenames:
        pytest.fail(NO_THREAD, pytrace=False)
    with _leaks_in_a_line(), trio_thread() as thread:
        yield thread


@pytest.fixture
def waha_sync(request: pytest.FixtureRequest, trio_wa_thread: "TrioThread") -> Iterator["SyncWaha"]:
    """A simulated WAHA for a test that is not on Trio, as `@pytest.mark.waha(…)` asks for it."""
    from trio_wa.testing.sync_waha import SyncWaha
    from trio_wa.testing.waha import running_waha

    running = running_waha(_options(request))
    with _leaks_in_a_line(), trio_wa_thread.hold(running) as waha:
        yield SyncWaha(trio_wa_thread, waha)


@pytest.fixture
def trio_wa_sync(
    request: pytest.FixtureRequest, trio_wa_thread: "TrioThread", waha_sync: "SyncWaha"
) -> Iterator["SyncTrioWa"]:
    """A running trio-wa for a test that is not on Trio, before `waha_sync`."""
    from trio_wa.testing.harness import running_trio_wa
    from trio_wa.testing.sync_trio_wa import SyncTrioWa

    running = running_trio_wa(_settings(request, waha_sync.waha), waha_sync.waha)
    with _leaks_in_a_line(), trio_wa_thread.hold(running) as trio_wa:
        ours = SyncTrioWa(trio_wa_thread, trio_wa)
        with ours.client:
            yield ours


def _options(request: pytest.FixtureRequest) -> "SimulatorOptions":
    from trio_wa.testing.options import WrongMarker, simulator_options

    try:
        return simulator_options(_arguments(request, "waha"))
    except WrongMarker as error:
        pytest.fail(str(error), pytrace=False)


def _settings(request: pytest.FixtureRequest, waha: "Waha") -> "Settings":
    from trio_wa.testing.options import WrongMarker, in_directory, settings

    given = _arguments(request, "trio_wa")
    if "journal_path" in given:
        given = in_directory(given, request.getfixturevalue("tmp_path"))
    try:
        return settings(given, waha_url=waha.url, options=waha.simulator.options)
    except WrongMarker as error:
        pytest.fail(str(error), pytrace=False)


@contextmanager
def _leaks_in_a_line() -> Iterator[None]:
    try:
        yield
    except Leak as leak:
        pytest.fail(str(leak), pytrace=False)


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _is_ours(item: pytest.Item) -> bool:
    return not ASYNC_FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))


def _other_runner(item: pytest.Item) -> str | None:
    """What runs a test in the place of pytest-trio."""
    if item.get_closest_marker("asyncio") or type(item).__module__.startswith("pytest_asyncio"):
        return "pytest-asyncio"
    if "anyio_backend" in getattr(item, "fixturenames", ()):
        return "anyio's plugin"
    return None if item.get_closest_marker("trio") else "pytest alone"


def _arguments(request: pytest.FixtureRequest, marker: str) -> dict[str, Any]:
    """The arguments of all markers of this name; the closest to the test wins."""
    arguments: dict[str, Any] = {}
    for mark in request.node.iter_markers(marker):
        if mark.args:
            pytest.fail(f"@pytest.mark.{marker} takes named arguments only", pytrace=False)
        arguments = {**mark.kwargs, **arguments}
    return arguments
