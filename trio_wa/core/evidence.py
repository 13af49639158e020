"""What a look-up proves of an attempt whose outcome is unknown."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

ENGINE_SECONDS = 120.0
"""How long WAHA's engine may take for a send: what is not there after that was not sent."""

LIMIT_SECONDS = 600.0
"""How long an attempt is looked up at most; then nothing will tell any more."""

PROOF_SECONDS = 30.0
"""How long it takes after a start to see whether look-ups work."""

FIRST_SECONDS = 1.0
LAST_SECONDS = 30.0
"""The shortest and the longest pause between two look-ups of one attempt."""


@dataclass(frozen=True, slots=True)
class Again:
    """Nothing can be said yet; look once more at the time `at`."""

    at: float


Verdict: TypeAlias = Literal["not_sent", "cannot_tell"] | Again


class Trust:
    """How far look-ups by a chosen id can be believed on one session.

    `ids` says whether the session sends under the ids that were chosen, `look_ups` whether WAHA
    finds there what it sent. None: neither was seen yet.
    """

    def __init__(self, *, ids: bool | None = None, look_ups: bool | None = None) -> None:
        self.ids = ids
        self.look_ups = look_ups

    @property
    def may_tell(self) -> bool:
        """Whether a look-up may still tell something."""
        return self.ids is not False and self.look_ups is not False

    @property
    def proven(self) -> bool:
        """Whether what a look-up does not find is not there."""
        return self.ids is True and self.look_ups is True

    def compare(self, chosen: str | None, returned: str | None) -> None:
        """Note under which id a message went out, and which was chosen for it."""
        if chosen is not None and returned is not None:
            self.ids = chosen == returned

    def renew(self) -> None:
        """Forget what did not work: the session, or the WAHA behind it, started anew."""
        self.ids = self.ids or None
        self.look_ups = self.look_ups or None


def judge(
    trust: Trust, *, missing: bool, began_at: float, since: float, asked_at: float
) -> Verdict:
    """What a look-up in vain at the time `asked_at` says of an attempt begun at `began_at`.

    `missing` says that WAHA looked and did not find the message; otherwise it could not look.
    That it was not sent is said only where look-ups have been seen to work, and late enough.
    `since` is when this attempt was looked up first: after a crash that may be long after its
    begin, and neither the session nor the proof of its look-ups may be back yet.
    """
    decisive = began_at + ENGINE_SECONDS
    if missing and trust.proven and asked_at >= decisive:
        return "not_sent"
    limit = since + LIMIT_SECONDS if trust.proven else max(decisive, since + PROOF_SECONDS)
    if not trust.may_tell or asked_at >= limit:
        return "cannot_tell"
    pause = min(max((asked_at - since) / 2, FIRST_SECONDS), LAST_SECONDS)
    return Again(min(asked_at + pause, limit, decisive if asked_at < decisive else limit))
