"""How the ways on which alerts reach an operator are read."""

import shlex
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, SecretStr

from trio_wa.config.kinds import Secret
from trio_wa.core.session import base_url


def _command(value: object) -> object:
    if isinstance(value, str):
        try:
            value = tuple(shlex.split(value))
        except ValueError:
            raise ValueError(
                "must be a command line: a quote in it is not closed, or it ends in a backslash"
            ) from None
    if isinstance(value, tuple | list) and not (value and value[0]):
        raise ValueError("must name a program first")
    return value


def _alert_url(value: SecretStr) -> SecretStr:
    url = value.get_secret_value()
    base, _, query = url.partition("?")
    if "#" in url or " " in query:
        raise ValueError("must be a URL without a fragment or blanks")
    base_url(base)
    return value


Command = Annotated[tuple[str, ...], BeforeValidator(_command)]
AlertUrl = Annotated[Secret, AfterValidator(_alert_url)]
