"""A session's configuration, and our webhook in it (WAHA's pages "Sessions" and "Events")."""

import json
from typing import Any

EVENTS = ("session.status", "message.any", "message.ack", "message.ack.group")
_NEEDED = frozenset(EVENTS[:3])


def with_webhook(config: object, url: str, secret: str | None) -> dict[str, Any] | None:
    """A session's configuration with our webhook added, or corrected; None if it is right as is.

    All else in it stays: WAHA takes a new configuration only as a whole.
    """
    known = config if isinstance(config, dict) else {}
    listed = known.get("webhooks")
    webhooks = listed if isinstance(listed, list) else []
    ours = [hook for hook in webhooks if _is_ours(hook, url)]
    if any(_suffices(hook, secret) for hook in ours):
        return None
    others = [hook for hook in webhooks if not _is_ours(hook, url)]
    webhook = {**(ours[0] if ours else {}), "url": url, "events": list(EVENTS)}
    if secret is not None:
        webhook["hmac"] = {"key": secret}
    return {**known, "webhooks": [*others, webhook]}


def body_of(config: dict[str, Any]) -> str | None:
    """The request that gives a session this configuration; None if it is nested too deeply."""
    try:
        return json.dumps({"config": config})
    except RecursionError:
        return None


def _is_ours(hook: object, url: str) -> bool:
    return isinstance(hook, dict) and hook.get("url") == url


def _suffices(hook: dict[str, Any], secret: str | None) -> bool:
    """Whether it brings the events that are needed, signed with `secret`, as far as it shows."""
    events = hook.get("events")
    if not isinstance(events, list):
        return False
    names = {event for event in events if isinstance(event, str)}
    return ("*" in names or names >= _NEEDED) and (secret is None or _signs(hook, secret))


def _signs(hook: dict[str, Any], secret: str) -> bool:
    hmac = hook.get("hmac")
    return isinstance(hmac, dict) and hmac.get("key") in (None, secret)
