"""From the arguments of the markers to settings and to the simulator's options."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from trio_wa.config import Settings, SettingsError, load_settings
from trio_wa.config.kinds import MEMORY
from trio_wa.core.session import Session
from trio_wa.simulator import Faults, SimulatorOptions

KEY = "the-key-of-the-simulated-waha"

_OPTIONS = frozenset(field.name for field in fields(SimulatorOptions))
_FAULTS = frozenset(field.name for field in fields(Faults)) - _OPTIONS

_DEFAULTS: Mapping[str, Any] = {
    "api_key": KEY,
    "not_working_wait": 0.1,  # WAHA waits for 5 to 10 s before it answers 422
    "stopped_wait": 0.1,
    "missing_wait": 0.1,
}


class WrongMarker(Exception):
    """A marker's argument cannot be used; one line says why and what would be right."""


def simulator_options(given: Mapping[str, Any]) -> SimulatorOptions:
    """The options that `@pytest.mark.waha(**given)` asks for.

    Fields of `Faults` may stand among them. Raises `WrongMarker`.
    """
    _know("waha", given, _OPTIONS | _FAULTS)
    faults = {name: value for name, value in given.items() if name in _FAULTS}
    options = {name: value for name, value in given.items() if name not in _FAULTS}
    if faults and "faults" in options:
        raise WrongMarker(f"@pytest.mark.waha: give {min(faults)} or faults=Faults(…), not both")
    try:
        if faults:
            options["faults"] = Faults(**faults)
        return SimulatorOptions(**{**_DEFAULTS, **options})
    except (TypeError, ValueError) as error:
        raise WrongMarker(f"@pytest.mark.waha: {error}") from None


def settings(given: Mapping[str, Any], *, waha_url: str, options: SimulatorOptions) -> Settings:
    """The settings that `@pytest.mark.trio_wa(**given)` asks for, before the simulator at a URL.

    What is not given has its default: neither the environment nor a .env counts. The store is in
    memory unless `journal_path` is given. Raises `WrongMarker`.
    """
    _know("trio_wa", given, Settings.model_fields)
    defaults = {
        name: field.default
        for name, field in Settings.model_fields.items()
        if not field.is_required()
    }
    ours = {
        "waha_url": waha_url,
        "waha_api_key": options.api_key,
        "sessions": tuple(Session(name, waha_url) for name in options.sessions),
        "journal_path": MEMORY,
    }
    try:
        return load_settings(None, **{**defaults, **ours, **given})
    except SettingsError as error:
        raise WrongMarker(f"@pytest.mark.trio_wa: {error}") from None


def in_directory(given: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    """The same arguments, with a relative `journal_path` in `directory`."""
    path = given.get("journal_path", MEMORY)
    if path == MEMORY:
        return dict(given)
    return {**given, "journal_path": str(directory / path)}


def _know(marker: str, given: Mapping[str, Any], known: Iterable[str]) -> None:
    names = sorted(known)
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            remedy = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
            raise WrongMarker(f"@pytest.mark.{marker} has no argument {name!r}: {remedy}")
