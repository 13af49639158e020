"""Secrets that come from a file, as Docker and systemd hand them over."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, SecretStr

from trio_wa.config.api_keys import ApiKey, parse_api_keys
from trio_wa.config.kinds import Key, Secret


def secret_file(read: Callable[[str], object]) -> BeforeValidator:
    """Reads what the file of the given name holds, without one newline at its end, as `read` does.

    The setting then is that content, not the name.
    """

    def load(value: object) -> object:
        if not isinstance(value, str | Path):
            return value
        try:
            text = Path(value).read_bytes().decode()
        except UnicodeDecodeError:
            problem = "which is not UTF-8 text"
        except (OSError, ValueError) as error:
            problem = f"which cannot be read ({getattr(error, 'strerror', None) or error})"
        else:
            text = re.sub(r"\r?\n\Z", "", text)
            if text.strip():
                return read(text)
            problem = "which is empty"
        raise ValueError(
            f"must name a readable file that holds the secret, not {_name(value)}, {problem}"
        )

    return BeforeValidator(load)


def _name(path: str | Path) -> str:
    text = repr(str(path))
    return text if len(text) <= 80 else text[:79] + "…"


SecretFile = Annotated[Secret, secret_file(SecretStr)]
KeyFile = Annotated[Key, secret_file(SecretStr)]
ApiKeysFile = Annotated[tuple[ApiKey, ...], secret_file(parse_api_keys)]
