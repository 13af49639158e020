"""The pytest plugin. It imports nothing heavy before a test asks for one of its fixtures."""

import inspect
from collections.abc import AsyncIterator, Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from trio_wa.testing.harness import TrioWa
    from trio_wa.testing.waha import Waha

try:
    from pytest_trio import trio_fixture  # type: ignore[import-untyped]  # it ships no types
except ImportError:  # trio-wa without its extra `testing`
    trio_fixture = None

T = TypeVar("T")

ASYNC_FIXTURES = frozenset({"trio_wa", "waha"})


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
    for item in items:
        if _is_ours(item) and item.get_closest_marker("trio") is None:
            item.add_marker("trio")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Report the error that made a test fail, without the nurseries around it."""
    try:
        return (yield)
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        if error is group or not _is_ours(item):
            raise
        raise error from error.__cause__


@_on_trio
async def waha(request: pytest.FixtureRequest) -> AsyncIterator["Waha"]:
    """A simulated WAHA on a free port, as `@pytest.mark.waha(…)` asks for it."""
    from trio_wa.testing.options import WrongMarker, simulator_options
    from trio_wa.testing.waha import running_waha

    try:
        options = simulator_options(_arguments(request, "waha"))
    except WrongMarker as error:
        pytest.fail(str(error), pytrace=False)
    async with running_waha(options) as waha:
        yield waha


@_on_trio
async def trio_wa(
    request: pytest.FixtureRequest, waha: "Waha", tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator["TrioWa"]:
    """A running trio-wa before `waha`, as `@pytest.mark.trio_wa(…)` asks for it."""
    from trio_wa.testing.harness import running_trio_wa
    from trio_wa.testing.options import WrongMarker, in_directory, settings
    from trio_wa.testing.virtual_time import NO_FILE, is_virtual

    given = _arguments(request, "trio_wa")
    if "journal_path" in given:
        given = in_directory(given, tmp_path_factory.mktemp("trio-wa"))
    try:
        chosen = settings(given, waha_url=waha.url, options=waha.simulator.options)
    except WrongMarker as error:
        pytest.fail(str(error), pytrace=False)
    if is_virtual() and not chosen.in_memory:
        pytest.fail(NO_FILE.format(path=given["journal_path"]), pytrace=False)
    async with running_trio_wa(chosen, waha) as trio_wa:
        yield trio_wa


def _is_ours(item: pytest.Item) -> bool:
    return not ASYNC_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())) and (
        inspect.iscoroutinefunction(getattr(item, "obj", None))
    )


def _arguments(request: pytest.FixtureRequest, marker: str) -> dict[str, Any]:
    """The arguments of all markers of this name; the closest to the test wins."""
    arguments: dict[str, Any] = {}
    for mark in request.node.iter_markers(marker):
        if mark.args:
            pytest.fail(f"@pytest.mark.{marker} takes named arguments only", pytrace=False)
        arguments = {**mark.kwargs, **arguments}
    return arguments
