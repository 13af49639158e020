"""How a command ends that cannot start."""

import contextlib
import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import click

from trio_wa.config import SettingsError
from trio_wa.ports import StoreUnusable

P = ParamSpec("P")
R = TypeVar("R")

WRONG_SETTINGS = 2
"""Exit code when a setting is wrong or missing."""


def settings_errors_end_with_2(command: Callable[P, R]) -> Callable[P, R]:
    """Make `command` end with exit code 2 and a line for each problem that stands in its way.

    Those are SettingsError, and StoreUnusable: JOURNAL_PATH names something that is no store.

    An exception group of nothing else counts as one: a nursery wraps what its tasks raise.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (SettingsError, StoreUnusable, ExceptionGroup) as error:
            lines = _lines(error)
            if lines is None:
                raise
        with contextlib.suppress(OSError):  # the exit code holds without a readable stderr too
            for line in lines:
                click.echo(f"trio-wa: {line}", err=True)
        raise SystemExit(WRONG_SETTINGS)

    return run


def _lines(error: Exception) -> list[str] | None:
    """What to print of `error`, or None if anything in it is another error."""
    match error:
        case SettingsError() | StoreUnusable():
            return str(error).splitlines()
        case ExceptionGroup(exceptions=inner):
            lines = [_lines(each) for each in inner]
            return None if None in lines else [line for each in lines for line in each or ()]
        case _:
            return None
