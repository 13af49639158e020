"""From the key that a request presents to its caller."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trio_wa.config.api_keys import ApiKey
from trio_wa.intake.caller import Caller


class KeysDiffer(Exception):
    """A request presents two keys, and they are not the same."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The configured keys, of which only the SHA-256 is known."""

    keys: Sequence[ApiKey]

    def find(self, presented: str) -> Caller | None:
        """The caller whose key was presented; None if it is nobody's.

        It takes as long for a wrong key as for a right one: every key is compared, in constant
        time.
        """
        digest = hashlib.sha256(presented.encode(errors="replace")).hexdigest()
        found: Caller | None = None
        for key in self.keys:
            if hmac.compare_digest(key.sha256, digest):
                found = Caller(key.name, key.scopes, key.sessions)
        return found


def presented_key(headers: Mapping[str, str]) -> str | None:
    """The key in `Authorization: Bearer KEY` (RFC 6750) or in `X-Api-Key`; None without any.

    Another scheme than Bearer is not ours: a proxy may have asked for it.

    Raises:
        KeysDiffer: both are there, and differ.
    """
    scheme, _, credentials = headers.get("authorization", "").strip().partition(" ")
    bearer = credentials.strip() if scheme.lower() == "bearer" else ""
    plain = headers.get("x-api-key", "").strip()
    if bearer and plain and bearer != plain:
        raise KeysDiffer
    return bearer or plain or None
