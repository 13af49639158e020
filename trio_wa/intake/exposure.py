"""Who can reach the service: checked before it listens."""

import re
from collections.abc import Iterable

from trio_wa.config import Settings, SettingsError
from trio_wa.intake.authorize import REMEDIES
from trio_wa.intake.locality import loopback_authority


def check_exposure(settings: Settings, binds: Iterable[str]) -> None:
    """Refuse to listen where others get in, while nothing tells them apart.

    `binds` are Hypercorn's: "127.0.0.1:8080", "[::1]:8080", "unix:/run/x", "fd://3"; the latter
    two count as open, since it is for a proxy that one uses them.

    Raises:
        SettingsError: there are no keys, anonymous sending is not allowed, and an address is not
            a loopback one.
    """
    if settings.keys or settings.allow_anonymous:
        return
    for bind in binds:
        if not _loopback(bind):
            raise SettingsError(
                f"{bind} (HOST, or bind) can be reached by others, who could all send: {REMEDIES},"
                " or listen on HOST=127.0.0.1"
            )


def describe_access(settings: Settings) -> str:
    """Who may call, in one line for the start of the log."""
    webhooks = "; WAHA's webhooks by their signature" if settings.webhook_secret else ""
    return _describe_callers(settings) + webhooks


def _describe_callers(settings: Settings) -> str:
    anonymous = "anybody may POST /send without a key (ALLOW_ANONYMOUS)"
    if settings.keys:
        names = ", ".join(key.name for key in settings.keys)
        return f"with the keys of {names}" + (f"; {anonymous}" if settings.allow_anonymous else "")
    if settings.allow_anonymous:
        return f"{anonymous}; everything else only directly on this machine"
    return f"no keys: only direct requests on this machine; to let others in, {REMEDIES}"


def _loopback(bind: str) -> bool:
    if re.match(r"(unix:|fd://)", bind):
        return False
    return loopback_authority(bind)
