"""The pytest harness: a trio-wa and a simulated WAHA for each test. See docs/testing.md.

The names are loaded when they are asked for, because pytest imports this package in every
environment that has it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trio_wa.testing.errors import Down, Lost, NotAccepted
    from trio_wa.testing.harness import TrioWa, running_trio_wa
    from trio_wa.testing.leaks import Leak
    from trio_wa.testing.waha import NotSent, Waha, running_waha

__all__ = [
    "Down",
    "Leak",
    "Lost",
    "NotAccepted",
    "NotSent",
    "TrioWa",
    "Waha",
    "running_trio_wa",
    "running_waha",
]

_MODULES = {
    "Down": "errors",
    "Leak": "leaks",
    "Lost": "errors",
    "NotAccepted": "errors",
    "NotSent": "waha",
    "TrioWa": "harness",
    "Waha": "waha",
    "running_trio_wa": "harness",
    "running_waha": "waha",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
