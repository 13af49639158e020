"""Messages as callers send them, read for the tests."""

import json
from typing import Any

import pytest

from trio_wa.intake.sending import BadSending, Sending, read_sending

TO = {"to": "6281234567890"}
ID = "false_6281234567890@c.us_3EB0FF12D68F449AC45CCF"
"""WAHA's id of a message."""


def sent(members: dict[str, Any]) -> Sending:
    """What is read of a message with these members."""
    return read_sending(json.dumps(TO | members).encode(), "ID")


def errors_of(members: dict[str, Any]) -> list[dict[str, str]]:
    """What is wrong with a message with these members."""
    with pytest.raises(BadSending) as caught:
        sent(members)
    return caught.value.errors
