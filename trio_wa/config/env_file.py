"""The `.env` file: NAME=value lines, with the place of each."""

import io
import os
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from dotenv.parser import Binding, parse_stream
from dotenv.variables import Variable, parse_variables

# Above WAHA_API_KEY_PLAIN, WAHA_LOG_FORMAT and the like (0.80), which WAHA reads from the same
# file; below one wrong, missing or swapped letter in WAHA_URL (0.875).
_NEAR = 0.87
# WAHA's own: with one word in the middle it is nearer to WAHA_API_KEY than a typing error.
_NO_MISS = frozenset({"WAHA_NO_API_KEY", "API_KEY"})


@dataclass(slots=True)
class EnvFile:
    """What a `.env` file says.

    `values` holds the settings by variable, `places` where each stands, `problems` why the file
    cannot be trusted, and `misses` a line for each setting that a name in it is only like.
    """

    values: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    misses: dict[str, str] = field(default_factory=dict)


def read_env_file(path: Path, known: Collection[str]) -> EnvFile:
    """Read the variables in `known` from `path`; no file is an empty one.

    The file is read once, as UTF-8 with or without a byte order mark. Quotes, `export`,
    comments and `${NAME}` mean what they mean to python-dotenv; what that would skip, or
    replace by nothing, is a problem here. No value stands in a problem: it may be a secret.
    """
    file = EnvFile()
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return file
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        file.problems.append(f"{path}, line {line} is not UTF-8: save the file as UTF-8")
        return file
    except OSError as error:
        reason = error.strerror or type(error).__name__
        file.problems.append(
            f"{path} cannot be read ({reason}): it must be a readable file of NAME=value lines"
        )
        return file
    if "\0" in text:
        file.problems.append(f"{path} is not UTF-8 text: save the file as UTF-8")
        return file
    for binding in parse_stream(io.StringIO(text)):
        _read_binding(file, binding, f"{path}, line {_line(binding)}", known)
    return file


def _read_binding(file: EnvFile, binding: Binding, place: str, known: Collection[str]) -> None:
    if binding.error or (binding.key is not None and binding.value is None):
        file.problems.append(f"{place} is not NAME=value, for example PORT=8080")
    if binding.key is None or binding.value is None:
        return
    name = binding.key.upper()
    if name not in known and (meant := _meant(name, known)):
        line = f"{name} ({place}) is no setting: did you mean {meant}?"
        file.misses[meant] = "\n".join(filter(None, (file.misses.get(meant), line)))
    scope = {**file.values, **os.environ}
    atoms = list(parse_variables(binding.value))
    names = {atom.name for atom in atoms if isinstance(atom, Variable) and atom.default is None}
    if name in known and not names <= scope.keys():
        file.problems.append(
            f"{name} ({place}) refers to a ${{NAME}} that is not set: set that above this line"
            " or in the environment"
        )
    file.values[name] = "".join(atom.resolve(scope) for atom in atoms)
    file.places[name] = place


def _meant(name: str, known: Collection[str]) -> str | None:
    plain = re.sub(r"[^A-Z0-9]+", "_", name).strip("_")
    close = get_close_matches(plain, sorted(known), n=1, cutoff=_NEAR)
    return close[0] if close and name not in _NO_MISS else None


def _line(binding: Binding) -> int:
    """The line on which the binding itself begins: its own count includes blank lines above."""
    original = binding.original.string
    blank = original[: len(original) - len(original.lstrip())]
    return binding.original.line + len(re.findall(r"\r\n|\n|\r", blank))
