"""How a command ends that cannot start."""

import functools
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import click

from trio_wa.config import SettingsError

P = ParamSpec("P")
R = TypeVar("R")

WRONG_SETTINGS = 2
"""Exit code when a setting is wrong or missing."""


def settings_errors_end_with_2(command: Callable[P, R]) -> Callable[P, R]:
    """Make `command` end with exit code 2 and a line for each problem on SettingsError.

    An exception group of nothing else counts as one: a nursery wraps what its tasks raise.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except SettingsError as error:
            errors = [error]
        except ExceptionGroup as group:
            errors = []
            for error in _leaves(group):
                if not isinstance(error, SettingsError):
                    raise
                errors.append(error)
        for error in errors:
            for line in str(error).splitlines():
                click.echo(f"trio-wa: {line}", err=True)
        raise SystemExit(WRONG_SETTINGS)

    return run


def _leaves(group: ExceptionGroup[Exception]) -> Iterator[Exception]:
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
