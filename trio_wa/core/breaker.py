"""A circuit breaker: a run of failures opens it, one probe at a time tries, a success closes it."""

from math import inf
from typing import Literal, TypeAlias

from trio_wa.core.retry import backoff

FAILURES = 5
"""How many in a row open it: fewer may be the messages' own doing."""

WAIT_SECONDS = 30.0
WAIT_MAX = 600.0
"""Before the first probe, and at most before the next: each may cost a message its certainty."""

State: TypeAlias = Literal["closed", "open", "half_open"]


class Breaker:
    """Closed as long as what passes succeeds, now and then at least."""

    def __init__(self) -> None:
        self._failures = 0
        self._rounds = 0
        self._until = 0.0
        self._probe_at: float | None = None

    @property
    def state(self) -> State:
        """Closed: all may pass; open: none, or one after a wait; half open: that one is out."""
        if not self._rounds:
            return "closed"
        return "open" if self._probe_at is None else "half_open"

    def opens_at(self) -> float:
        """When the next may pass: 0 if it is closed, infinity while a probe is out."""
        if not self._rounds:
            return 0.0
        return self._until if self._probe_at is None else inf

    def passed(self, now: float) -> None:
        """Note that something passes: unless it is closed, that is the probe."""
        self._probe_at = now if self._rounds else None

    def failed(self, passed_at: float, now: float, *, jitter: float) -> bool:
        """Note that what passed then has failed; True if that opened it, or was the probe.

        What was under way when it opened adds nothing. The wait is between half and the whole of
        one that doubles with each probe that failed.
        """
        self._failures += 1
        if self._rounds and not self._is_probe(passed_at):
            return False
        if not self._rounds and self._failures < FAILURES:
            return False
        self._rounds += 1
        self._probe_at = None
        wait = backoff(self._rounds, base=WAIT_SECONDS, maximum=WAIT_MAX, jitter=1.0)
        self._until = now + wait * (1 + jitter) / 2
        return True

    def succeeded(self) -> bool:
        """Note a success: it closes. True if it was not closed."""
        was_open, self._rounds, self._failures, self._probe_at = self._rounds > 0, 0, 0, None
        return was_open

    def lost(self, passed_at: float) -> None:
        """Note that what passed then says nothing: was it the probe, the next may pass at once."""
        if self._is_probe(passed_at):
            self._probe_at = None

    def admit(self, now: float) -> None:
        """End the wait for the next probe, as after a restart."""
        self._until = min(self._until, now)

    def _is_probe(self, passed_at: float) -> bool:
        """Whether what passed then is the probe that is out: all else is older."""
        return self._probe_at is not None and passed_at >= self._probe_at
