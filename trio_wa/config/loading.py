"""From the environment and the `.env` file to the settings, or to lines that say what is wrong."""

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from trio_wa.config.api_keys import ApiKey
from trio_wa.config.env_file import EnvFile, read_env_file
from trio_wa.config.settings import Settings
from trio_wa.core.duration import format_duration


class SettingsError(Exception):
    """One line that names the variable, what is wrong and what would be right.

    The CLI prints it and exits 2. Several wrong settings make several lines, one for each.
    """


def load_settings(env_file: Path | None = Path(".env"), **overrides: Any) -> Settings:
    """The settings from `overrides` (by field), else the environment, else `env_file`.

    Raises SettingsError with a line for each wrong or missing setting and each near miss in
    `env_file`, or, where that cannot be read, for each reason. No secret is in it.
    """
    file = EnvFile() if env_file is None else read_env_file(env_file, _FIELDS)
    if file.problems:
        raise SettingsError("\n".join(file.problems))
    given, places = _gather(file, overrides)
    problems = dict(file.misses)
    try:
        settings = Settings(**{_FIELDS[name].key: value for name, value in given.items()})
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            name = str(detail["loc"][0]).upper()
            problems.setdefault(name, _line(name, detail, places.get(name)))
    if problems:
        raise SettingsError("\n".join(problems.values()))
    return settings


@dataclass(frozen=True, slots=True)
class _Field:
    key: str
    info: FieldInfo

    @property
    def example(self) -> object:
        if self.info.examples:
            return self.info.examples[0]
        default = self.info.default
        return format_duration(default) if isinstance(default, float) else default

    @property
    def secret(self) -> bool:
        return not self.info.repr or _holds_secret(self.info.annotation)


def _holds_secret(annotation: object) -> bool:
    return annotation in (SecretStr, ApiKey) or any(map(_holds_secret, get_args(annotation)))


def _fields() -> dict[str, _Field]:
    keys = {
        str(info.validation_alias or name): info for name, info in Settings.model_fields.items()
    }
    return {key.upper(): _Field(key, info) for key, info in keys.items()}


_FIELDS = _fields()


def _gather(
    file: EnvFile, overrides: Mapping[str, object]
) -> tuple[dict[str, Any], dict[str, str]]:
    """What to hand to Settings beside the environment, and where each variable stands."""
    given: dict[str, Any] = {}
    places = {name.upper(): "environment" for name, text in os.environ.items() if text}
    for name, text in file.values.items():
        if text and name in _FIELDS and name not in places:
            given[name] = text
            places[name] = file.places[name]
    for key, value in overrides.items():
        name = str(Settings.model_fields[key].validation_alias or key).upper()
        given[name] = value
        places.pop(name, None)
    return given, places


def _line(name: str, detail: ErrorDetails, place: str | None) -> str:
    field = _FIELDS[name]
    example = f", for example {name}={field.example}"
    match detail["type"]:
        case "missing":
            return f"{name} is missing: set it in .env or in the environment{example}"
        case "value_error":
            problem = str(detail["ctx"]["error"])
        case "literal_error":
            problem = f"must be {detail['ctx']['expected']}"
        case _:
            problem = f"is wrong: {detail['msg']}"
    shown = "" if field.secret else f"={_shown(detail['input'], problem)}"
    where = f" ({place})" if place else ""
    return f"{name}{shown}{where} {problem}{'' if 'for example' in problem else example}"


def _shown(value: object, problem: str) -> str:
    """The value in one short line, without what may be a password in a URL."""
    text = str(value)
    if isinstance(value, float) and 0 <= value < math.inf and "number" not in problem:
        text = format_duration(value)
    text = re.sub(r"[^\s,/@]*:[^\s,]*@", "…@", text)
    return repr(text if len(text) <= 80 else text[:79] + "…")
