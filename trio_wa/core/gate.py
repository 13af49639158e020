"""A gate before a session or a WAHA: shut by a failure, probed, opened by an answer."""

from math import inf

from trio_wa.core.retry import backoff

PROBE_MAX = 5.0
"""Seconds between two probes at most: so soon after its return a peer is used again."""


class Gate:
    """Open until a failure shuts it; then one probe at a time, after a growing wait, may pass."""

    def __init__(self, *, base: float) -> None:
        self._base = base
        self._failures = 0
        self._until = 0.0
        self._asked = 0.0  # the peer itself asked for quiet until then
        self._probing = False
        self.reason: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether everything may pass."""
        return self._failures == 0

    def opens_at(self) -> float:
        """When the next attempt may pass: 0 if open, infinity while a probe is out."""
        if self.is_open:
            return 0.0
        return inf if self._probing else self._until

    def passed(self) -> None:
        """Note that an attempt passes: through a shut gate it is the probe."""
        self._probing = not self.is_open

    def shut(self, *, now: float, reason: str, jitter: float, retry_after: float | None) -> None:
        """Shut the gate, and for longer if a probe failed; a peer's `retry_after` is in seconds.

        Attempts that were under way when the gate was shut add nothing to the wait.
        """
        if self.is_open or self._probing:
            self._failures += 1
            wait = backoff(self._failures, base=self._base, maximum=PROBE_MAX, jitter=jitter)
            self._until = now + wait
            self._probing = False
            self.reason = reason
        if retry_after:
            self._asked = max(self._asked, now + retry_after)
            self._until = max(self._until, self._asked)

    def open(self, *, now: float) -> None:
        """Let everything pass again, unless the peer asked for a quiet that still lasts."""
        if self._probing or now >= self._asked:
            self._failures = 0
            self._probing = False
            self.reason = None

    def admit(self, *, now: float) -> None:
        """End the wait for the next probe, as for a peer that is said to be back.

        The failures stay: one probe passes, and the rest waits for its answer. A quiet that the
        peer asked for is kept.
        """
        self._until = min(self._until, max(now, self._asked))

    def probe_lost(self) -> None:
        """Note that a probe came to nothing that says anything: the next may pass at once."""
        self._probing = False
